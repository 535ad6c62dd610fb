// Everything that a step of the node asks the outside to do.

/// The caller-owned sink of a node: datagrams to send, messages to deliver, events to report.
///
/// The node appends; the driver carries out and empties. Nothing in it is allocated per datagram.
public struct Effects: ~Copyable {
  /// Datagrams to send, in order.
  public internal(set) var datagrams: DatagramBuffer
  /// Messages to deliver, in order.
  public internal(set) var deliveries: DeliveryBuffer
  /// Changes of tuples to carry out, in order.
  public internal(set) var changes: ChangeBuffer
  /// What other members said to this one, in order.
  public internal(set) var direct: DirectBuffer
  /// What became of what this node said and asked, in order.
  public internal(set) var outcomes: [DirectOutcome] = []
  /// What became of large messages, in order.
  public internal(set) var transfers: [TransferUpdate] = []
  /// What members are said to have signed, to be checked and given back to the node; see `Node.settleFacts`.
  public internal(set) var facts: [SignedFact] = []
  /// Events to report, in order.
  public internal(set) var events: [Event] = []

  /// Creates an empty sink out of the given buffers.
  public init(
    datagrams: consuming DatagramBuffer, deliveries: consuming DeliveryBuffer,
    changes: consuming ChangeBuffer, direct: consuming DirectBuffer = DirectBuffer()
  ) {
    self.datagrams = datagrams
    self.deliveries = deliveries
    self.changes = changes
    self.direct = direct
  }

  /// Creates an empty sink with buffers of the default size for `configuration`.
  public init(for configuration: Configuration) {
    let valueLimit = configuration.tuples?.valueLimit ?? 0
    self.init(
      datagrams: DatagramBuffer(datagramLimit: configuration.datagramLimit), deliveries: DeliveryBuffer(),
      changes: ChangeBuffer(bytes: max(1 << 20, 4 * (valueLimit + 256))))
  }

  /// Forgets the datagrams: they were sent.
  public mutating func removeDatagrams() { datagrams.removeAll() }

  /// Forgets the deliveries: they were carried out.
  public mutating func removeDeliveries() { deliveries.removeAll() }

  /// Forgets the changes of tuples: they were carried out.
  public mutating func removeChanges() { changes.removeAll() }

  /// Forgets what other members said: it was handed on.
  public mutating func removeDirect() { direct.removeAll() }

  /// Forgets the outcomes: they were reported.
  public mutating func removeOutcomes() { outcomes.removeAll(keepingCapacity: true) }

  /// Says whether anybody wants changes of tuples; while nobody does, none are written.
  public mutating func wantChanges(_ isWanted: Bool) { changes.isWanted = isWanted }

  /// Forgets what became of large messages: it was reported.
  public mutating func removeTransfers() { transfers.removeAll(keepingCapacity: true) }

  /// Forgets the facts: they were checked.
  public mutating func removeFacts() { facts.removeAll(keepingCapacity: true) }

  /// Forgets the events: they were reported.
  public mutating func removeEvents() { events.removeAll(keepingCapacity: true) }

  /// Trades the buffer of deliveries for another one, so that a full one can be handed on without copying.
  public mutating func exchangeDeliveries(_ other: inout DeliveryBuffer) { swap(&deliveries, &other) }
}
