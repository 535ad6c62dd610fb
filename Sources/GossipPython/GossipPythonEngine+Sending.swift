// Envelopes, and their way into datagrams.

import GrapevineCore
import GrapevineDialect

extension GossipPythonEngine {
  /// The next number for a header: 1 to 9,999, since a fifth digit would shift all that follows.
  mutating func nextSequence() -> Int {
    lastSequence = lastSequence % PythonOrigin.lastSequence + 1
    return lastSequence
  }

  /// A number that nobody foresees: whoever names it has received it.
  mutating func drawNumber() -> Int { 1 + generator.below(PythonOrigin.lastSequence) }

  /// Queues a message; one that has no room, or that strangers may not draw, is counted and left to repair.
  @discardableResult
  mutating func enqueue(
    _ type: PythonMessageType, _ body: [UInt8], to recipient: Endpoint, sequence: Int? = nil,
    reserved: Int = 0, attempts: Int, now: Instant
  ) -> Int {
    let sequence = sequence ?? nextSequence()
    let envelope = PythonEnvelope(
      recipient: recipient, type: type, sequence: sequence, body: body, reserved: reserved,
      attempts: max(1, attempts), nextAt: now)
    let isKnown = place(of: recipient).map { peers[$0].isProven } ?? false
    guard
      isKnown || contacts.contains(recipient)
        || strangers.pay(8 + body.count, for: recipient, now: now),
      outbound.append(envelope)
    else {
      counters.droppedExcess &+= 1
      return sequence
    }
    return sequence
  }

  /// Acknowledges as originals do: with the number in the header. In the field for it they would take it for a
  /// number of an envelope of theirs, and drop that.
  mutating func acknowledge(_ sequence: Int, to recipient: Endpoint, now: Instant) {
    enqueue(
      .acknowledgement, PythonMessage.acknowledgement(0).body, to: recipient, sequence: sequence, attempts: 1,
      now: now)
  }

  /// Sends a message to a peer. An original gets those of originators that are in its clock; others only in answer
  /// to its Status, which says what is in its clock, and as long as that has room.
  mutating func sendData(
    _ body: [UInt8], of place: Int, to index: Int, isReplay: Bool = false, isMarked: Bool = false,
    now: Instant
  ) {
    let id = origins[place].id
    if peers[index].kind != .sound, !peers[index].clock.contains(id) {
      guard isReplay else { return }
      guard isForOriginals(id), PythonClockBudget.hasRoom(in: peers[index].clock) else {
        counters.droppedExcess &+= 1
        return
      }
      peers[index].learn([id])
    }
    enqueue(
      .data, body, to: peers[index].endpoint, reserved: isMarked ? PythonEnvelope.evictionMark : 0,
      attempts: isReplay ? 1 : configuration.attempts.data, now: now)
  }

  /// Whether originals are told of an originator that they do not know. Many peers that each told one of another
  /// would end it; so they agree, without a word, on those with the lowest addresses among them.
  private func isForOriginals(_ id: [UInt8]) -> Bool {
    guard let endpoint = PythonMultiaddress(originator: id)?.endpoint else { return false }
    var lower = address.isBelow(endpoint) ? 1 : 0
    for peer in peers where peer.isReady && peer.kind == .sound && peer.endpoint.isBelow(endpoint) {
      lower += 1
    }
    return lower < PythonClockBudget.originators
  }

  /// Members that keep to the wire, drawn by lot.
  mutating func drawSound(_ count: Int, except source: Endpoint) -> [Int] {
    draw(
      count,
      of: peers.indices.filter {
        peers[$0].isReady && peers[$0].kind == .sound && peers[$0].endpoint != source
      })
  }

  /// Some of `places`, drawn by lot.
  mutating func draw(_ count: Int, of places: [Int]) -> [Int] {
    var places = places
    var drawn: [Int] = []
    while drawn.count < count, !places.isEmpty {
      drawn.append(places.swapRemove(generator.below(places.count)))
    }
    return drawn
  }

  /// Writes the envelopes that are due.
  mutating func write(now: Instant, into effects: inout DialectEffects) {
    var written = (datagrams: UInt64(0), copies: UInt64(0), repeats: UInt64(0))
    let failed = outbound.send(now: now, retryInterval: configuration.retryInterval.asNanoseconds) {
      envelope in
      guard effects.datagrams.hasRoom else { return false }
      let datagram =
        PythonDatagram.header(envelope.type, reserved: envelope.reserved, sequence: envelope.sequence)
        + envelope.body
      let isTaken = datagram.withUnsafeBytes { effects.datagrams.append($0, to: envelope.recipient) }
      // A datagram that is too long for the sink can never leave: it counts as sent and lost.
      guard isTaken else { return true }
      written.datagrams += 1
      if envelope.type == .data { written.copies += 1 }
      if envelope.sentAt != nil { written.repeats += 1 }
      return true
    }
    counters.datagramsSent &+= written.datagrams
    counters.copiesSent &+= written.copies
    counters.repeats &+= written.repeats
    for envelope in failed { noteSilence(envelope) }
  }

  /// Drops a member that has not been heard since it was first sent what it did not acknowledge.
  private mutating func noteSilence(_ envelope: PythonEnvelope) {
    guard let index = place(of: envelope.recipient), let sentAt = envelope.sentAt,
      peers[index].heardAt < sentAt
    else { return }
    drop(index)
  }
}

extension Endpoint {
  /// Any order will do that is everywhere the same.
  fileprivate func isBelow(_ other: Endpoint) -> Bool { (low, port) < (other.low, other.port) }
}

extension Array {
  /// Removes an element by putting the last one in its place.
  mutating func swapRemove(_ index: Int) -> Element {
    swapAt(index, count - 1)
    return removeLast()
  }
}
