// Messages to one member, questions, answers and receipts, asked of a node.

/// Whom a question is for.
public enum Audience: Sendable, Equatable {
  /// Every other member.
  case all
  /// Every other member of which a tag has this value.
  case tagged(key: String, value: String)
  /// These members.
  case members([StableID])
}

/// A question that was asked.
public struct AskedQuestion: Sendable, Equatable {
  /// Its number: answers carry it as `DirectBuffer.Record.call`.
  public let call: UInt64
  /// The members that could answer it, as far as this node knows.
  public let expected: Int
}

// Commands.
extension Node {
  /// Sends bytes to one member, straight to its address: sent again until it confirms them, delivered there once.
  ///
  /// - Parameters:
  ///   - payload: Up to `Configuration.directLimit` bytes; copied.
  ///   - isTagged: Marks payloads that begin with a tag, for the receiver's sake.
  /// - Returns: A number; `Effects.outcomes` will say with it what became of the message.
  /// - Throws: `DirectError`; nothing changed.
  public mutating func send(
    _ payload: UnsafeRawBufferPointer, to id: StableID, isTagged: Bool = false, now: Instant
  ) throws(DirectError) -> UInt64 {
    try checkDirect()
    var utterance = DirectMessages.Utterance()
    utterance.isTagged = isTagged
    utterance.isReported = true
    return try direct.say(payload, as: utterance, to: try livingMember(id), now: now)
  }

  /// Asks members something; their answers come as `DirectKind.answer`.
  ///
  /// Members that are named are asked directly; else the question is a broadcast, which those that it is not for pass
  /// on. Answers to a broadcast are put off by chance, over a quarter of the time at most, so that they do not all
  /// come at once.
  ///
  /// - Parameters:
  ///   - payload: Up to `Configuration.questionLimit` bytes; copied.
  ///   - lifetime: The time in which answers are taken, from a millisecond to a day.
  /// - Throws: `DirectError`; nothing changed. With `unknownMember` one of the members named is not known, or gone.
  public mutating func ask(
    _ payload: UnsafeRawBufferPointer, _ audience: Audience, isTagged: Bool = false, lifetime: Duration,
    now: Instant
  ) throws(DirectError) -> AskedQuestion {
    try checkDirect()
    guard direct.calls.canAsk(now: now) else { throw .wouldBlock }
    let milliseconds = min(max(1, lifetime.asNanoseconds / 1_000_000), SayHeader.lifetimeLimit)
    let until = now + milliseconds * 1_000_000
    let call = direct.calls.nextCall()
    let expected: Int
    switch audience {
    case .members(let ids):
      expected = try ask(payload, ids, isTagged: isTagged, call: call, until: until, now: now)
    case .all, .tagged:
      expected = try broadcastQuestion(
        payload, audience, isTagged: isTagged, call: call, milliseconds: milliseconds, now: now)
    }
    direct.calls.ask(call, until: until, now: now)
    return AskedQuestion(call: call, expected: expected)
  }

  /// Takes no more answers to a question of this node's.
  public mutating func endAsk(_ call: UInt64) { direct.calls.endAsk(call) }

  /// Answers a question of another member's, once.
  ///
  /// - Parameters:
  ///   - question: `DirectBuffer.Record.call` of the question.
  ///   - payload: Up to `Configuration.directLimit` bytes; copied.
  /// - Returns: A number; `Effects.outcomes` will say with it whether the answer arrived.
  /// - Throws: `DirectError`; nothing changed. With `notOpen` the question is answered, or its time is over.
  public mutating func answer(
    _ question: UInt64, with payload: UnsafeRawBufferPointer, isTagged: Bool = false, now: Instant
  ) throws(DirectError) -> UInt64 {
    try checkDirect()
    guard let open = direct.calls.question(question, now: now) else { throw .notOpen }
    let asker = try livingMember(StableID(open.asker))
    guard asker.run == open.run else { throw .unknownMember }
    var utterance = DirectMessages.Utterance()
    utterance.saying = .answer
    utterance.isTagged = isTagged
    utterance.isReported = true
    utterance.call = open.call
    if open.spread > 0 {
      utterance.delay = UInt64(direct.generator.below(Int(clamping: open.spread)))
    }
    let token = try direct.say(payload, as: utterance, to: asker, now: now)
    direct.calls.close(question)
    return token
  }

