// A network inside one process, for tests, for simulations on a real clock, and for nodes that share a
// program.
//
// It behaves like UDP on a perfect wire: order and content are kept, but a full queue drops, and a datagram
// to a port that nobody holds is gone without a word.

import GrapevineCore
import Synchronization

/// Ports in memory that reach each other, and nothing else. Any thread may bind and send.
public final class MemoryNetwork: Sendable {
  /// The ports in use and what follows the one given out last.
  private struct Ports {
    var mailboxes: [UInt16: Mailbox] = [:]
    var next: UInt16 = 1
  }

  private let ports = Mutex(Ports())
  private let queueLimit: Int

  /// Creates a network without ports.
  ///
  /// - Parameter queueLimit: Datagrams that may wait at one port, 16 to 8,192 (others are moved into it).
  /// Chosen
  ///   here: 1,024, sixteen full batches; a port takes memory only for what ever waited at once, 2 KiB each.
  public init(queueLimit: Int = 1_024) {
    self.queueLimit = TransportLimits.clampedWindow(queueLimit)
  }

  /// The endpoint of a port: in 100::/64, the addresses that no network carries (RFC 6666).
  public static func endpoint(port: UInt16) -> Endpoint {
    Endpoint(high: 0x0100_0000_0000_0000, low: 0, port: port)
  }

  /// Takes a port until the transport is released.
  ///
  /// - Parameter port: The port, or 0 for the next free one; in a fresh network that is 1, 2, 3 and so on.
  /// - Throws: `TransportError.addressInUse`, `noFreePort`, or `system` when the process may have no more
  ///   descriptors; the network is unchanged.
  public func bind(port: UInt16 = 0) throws(TransportError) -> MemoryTransport {
    let mailbox = try Mailbox(limit: queueLimit)
    let result: Result<UInt16, TransportError> = ports.withLock { ports in
      guard ports.mailboxes.count < Int(UInt16.max) else { return .failure(.noFreePort) }
      var chosen = port
      if port == 0 {
        while ports.next == 0 || ports.mailboxes[ports.next] != nil { ports.next &+= 1 }
        chosen = ports.next
        ports.next &+= 1
      }
      guard ports.mailboxes[chosen] == nil else {
        return .failure(.addressInUse(Self.endpoint(port: chosen)))
      }
      ports.mailboxes[chosen] = mailbox
      return .success(chosen)
    }
    return MemoryTransport(network: self, mailbox: mailbox, endpoint: Self.endpoint(port: try result.get()))
  }

  /// Frees a port.
  func release(port: UInt16) {
    // The mailbox leaves the lock before it is released, which closes its descriptor.
    let mailbox = ports.withLock { $0.mailboxes.removeValue(forKey: port) }
    _ = consume mailbox
  }

  /// The queue of an endpoint; nil when nobody holds it or it is not of this network.
  func mailbox(at endpoint: Endpoint) -> Mailbox? {
    guard endpoint == Self.endpoint(port: endpoint.port) else { return nil }
    return ports.withLock { $0.mailboxes[endpoint.port] }
  }
}
