// Direct frames as they leave and arrive.

// Leaving.
extension DirectMessages {
  /// Writes what is due.
  ///
  /// - Returns: Whether more waits because the buffer is full.
  mutating func flush(ownID: UInt64, now: Instant, counters: inout Counters, into effects: inout Effects)
    -> Bool
  {
    guard isEnabled else { return false }
    if now >= dueAt {
      dueAt = .never
      for slot in 0..<slotsUsed where outgoing[slot].token != 0 {
        if outgoing[slot].nextAt <= now {
          guard effects.datagrams.hasRoom else {
            dueAt = now
            return true
          }
          writeFrame(
            Int(outgoing[slot].conversation), from: slot, ownID: ownID, now: now, counters: &counters,
            into: &effects)
        }
        dueAt = min(dueAt, outgoing[slot].nextAt)
      }
    }
    while owingCount > 0 {
      guard effects.datagrams.hasRoom else { return true }
      owingCount -= 1
      let place = Int(owing[owingCount])
      guard conversations[place].owesHeard else { continue }
      writeFrame(place, from: slotsUsed, ownID: ownID, now: now, counters: &counters, into: &effects)
    }
    return false
  }

  /// Writes a frame with the confirmation that is owed, and as much as fits of what is due from a slot on.
  private mutating func writeFrame(
    _ place: Int, from first: Int, ownID: UInt64, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    var writer = Writer(effects.datagrams.nextDatagram())
    Frame.begin(Frame.direct, in: &writer)
    writer.write(ownID)
    writer.write(run)
    let oldest = oldest(of: place)
    for slot in first..<max(first, slotsUsed)
    where outgoing[slot].token != 0 && Int(outgoing[slot].conversation) == place
      && outgoing[slot].nextAt <= now
    {
      let needed = SayHeader.overhead - Frame.memberHeader + Int(outgoing[slot].length)
      guard slot == first || writer.remaining >= needed + Self.heardLength else { break }
      write(slot, oldest: oldest, to: &writer, now: now, counters: &counters)
    }
    if conversations[place].owesHeard, writer.remaining >= Self.heardLength {
      conversations[place].owesHeard = false
      writer.write(MessageKind.heard)
      writer.writeVariable(conversations[place].floor)
      writer.write(conversations[place].mask)
    }
    Frame.finish(&writer, key: Frame.directKey(openKey, run: conversations[place].run))
    effects.datagrams.commit(length: writer.count, to: conversations[place].endpoint)
    counters.datagramsSent &+= 1
    counters.bytesSent &+= UInt64(writer.count)
  }

  private static var heardLength: Int { 1 + 10 + 8 }

  private mutating func write(
    _ slot: Int, oldest: UInt64, to writer: inout Writer, now: Instant, counters: inout Counters
  ) {
    let message = outgoing[slot]
    let milliseconds = message.answerBy.since(now) / 1_000_000
    SayHeader(
      number: message.number, behind: message.number &- oldest, saying: message.saying,
      isTagged: message.isTagged, call: message.call,
      lifetime: min(max(1, milliseconds), SayHeader.lifetimeLimit)
    ).write(to: &writer)
    writer.writeVariable(UInt64(message.length))
    writer.write(UnsafeRawBufferPointer(rebasing: payload(slot)[..<Int(message.length)]))
    if message.attempts == 0 { counters.directSent &+= 1 } else { counters.directResent &+= 1 }
    let wait = conversations[Int(message.conversation)].patience(usualWait)
    outgoing[slot].sentAt = now
    outgoing[slot].nextAt = min(
      now + min(wait << UInt64(min(message.attempts, 8)), max(wait, Self.longestWait)), message.deadline)
    outgoing[slot].attempts = message.attempts == .max ? .max : message.attempts + 1
  }

  /// The longest time between two attempts. Chosen here: as for repairs.
  private static var longestWait: Nanoseconds { 1_000_000_000 }
}

// Arriving.
extension DirectMessages {
  /// Whether a datagram, which has the first byte of a direct frame, was meant for this node's run.
  func isIntact(_ datagram: RawSpan) -> Bool {
    datagram.byteCount >= Frame.memberHeader
      && Frame.isIntact(datagram, key: Frame.directKey(openKey, run: run))
  }