  /// Has it counted how many members have a message of this node's, along the tree on which the request for it travels.
  ///
  /// `Effects.outcomes` says the number whenever it changes. Members count that are connected and have the message,
  /// whether or not their applications have read it; when nothing changes any more, each counts once.
  ///
  /// - Parameters:
  ///   - sequence: What `broadcast` returned for the message, which must have been a reliable one.
  ///   - lifetime: How long to count, from a millisecond to a day.
  /// - Returns: A number, which the outcomes carry.
  /// - Throws: `DirectError`; nothing changed. With `notOpen` there is no such message.
  public mutating func requestReceipts(for sequence: UInt64, lifetime: Duration, now: Instant)
    throws(DirectError) -> UInt64
  {
    try checkDirect()
    let own = Dissemination.ownPlace(.reliable)
    guard sequence >= 1, sequence <= dissemination.streams[own].floor else { throw .notOpen }
    guard direct.receipts.hasRoom(now: now) else { throw .wouldBlock }
    let milliseconds = min(max(1, lifetime.asNanoseconds / 1_000_000), SayHeader.lifetimeLimit)
    let call = direct.calls.nextCall()
    try broadcastSystem(now: now) { writer in
      writer.write(SystemMessage.receipt)
      writer.writeVariable(call)
      writer.writeVariable(sequence)
      writer.writeVariable(milliseconds)
    }
    direct.receipts.open(
      origin: identity.value, call: call, sequence: sequence, until: now + milliseconds * 1_000_000,
      from: Receipt.own, now: now)
    return call
  }

  /// Counts no more who has a message.
  public mutating func endReceipts(_ call: UInt64) {
    direct.receipts.close(call, origin: identity.value)
  }
}

// How commands are carried out.
extension Node {
  private func checkDirect() throws(DirectError) {
    guard direct.isEnabled else { throw .disabled }
    guard lifecycle == .connected else { throw .notConnected }
  }

  private func livingMember(_ id: StableID) throws(DirectError) -> MemberEntry {
    guard let place = membership.table.find(id.value), place != MemberTable.own,
      membership.table[place].isLiving
    else { throw .unknownMember }
    return membership.table[place]
  }

  private mutating func ask(
    _ payload: UnsafeRawBufferPointer, _ ids: [StableID], isTagged: Bool, call: UInt64, until: Instant,
    now: Instant
  ) throws(DirectError) -> Int {
    // All or none: half a question would have to be taken back.
    var members: [MemberEntry] = []
    for id in Set(ids).sorted() { members.append(try livingMember(id)) }
    guard members.count <= direct.freeSlots else { throw .wouldBlock }
    var utterance = DirectMessages.Utterance()
    utterance.saying = .question
    utterance.isTagged = isTagged
    utterance.call = call
    utterance.answerBy = until
    var asked = 0
    for member in members {
      do throws(DirectError) {
        _ = try direct.say(payload, as: utterance, to: member, now: now)
        asked += 1
      } catch {
        // Nobody was asked yet, or one of them takes nothing more for now: the others' answers are worth having.
        guard asked > 0 else { throw error }
      }
    }
    return asked
  }

  private mutating func broadcastQuestion(
    _ payload: UnsafeRawBufferPointer, _ audience: Audience, isTagged: Bool, call: UInt64,
    milliseconds: UInt64, now: Instant
  ) throws(DirectError) -> Int {
    guard payload.count <= configuration.questionLimit else {
      throw .tooLarge(limit: configuration.questionLimit)
    }
    var filter: (key: [UInt8], value: [UInt8]) = ([], [])
    if case .tagged(let key, let value) = audience {
      filter = (Array(key.utf8), Array(value.utf8))
      guard !filter.key.isEmpty, filter.key.count <= 255, filter.value.count <= 255,
        filter.key.count + filter.value.count <= Member.tagLimit
      else { throw .unknownMember }
    }
    let expected = membership.table.livingOthers { tags in
      filter.key.isEmpty || MemberData.has(tags, key: filter.key, value: filter.value)
    }
    // Chosen here: 20,000 answers in a second are less than a member can take.
    let spread = min(milliseconds / 4, UInt64(expected) / 20, Self.longestSpread)
    try broadcastSystem(now: now) { [id = membership.ownID] writer in
      writer.write(SystemMessage.question)
      writer.writeVariable(call)
      writer.write(id)
      writer.writeVariable(milliseconds)
      writer.writeVariable(spread)
      for part in [filter.key, filter.value] {
        writer.write(UInt8(part.count))
        part.withUnsafeBytes { writer.write($0) }
      }
      writer.write(UInt8(isTagged ? 1 : 0))
      writer.write(payload)
    }
    return expected
  }

