// Which transport a node's configuration stands for.

import GrapevineTransport

extension GossipNode.Configuration {
  /// Opens what carries the node's datagrams, without losses or layers.
  func openTransport() throws(TransportError) -> any DatagramTransport {
    switch transport {
    case .udp:
      let socket = try UDPTransport(bind: bind, receiveBufferBytes: receiveBufferBytes)
      if !segmentOffload { socket.segmentOffload = false }
      return socket
    case .tcp:
      return try StreamTransport(bind: bind)
    case .udpOrTCP:
      return try FallbackTransport(
        bind: bind, receiveBufferBytes: receiveBufferBytes, segmentOffload: segmentOffload)
    }
  }
}
