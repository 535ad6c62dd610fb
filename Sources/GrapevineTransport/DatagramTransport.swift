// The face that every carrier of datagrams shows to a driver.
//
// A driver must not know whether it talks to a socket or to a queue in the same process: it asks for what has
// arrived, hands over what must leave, and watches one descriptor in between. Both directions move batches,
// because an event loop that wakes up usually finds more than one datagram.

import GrapevineCore

/// Carries datagrams between endpoints: unreliable, unordered, never blocking. One thread uses it.
///
/// Nothing a peer sends, and no address that fails, stops a transport: what goes wrong is counted in
/// `counters`.
public protocol DatagramTransport: AnyObject {
  /// Where peers reach this transport; the port is the real one, also when port 0 was asked for.
  var localEndpoint: Endpoint { get }

  /// A descriptor that is readable while datagrams wait. The transport owns it.
  var fileDescriptor: Int32 { get }

  /// The datagrams of 1,200 bytes that may wait to be received before more are lost; 16 to 8,192.
  var receiveWindow: Int { get }

  /// What has happened since the transport was made; for UDP, reading it costs a system call.
  var counters: TransportCounters { get }

  /// The greatest number of bytes by which datagrams are longer on the wire than they were handed over.
  ///
  /// Default: 0. A node keeps its datagrams that much shorter.
  var overhead: Int { get }

  /// Takes what has arrived, at most 64 datagrams, and forgets those of the call before.
  ///
  /// - Returns: The number of datagrams now at hand; 0 when none waits.
  func receive() -> Int

  /// The bytes of a datagram that `receive` took, valid until its next call; empty when it was truncated.
  ///
  /// - Parameter index: Below what `receive` returned.
  func datagram(_ index: Int) -> UnsafeRawBufferPointer

  /// Whether the datagram was longer than the 2,048 bytes that a transport receives, so that its bytes are
  /// gone.
  ///
  /// - Parameter index: Below what `receive` returned.
  func isTruncated(_ index: Int) -> Bool

  /// Where the datagram came from, as the network says; a peer may have forged it.
  ///
  /// - Parameter index: Below what `receive` returned.
  func source(_ index: Int) -> Endpoint

  /// Sends the datagrams of `buffer` from the one at `first` to the last, in order.
  ///
  /// A datagram whose destination fails is counted in `sendFailures` and done with, so that it never holds up
  /// those behind it.
  ///
  /// - Returns: The number of datagrams done with: all of them, or fewer when the system's buffer is full.
  /// Then
  ///   send the rest once the descriptor is writable.
  func send(_ buffer: borrowing DatagramBuffer, from first: Int) -> Int
}

extension DatagramTransport {
  /// None: datagrams travel as they are.
  public var overhead: Int { 0 }
}

/// What a transport has done and seen since it was made.
public struct TransportCounters: Equatable, Sendable {
  /// Datagrams that the system accepted; the network may still lose them.
  public var datagramsSent = 0
  /// Bytes in those datagrams, without the headers of UDP and IP.
  public var bytesSent = 0
  /// Datagrams received, truncated ones included.
  public var datagramsReceived = 0
  /// Bytes received, without headers; truncated datagrams count as 0.
  public var bytesReceived = 0
  /// Datagrams that the system refused to send: no route, a forbidden or impossible address, too long.
  public var sendFailures = 0
  /// Times that a send stopped early because the system's buffer was full.
  public var sendsBlocked = 0
  /// System calls made to send.
  public var systemCallsSend = 0
  /// System calls made to receive.
  public var systemCallsReceive = 0
  /// Errors while receiving, such as a peer's "port unreachable"; none of them stops the transport.
  public var receiveErrors = 0
  /// Datagrams lost because the receive queue was full; 0 where the system does not tell (before Linux 4.12).
  public var receiveDrops = 0
  /// Datagrams received that were longer than 2,048 bytes.
  public var truncated = 0
  /// What a layer around the transport has done; nil without one.
  public var layer: LayerCounters?
  /// What has become of streams; nil where datagrams travel by UDP alone.
  public var streams: StreamCounters?

  /// Creates counters that are all 0.
  public init() {}
}

/// Sizes that every transport shares.
enum TransportLimits {
  /// Datagrams in one batch. Chosen here: 64 amortise the system call and fit one `UDP_SEGMENT` train.
  static let batch = 64
  /// Bytes kept of one received datagram. Chosen here: above any path's usual 1,500, two to a page of memory.
  static let datagramBytes = 2_048
  /// What a datagram of 1,200 bytes takes of a socket's receive buffer on Linux, in bytes: its data rounded
  /// up to 2,048 and the kernel's own record of 256.
  static let datagramCost = 2_304
  /// The datagrams that a receive window may claim. Chosen here: fewer than 16 would stall every sender; more
  /// than 8,192 is more than a node should have in flight.
  static let receiveWindow = 16...8_192

  /// The receive window of a queue of `datagrams` datagrams.
  static func clampedWindow(_ datagrams: Int) -> Int {
    min(max(datagrams, receiveWindow.lowerBound), receiveWindow.upperBound)
  }
}