  /// Broadcasts something about the node's own affairs: the empty tag, then what `write` writes.
  private mutating func broadcastSystem(now: Instant, _ write: (inout Writer) -> Void) throws(DirectError) {
    let limit = dissemination.payloadLimit
    do {
      try withUnsafeTemporaryAllocation(byteCount: limit, alignment: 8) { bytes in
        var writer = Writer(bytes)
        writer.write(UInt8(0))
        write(&writer)
        _ = try dissemination.broadcast(
          UnsafeRawBufferPointer(rebasing: bytes[..<writer.count]), level: .reliable, isTagged: true,
          now: now, counters: &counters)
      }
    } catch {
      // What is written is never too long, and the node is a member.
      throw .wouldBlock
    }
  }
}

// What arrives, and time.
extension Node {
  mutating func receiveDirectFrame(
    _ datagram: RawSpan, from source: Endpoint, now: Instant, into effects: inout Effects
  ) {
    guard source.isUsable, lifecycle == .connected || lifecycle == .leaving, direct.isIntact(datagram) else {
      counters.droppedChecksum &+= 1
      return
    }
    var cursor = Cursor(datagram)
    do throws(DecodeError) {
      try direct.onFrame(
        &cursor, from: source, membership.table, now: now, counters: &counters, into: &effects)
    } catch {
      counters.droppedInvalid &+= 1
    }
  }

