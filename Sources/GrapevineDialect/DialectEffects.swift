// Everything that a step of a foreign engine asks the outside to do.

import GrapevineCore

/// The caller-owned sink of a foreign engine: datagrams to send and messages to deliver.
public struct DialectEffects: ~Copyable {
  /// Datagrams to send, in order.
  public var datagrams: DatagramBuffer
  /// Messages to deliver, in order.
  public var deliveries: DialectDeliveries

  /// Creates an empty sink.
  ///
  /// - Parameters:
  ///   - datagrams: Datagrams it holds at most.
  ///   - datagramLimit: The longest datagram it takes, in bytes.
  ///   - deliveries: What it holds of messages.
  public init(
    datagrams: Int = 256, datagramLimit: Int = 1_024, deliveries: consuming DialectDeliveries = .init()
  ) {
    self.datagrams = DatagramBuffer(datagrams: datagrams, datagramLimit: datagramLimit)
    self.deliveries = deliveries
  }
}
