// Datagrams over the network: one UDP socket.
//
// The socket never blocks. Its buffers are asked to be large, because a gossip node's peers speak all at
// once, and what the system granted is read back, because a sender that knows the receiver's window loses
// nothing.

import GrapevineCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A UDP socket of IPv4 or IPv6 as a transport. One thread uses it; it closes the socket when released.
///
/// A socket bound to an IPv6 address reaches IPv4 peers too when that address is `::` (dual stack).
public final class UDPTransport: DatagramTransport {
  /// Where peers reach this transport, with the real port.
  public let localEndpoint: Endpoint
  /// The socket, readable while datagrams wait; closed when the transport is released.
  public let fileDescriptor: Int32
  /// The datagrams of 1,200 bytes that the granted receive buffer holds, 16 to 8,192.
  public let receiveWindow: Int

  /// The receive buffer that the system granted, in bytes as it counts them: Linux doubles what is asked for
  /// and charges its own records to it.
  public let receiveBufferBytes: Int
  /// The send buffer that the system granted, in bytes as it counts them.
  public let sendBufferBytes: Int
  /// Whether the system can send trains of equal datagrams in one piece (`UDP_SEGMENT`, Linux 4.18).
  public let supportsSegmentOffload: Bool

  @exclusivity(unchecked) private var receiver: ReceiveBatch
  @exclusivity(unchecked) private var sender: SendBatch
  @exclusivity(unchecked) private var counted = TransportCounters()

  /// Opens a socket bound to `endpoint`.
  ///
  /// - Parameters:
  ///   - endpoint: An address of this machine, or all zeros for all of them; port 0 takes a free port.
  ///   - receiveBufferBytes: The receive buffer to ask for, in bytes. Chosen here: 4 MiB holds more than
  ///   3,000
  ///     datagrams, what a few hundred peers send while the node waits for its turn on a busy machine. The
  ///     system may grant less (`net.core.rmem_max` on Linux).
  ///   - sendBufferBytes: The send buffer to ask for, in bytes. Chosen here: like the receive buffer, so
  ///   that a
  ///     burst of one full receive window can leave at once.
  public convenience init(
    bind endpoint: Endpoint, receiveBufferBytes: Int = 4 << 20, sendBufferBytes: Int = 4 << 20
  ) throws(TransportError) {
    try self.init(
      bind: endpoint, receiveBufferBytes: receiveBufferBytes, sendBufferBytes: sendBufferBytes,
      sendCall: SystemCalls.sendMessages, receiveCall: SystemCalls.receiveMessages)
  }

  /// Opens a socket bound to a written address, as `Endpoint.resolve` reads it; a host name may block.
  ///
  /// The first of a name's endpoints that can be bound is taken. The buffers are those of the other
  /// initialiser.
  public convenience init(
    bind text: String, receiveBufferBytes: Int = 4 << 20, sendBufferBytes: Int = 4 << 20
  ) throws(TransportError) {
    let endpoint: Endpoint
    do {
      endpoint = try BoundSocket.firstBindable(of: Endpoint.resolve(text))
    } catch {
      throw .address(error)
    }
    try self.init(bind: endpoint, receiveBufferBytes: receiveBufferBytes, sendBufferBytes: sendBufferBytes)
  }

  /// Opens a socket whose calls a test may replace.
  init(
    bind endpoint: Endpoint, receiveBufferBytes: Int, sendBufferBytes: Int,
    sendCall: @escaping MessageCall, receiveCall: @escaping MessageCall
  ) throws(TransportError) {
    let socket = try BoundSocket(bind: endpoint)
    self.receiveBufferBytes = socket.setBuffer(SO_RCVBUF, bytes: receiveBufferBytes)
    self.sendBufferBytes = socket.setBuffer(SO_SNDBUF, bytes: sendBufferBytes)
    localEndpoint = try socket.boundEndpoint()
    receiveWindow = TransportLimits.clampedWindow(self.receiveBufferBytes / TransportLimits.datagramCost)
    supportsSegmentOffload = SystemCalls.supportsSegments(socket.descriptor)
    receiver = ReceiveBatch(call: receiveCall)
    sender = SendBatch(family: socket.family, segments: supportsSegmentOffload, call: sendCall)
    fileDescriptor = socket.release()
  }

  deinit {
    close(fileDescriptor)
  }

  /// Whether trains of equal datagrams to one destination leave in one piece.
  ///
  /// It starts true where the system supports it, becomes false for good once a path refuses a train that
  /// gets through in single datagrams, and can be set false to compare. Setting it true where the system
  /// does not support it has no effect.
  public var segmentOffload: Bool {
    get { sender.segments }
    set { sender.segments = newValue && supportsSegmentOffload }
  }

  /// What has happened since the transport was made.
  public var counters: TransportCounters {
    var counters = counted
    counters.receiveDrops = SystemCalls.receiveDrops(fileDescriptor)
    return counters
  }

  /// Takes up to 64 datagrams that wait and forgets those of the call before; returns their number.
  public func receive() -> Int { receiver.receive(from: fileDescriptor, counters: &counted) }

  /// The bytes of a received datagram, valid until the next `receive`; empty when it was truncated.
  public func datagram(_ index: Int) -> UnsafeRawBufferPointer { receiver.datagram(index) }

  /// Whether a received datagram was longer than 2,048 bytes.
  public func isTruncated(_ index: Int) -> Bool { receiver.isTruncated(index) }

  /// Where a received datagram came from.
  public func source(_ index: Int) -> Endpoint { receiver.source(index) }

  /// Sends datagrams in order; returns how many are done with, fewer than all when the system's buffer is
  /// full.
  ///
  /// A datagram that the system refuses for good is counted in `sendFailures` and done with.
  public func send(_ buffer: borrowing DatagramBuffer, from first: Int) -> Int {
    sender.send(buffer, from: first, to: fileDescriptor, counters: &counted)
  }
}