  /// Takes the broadcasts about questions and receipts that came with a datagram.
  mutating func takeSystemBroadcasts(now: Instant, into effects: inout Effects) {
    guard dissemination.calls.count > 0 else { return }
    for index in 0..<dissemination.calls.count {
      let (origin, slot, payload) = dissemination.calls.entry(index)
      var cursor = Cursor(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: payload[1...])))
      do throws(DecodeError) {
        switch try cursor.read(UInt8.self) {
        case SystemMessage.question:
          try onQuestion(&cursor, of: origin, now: now, into: &effects)
        case SystemMessage.receipt:
          let call = try cursor.readVariable(in: 1...UInt64.max)
          let sequence = try cursor.readVariable(in: 1...UInt64.max / 2)
          let lifetime = try cursor.readVariable(in: 1...SayHeader.lifetimeLimit)
          direct.receipts.open(
            origin: origin, call: call, sequence: sequence, until: now + lifetime * 1_000_000, from: slot,
            now: now)
        default: break
        }
      } catch {
        counters.droppedInvalid &+= 1
      }
    }
    dissemination.calls.removeAll()
  }

  /// The longest time that answers are put off, in milliseconds, whatever the asker says. Chosen here: for 200,000
  /// members.
  private static var longestSpread: UInt64 { 10_000 }

  private mutating func onQuestion(
    _ cursor: inout Cursor, of origin: UInt64, now: Instant, into effects: inout Effects
  ) throws(DecodeError) {
    let call = try cursor.readVariable(in: 1...UInt64.max)
    let asker = try cursor.read(UInt64.self)
    let lifetime = try cursor.readVariable(in: 1...SayHeader.lifetimeLimit)
    let spread = try cursor.readVariable(in: 0...lifetime)
    let key = try cursor.readBytes(UInt64(try cursor.read(UInt8.self)))
    let value = try cursor.readBytes(UInt64(try cursor.read(UInt8.self)))
    let flags = try cursor.read(UInt8.self)
    let payload = try cursor.readBytes(UInt64(cursor.remaining))
    guard asker != 0 else { throw .outOfRange }
    if let known = membership.table.find(asker), membership.table[known].run != origin {
      counters.droppedStrangers &+= 1
      return
    }
    if !key.isEmpty {
      let isMeant = membership.tags.withUnsafeBytes { MemberData.has($0, key: key, value: value) }
      guard isMeant else { return }
    }
    guard effects.direct.hasRoom(for: payload.count) else {
      counters.questionsDropped &+= 1
      return
    }
    let handle = direct.calls.open(
      Question(
        asker: asker, run: origin, call: call, until: now + lifetime * 1_000_000,
        spread: min(spread, lifetime / 4, Self.longestSpread) * 1_000_000),
      now: now, counters: &counters)
    effects.direct.append(
      DirectBuffer.Record(
        kind: .question, isTagged: flags & 1 != 0, sender: StableID(asker), run: MemberID(origin),
        call: handle, offset: 0, length: 0),
      payload: payload)
    counters.directReceived &+= 1
  }

  /// Does what is due with direct messages and receipts.
  mutating func advanceDirect(now: Instant, into effects: inout Effects) {
    guard direct.isEnabled, lifecycle == .connected || lifecycle == .leaving else { return }
    direct.advance(membership.table, now: now, counters: &counters, into: &effects)
    while let report = nextReport(now: now, into: &effects) { sendReport(report, now: now) }
  }

  private mutating func nextReport(now: Instant, into effects: inout Effects) -> Receipts.DirectReport? {
    direct.receipts.advance(
      now: now, up: view.up, members: membership.table,
      holds: { origin, sequence in
        dissemination.holds(origin, sequence) && !transfers.isUnderWay(origin, sequence)
          && !dissemination.announcements.contains { $0.origin == origin && $0.sequence == sequence }
      }, into: &effects)
  }

  /// Tells an origin how many members behind this one have its message: the neighbour that would have is lost.
  private mutating func sendReport(_ report: Receipts.DirectReport, now: Instant) {
    guard let origin = membership.table.entry(ofRun: report.origin) else { return }
    var utterance = DirectMessages.Utterance()
    utterance.saying = .count
    utterance.call = report.call
    let version = report.version.bigEndian
    let count = report.count.bigEndian
    withUnsafeTemporaryAllocation(byteCount: Receipts.orphanLength, alignment: 8) { bytes in
      bytes.storeBytes(of: version, as: UInt64.self)
      bytes.storeBytes(of: count, toByteOffset: 8, as: UInt32.self)
      // When there is no room for it, it is tried again.
      guard let token = try? direct.say(UnsafeRawBufferPointer(bytes), as: utterance, to: origin, now: now)
      else { return }
      direct.receipts.didSay(report, token: token)
    }
  }
}

extension Transfers {
  /// Whether a large message of this number has been announced and is not complete here, or never will be.
  func isUnderWay(_ origin: UInt64, _ sequence: UInt64) -> Bool {
    let number = UInt32(truncatingIfNeeded: sequence)
    if !lost.isEmpty, lost.contains(TransferID(origin: MemberID(origin), sequence: sequence)) { return true }
    return occupied != 0
      && places.contains { transfer in
        guard let transfer else { return false }
        return transfer.head.origin == origin && transfer.head.number == number
          && transfer.phase != .complete
      }
  }
}

extension Dissemination {
  /// Whether this node has a reliable message, or has given it up.
  func holds(_ origin: UInt64, _ sequence: UInt64) -> Bool {
    guard let place = streams.place(of: origin, .reliable) else { return false }
    if sequence <= streams[place].floor { return true }
    return streams[place].ahead > 0 && sequence &- streams[place].floor <= windows.width
      && windows.contains(sequence, at: place)
  }
}

extension Configuration {
  /// The longest payload of a message to one member, or of an answer, in bytes.
  public var directLimit: Int { datagramLimit - SayHeader.overhead }

  /// The longest payload of a question that is broadcast, in bytes.
  public var questionLimit: Int { payloadLimit - 2 - 10 - 8 - 5 - 5 - 2 - Member.tagLimit - 1 }
}
