// Losing datagrams on purpose.

import GrapevineCore

/// A transport that drops a share of what arrives: to see how a cluster of real processes stands a bad
/// network.
public final class LossyTransport: DatagramTransport {
  private let inner: any DatagramTransport
  private let loss: Double
  private var generator: Generator
  private var kept: [Int] = []

  /// Datagrams dropped so far.
  public private(set) var dropped = 0

  /// Wraps a transport.
  ///
  /// - Parameters:
  ///   - loss: The probability that an arriving datagram is dropped.
  ///   - seed: Decides which; by default from the system's entropy.
  public init(_ inner: any DatagramTransport, loss: Double, seed: UInt64? = nil) {
    self.inner = inner
    self.loss = loss
    var entropy = SystemRandomNumberGenerator()
    generator = Generator(seed: seed ?? entropy.next())
    kept.reserveCapacity(TransportLimits.batch)
  }

  /// The inner transport's endpoint.
  public var localEndpoint: Endpoint { inner.localEndpoint }

  /// The inner transport's descriptor.
  public var fileDescriptor: Int32 { inner.fileDescriptor }

  /// The inner transport's window.
  public var receiveWindow: Int { inner.receiveWindow }

  /// The inner transport's counters, dropped datagrams included.
  public var counters: TransportCounters { inner.counters }

  /// The inner transport's overhead.
  public var overhead: Int { inner.overhead }

  /// Receives until a batch has something left after the losses, or nothing waits.
  public func receive() -> Int {
    while true {
      let count = inner.receive()
      guard count > 0 else { return 0 }
      kept.removeAll(keepingCapacity: true)
      for index in 0..<count where !generator.chance(loss) { kept.append(index) }
      dropped += count - kept.count
      if !kept.isEmpty { return kept.count }
    }
  }

  /// The bytes of a datagram that was kept.
  public func datagram(_ index: Int) -> UnsafeRawBufferPointer { inner.datagram(kept[index]) }

  /// Whether a datagram that was kept is truncated.
  public func isTruncated(_ index: Int) -> Bool { inner.isTruncated(kept[index]) }

  /// Where a datagram that was kept came from.
  public func source(_ index: Int) -> Endpoint { inner.source(kept[index]) }

  /// Sends without loss.
  public func send(_ buffer: borrowing DatagramBuffer, from first: Int) -> Int {
    inner.send(buffer, from: first)
  }
}