  /// Takes a direct frame that is intact. What comes from somebody who is not the member that it says is dropped: it
  /// comes again when this node has heard of it.
  mutating func onFrame(
    _ cursor: inout Cursor, from source: Endpoint, _ members: borrowing MemberTable, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) throws(DecodeError) {
    guard isEnabled else { return }
    _ = try cursor.readBytes(UInt64(Frame.openHeader))
    let id = try cursor.read(UInt64.self)
    let sender = try cursor.read(UInt64.self)
    guard sender != run else {
      counters.droppedOwn &+= 1
      return
    }
    guard let place = place(of: sender, id, at: source, members, now: now) else {
      counters.droppedStrangers &+= 1
      return
    }
    conversations[place].lastUsed = now
    while cursor.remaining > 0 {
      switch try cursor.read(UInt8.self) {
      case MessageKind.say:
        let header = try SayHeader(from: &cursor)
        let payload = try cursor.readBytes(try cursor.readVariable())
        onSay(header, payload, in: place, now: now, counters: &counters, into: &effects)
      case MessageKind.heard:
        let floor = try cursor.readVariable()
        onHeard(floor: floor, mask: try cursor.read(UInt64.self), in: place, now: now, into: &effects)
      default:
        throw .unknownKind
      }
    }
  }

  /// The conversation with a run of a member, if that is where it says it is.
  private mutating func place(
    of sender: UInt64, _ id: UInt64, at source: Endpoint, _ members: borrowing MemberTable, now: Instant
  ) -> Int? {
    let known = conversations.find(sender)
    if let known, conversations[known].endpoint == source, conversations[known].id == id { return known }
    guard let member = members.find(id), members[member].run == sender, members[member].endpoint == source
    else { return nil }
    if let known {
      // It has another address than when the conversation began.
      guard conversations[known].id == id else { return nil }
      conversations[known].endpoint = source
      return known
    }
    var conversation = Conversation()
    conversation.run = sender
    conversation.id = id
    conversation.endpoint = source
    return add(conversation, now: now)
  }

  private mutating func onSay(
    _ header: SayHeader, _ payload: UnsafeRawBufferPointer, in place: Int, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) {
    switch conversations[place].judge(header.number, behind: header.behind) {
    case .new:
      guard take(header, payload, in: place, now: now, counters: &counters, into: &effects) else {
        counters.deferred &+= 1
        return
      }
      conversations[place].insert(header.number)
    case .duplicate:
      counters.directDuplicates &+= 1
    case .tooFarAhead:
      counters.deferred &+= 1
      return
    }
    guard !conversations[place].owesHeard, owingCount < owing.count else { return }
    conversations[place].owesHeard = true
    owing[owingCount] = UInt32(truncatingIfNeeded: place)
    owingCount += 1
  }

  /// Hands on what is new.
  ///
  /// - Returns: False when there is no room: it comes again.
  private mutating func take(
    _ header: SayHeader, _ payload: UnsafeRawBufferPointer, in place: Int, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) -> Bool {
    let (id, run) = (conversations[place].id, conversations[place].run)
    if header.saying == .count {
      receipts.onOrphans(header.call, from: run, count: payload, now: now)
      return true
    }
    guard effects.direct.hasRoom(for: payload.count, isAnswer: header.saying == .answer) else { return false }
    var record = DirectBuffer.Record(
      kind: .message, isTagged: header.isTagged, sender: StableID(id), run: MemberID(run), call: 0, offset: 0,
      length: 0)
    switch header.saying {
    case .message, .count: break
    case .question:
      record.kind = .question
      record.call = calls.open(
        Question(
          asker: id, run: run, call: header.call, until: now + header.lifetime &* 1_000_000, spread: 0),
        now: now, counters: &counters)
    case .answer:
      guard calls.isAsked(header.call, now: now) else {
        counters.answersLate &+= 1
        return true
      }
      record.kind = .answer
      record.call = header.call
    }
    effects.direct.append(record, payload: payload)
    counters.directReceived &+= 1
    return true
  }

  private mutating func onHeard(
    floor: UInt64, mask: UInt64, in place: Int, now: Instant, into effects: inout Effects
  ) {
    guard conversations[place].waiting > 0 else { return }
    for slot in 0..<slotsUsed where outgoing[slot].token != 0 && Int(outgoing[slot].conversation) == place {
      let message = outgoing[slot]
      if message.number > floor {
        let ahead = message.number &- floor &- 1
        guard ahead < UInt64(Conversation.width), mask & 1 << ahead != 0 else { continue }
      }
      guard message.attempts > 0 else { continue }
      if message.attempts == 1 { conversations[place].measure(now.since(message.sentAt)) }
      if message.isReported { effects.outcomes.append(.received(message.token)) }
      if message.saying == .count { receipts.settle(message.token, isHeard: true) }
      release(slot)
    }
  }
}
