// Everything that a step of the node asks the outside to do.

/// The caller-owned sink of a node: datagrams to send, messages to deliver, events to report.
///
/// The node appends; the driver carries out and empties. Nothing in it is allocated per datagram.
public struct Effects: ~Copyable {
  /// Datagrams to send, in order.
  public var datagrams: DatagramBuffer
  /// Messages to deliver, in order.
  public var deliveries: DeliveryBuffer
  /// Events to report, in order.
  public var events: [Event] = []

  /// Creates an empty sink out of the given buffers.
  public init(datagrams: consuming DatagramBuffer, deliveries: consuming DeliveryBuffer) {
    self.datagrams = datagrams
    self.deliveries = deliveries
  }

  /// Creates an empty sink with buffers of the default size for `configuration`.
  public init(for configuration: Configuration) {
    self.init(
      datagrams: DatagramBuffer(datagramLimit: configuration.datagramLimit), deliveries: DeliveryBuffer())
  }
}
