// What arrives: datagrams, and the messages of applications in them.

import GrapevineCore
import GrapevineDialect

extension GossipPythonEngine {
  /// Takes one datagram; answers wait for `advance`.
  public mutating func receive(
    _ datagram: UnsafeRawBufferPointer, from source: Endpoint, now: Instant,
    into effects: inout DialectEffects
  ) {
    counters.datagramsReceived &+= 1
    guard datagram.count <= PythonDatagram.lengthLimit else {
      counters.droppedOversized &+= 1
      return
    }
    let received: PythonDatagram
    do throws(PythonWireError) {
      received = try PythonDatagram(reading: datagram)
    } catch {
      counters.droppedMalformed &+= 1
      return
    }
    guard source != address, source.isUsable, source.ipv4 != nil else {
      counters.droppedUnexpected &+= 1
      return
    }
    switch received.message {
    case .hello(let member): return onHello(member, received.sequence, from: source, now: now)
    case .welcome(let echo, let member): return onWelcome(echo, member, from: source, now: now)
    default: break
    }
    guard lifecycle == .connected else {
      counters.droppedUnexpected &+= 1
      return
    }
    switch received.message {
    case .acknowledgement(let number):
      onAcknowledgement(number == 0 ? received.sequence : number, from: source, now: now)
    case .memberList(let members):
      acknowledge(received.sequence, to: source, now: now)
      noteConnected(source, now: now)
      onMemberList(members, now: now)
    case .data(let record, let payload):
      let isMarked = received.reserved == PythonEnvelope.evictionMark
      if take(record, payload, isMarked: isMarked, from: source, now: now, into: &effects) {
        acknowledge(received.sequence, to: source, now: now)
        noteConnected(source, now: now)
      }
    case .status(let clock):
      acknowledge(received.sequence, to: source, now: now)
      guard let index = noteConnected(source, now: now) else {
        counters.droppedExcess &+= 1
        return
      }
      onStatus(clock, from: index, now: now)
    default: break
    }
  }

  /// Ack, which only a member sends; that of a stranger answers nothing.
  private mutating func onAcknowledgement(_ sequence: Int, from source: Endpoint, now: Instant) {
    guard let index = place(of: source) else {
      counters.droppedUnexpected &+= 1
      return
    }
    _ = outbound.remove(sequence, of: source)
    peers[index].vainHellos = 0
    if !peers[index].isProven, peers[index].knows(sequence, told: peers[index].probe) {
      (peers[index].isMember, peers[index].isConnected) = (true, true)
      noteProven(index, now: now)
    }
    noteConnected(source, now: now)
  }

  /// Data.
  ///
  /// - Returns: Whether it is to be acknowledged; false leaves it as if it had been lost.
  private mutating func take(
    _ record: PythonRecord, _ payload: [UInt8], isMarked: Bool, from source: Endpoint, now: Instant,
    into effects: inout DialectEffects
  ) -> Bool {
    guard effects.deliveries.hasRoom(for: payload.count + PythonDatagram.idLimit) else {
      counters.droppedExcess &+= 1
      return false
    }
    guard record.sequence > 0, !record.id.isEmpty else {
      takeText(record, payload, from: source, now: now, into: &effects)
      return true
    }
    if isOwnName(record.id) {
      // Our own comes back, or somebody sends in our name.
      if let place = origins.place(of: record.id), record.sequence <= origins[place].highest {
        counters.duplicates &+= 1
      } else {
        counters.droppedUnexpected &+= 1
      }
      return true
    }
    guard let place = originator(record.id, now: now) else {
      counters.droppedExcess &+= 1
      return false
    }
    origins[place].heardAt = now
    if let index = self.place(of: source), peers[index].kind != .sound {
      peers[index].learn([record.id])
    }
    if isMarked { origins[place].noteEviction(before: record.sequence, now: now) }
    guard !origins[place].contains(record.sequence) else {
      counters.duplicates &+= 1
      return true
    }
    origins[place].insert(record.sequence, payload, now: now)
    if origins[place].isBehind { missSomething(of: place, from: source, now: now) }
    deliver(record.id, UInt64(record.sequence), payload, into: &effects)
    let body = PythonMessage.data(record, payload).body
    for index in drawSound(configuration.fanout, except: source) {
      sendData(body, of: place, to: index, now: now)
    }
    return true
  }

  /// A message without a usable number: an original's own, or one that a peer passes on for it under the
  /// original's address and the number 0.
  private mutating func takeText(
    _ record: PythonRecord, _ payload: [UInt8], from source: Endpoint, now: Instant,
    into effects: inout DialectEffects
  ) {
    let isFirstHand = record.id.isEmpty
    guard let name = isFirstHand ? PythonMultiaddress(source)?.text : record.id else { return }
    guard name != multiaddress.text, texts.insert(name + [0] + payload, now: now) else {
      counters.duplicates &+= 1
      return
    }
    deliver(name, 0, payload, into: &effects)
    guard isFirstHand else { return }
    // The original sends it to three members at most, and none of its kind passes it on.
    let body = PythonMessage.data(PythonRecord(sequence: 0, id: name), payload).body
    for peer in peers where peer.isReady && peer.kind == .sound && peer.endpoint != source {
      enqueue(.data, body, to: peer.endpoint, attempts: configuration.attempts.data, now: now)
    }
  }

  private mutating func deliver(
    _ origin: [UInt8], _ sequence: UInt64, _ payload: [UInt8], into effects: inout DialectEffects
  ) {
    let payload = configuration.payload.unwrapped(payload)
    origin.withUnsafeBytes { origin in
      payload.withUnsafeBytes { payload in
        _ = effects.deliveries.append(origin: origin, sequence: sequence, payload: payload)
      }
    }
    counters.deliveries &+= 1
  }
}
