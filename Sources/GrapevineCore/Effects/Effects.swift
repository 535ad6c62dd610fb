// Everything that a step of the node asks the outside to do.

/// The caller-owned sink of a node: datagrams to send, messages to deliver, events to report.
///
/// The node appends; the driver carries out and empties. Nothing in it is allocated per datagram.
public struct Effects: ~Copyable {
  /// Datagrams to send, in order.
  public internal(set) var datagrams: DatagramBuffer
  /// Messages to deliver, in order.
  public internal(set) var deliveries: DeliveryBuffer
  /// Events to report, in order.
  public internal(set) var events: [Event] = []

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

  /// Forgets the datagrams: they were sent.
  public mutating func removeDatagrams() { datagrams.removeAll() }

  /// Forgets the deliveries: they were carried out.
  public mutating func removeDeliveries() { deliveries.removeAll() }

  /// Forgets the events: they were reported.
  public mutating func removeEvents() { events.removeAll(keepingCapacity: true) }

  /// Trades the buffer of deliveries for another one, so that a full one can be handed on without copying.
  public mutating func exchangeDeliveries(_ other: inout DeliveryBuffer) { swap(&deliveries, &other) }
}
