// Which transport a node's configuration stands for.

import GrapevineCore
import GrapevineTransport

extension GossipNode.Configuration {
  /// Opens what carries the node's datagrams, without losses or layers.
  func openTransport() throws(TransportError) -> any DatagramTransport {
    guard
      UnixAddress.isWritten(bind) == (transport == .unix) || UnixAddress.isWritten(bind) && transport == .udp
    else { throw .address(.otherKind(text: bind)) }
    if UnixAddress.isWritten(bind) { return try StreamTransport(bind: bind) }
    switch transport {
    case .udp:
      let socket = try UDPTransport(bind: bind, receiveBufferBytes: receiveBufferBytes)
      if !segmentOffload { socket.segmentOffload = false }
      return socket
    case .tcp, .unix:
      return try StreamTransport(bind: bind)
    case .udpOrTCP:
      return try FallbackTransport(
        bind: bind, receiveBufferBytes: receiveBufferBytes, segmentOffload: segmentOffload)
    }
  }
}

extension GossipNode {
  /// The endpoints of a written contact; a host name is looked up, which may block.
  ///
  /// - Throws: `AddressError`, also when a node with this one's transport cannot reach it.
  nonisolated func contacts(at text: String) throws(AddressError) -> [Endpoint] {
    guard UnixAddress.isWritten(text) else {
      let endpoints = try Endpoint.resolve(text)
      guard seat == nil else { throw .otherKind(text: text) }
      return endpoints
    }
    let address = try UnixAddress(text)
    guard let seat else { throw .otherKind(text: text) }
    if let directory = address.directory, !seat.isIn(directory) {
      throw .otherDirectory(text: text, directory: seat.directoryPath)
    }
    guard address.number != 0 else { throw .unreachable(text: text) }
    return [Endpoint(unix: address.number)]
  }

  /// Gives the node's number among Unix sockets back, as `leave` does at its end; for programs that end without.
  package nonisolated func releaseSeat() { seat?.release() }
}
