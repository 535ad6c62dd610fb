// The core on a transport: the part that both forms of the API share.
//
// Receive what arrived, advance to the present, send until nothing is left: the driver does these steps when
// it is told to, and reads the clock once for each. It knows nothing about gossip.

import GrapevineCore
import GrapevineTransport

/// Steps a core over a transport.
///
/// One thread at a time uses it, and nothing it calls comes back to it, so runtime exclusivity checks, a
/// tenth of the way of a lone message, would find nothing.
final class NodeDriver {
  let transport: any DatagramTransport
  @exclusivity(unchecked) private(set) var node: Node
  @exclusivity(unchecked) private(set) var effects: Effects
  /// Datagrams at the head of `effects` that have left already.
  private var sentCount = 0
  /// Where others reach the node, when that is known.
  let advertised: Endpoint?

  /// Creates a node that others reach at `advertised`, or else where the transport is bound when that is one place.
  init(
    configuration: Configuration, transport: any DatagramTransport, advertised: Endpoint? = nil
  ) throws(ConfigurationError) {
    self.transport = transport
    self.advertised = advertised ?? transport.localEndpoint.ifConcrete
    var entropy = SystemRandomNumberGenerator()
    node = try Node(
      configuration: configuration, identity: MemberID(entropy.next()), seed: entropy.next(),
      receiveWindow: transport.receiveWindow)
    effects = Effects(for: configuration)
  }

  /// Takes one batch of datagrams from the transport.
  ///
  /// - Returns: The number of datagrams taken; 0 when none waited.
  func receive() -> Int {
    let count = transport.receive()
    guard count > 0 else { return 0 }
    let now = MonotonicClock.now()
    for index in 0..<count {
      if transport.isTruncated(index) {
        node.receiveTruncated()
      } else {
        node.receive(
          transport.datagram(index).bytes, from: transport.source(index), now: now, into: &effects)
      }
    }
    // Answers to strangers are not kept: what fills the buffer leaves before the next batch comes.
    if !effects.datagrams.hasRoom { _ = send(now: now) }
    return count
  }

  /// Does what is due and sends all there is to send.
  ///
  /// - Returns: False when the transport takes no more for now.
  func advance() -> Bool {
    let now = MonotonicClock.now()
    node.advance(now: now, into: &effects)
    return send(now: now)
  }

  /// Sends all there is to send.
  ///
  /// - Returns: False when the transport takes no more for now.
  func send(now: Instant) -> Bool {
    while true {
      let more = node.flush(now: now, into: &effects)
      guard effects.datagrams.count > 0 else { return true }
      sentCount += transport.send(effects.datagrams, from: sentCount)
      guard sentCount >= effects.datagrams.count else { return false }
      effects.removeDatagrams()
      sentCount = 0
      if !more { return true }
    }
  }

  func join(_ contacts: [Endpoint]) {
    node.join(contacts, now: MonotonicClock.now(), into: &effects)
  }

  func leave() {
    node.leave(now: MonotonicClock.now(), into: &effects)
  }

  func setTags(_ tags: [String: String]) throws(MemberDataError) {
    try node.setTags(tags, now: MonotonicClock.now())
  }

  func resumeDelivery() {
    node.resumeDelivery(now: MonotonicClock.now())
  }

  func broadcast(
    _ payload: UnsafeRawBufferPointer, level: DeliveryLevel, isTagged: Bool, now: Instant
  ) throws(BroadcastError) -> UInt64 {
    try node.broadcast(payload, level: level, isTagged: isTagged, now: now)
  }

  var nextDeadline: Instant { node.nextDeadline }

  /// Takes the events that happened since the last call.
  func takeEvents() -> [Event] {
    guard !effects.events.isEmpty else { return [] }
    defer { effects.removeEvents() }
    return effects.events
  }

  func removeDeliveries() { effects.removeDeliveries() }

  func exchangeDeliveries(_ other: inout DeliveryBuffer) { effects.exchangeDeliveries(&other) }
}
