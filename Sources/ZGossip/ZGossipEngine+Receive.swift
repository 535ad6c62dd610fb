// What comes from other nodes.

import GrapevineCore

extension ZGossipEngine {
  /// Takes a message.
  ///
  /// - Parameters:
  ///   - message: Its first part.
  ///   - parts: How many it has; one of zgossip has one.
  ///   - peer: Who the other end is, when the properties of its connection say that it is one of ours.
  public mutating func receive(
    _ message: UnsafeRawBufferPointer, parts: Int = 1, peer: MemberID?, from slot: Int, now: Instant,
    into changes: inout ChangeBuffer
  ) -> ZGossipVerdict {
    guard slot >= 0, slot < links.count, links[slot].peer != .none else { return .fine }
    guard links[slot].peer != .ignored else {
      counters.ignored &+= 1
      return .fine
    }
    if !links[slot].isClient { links[slot].nextAt = now + interval(links[slot]) }
    counters.messagesReceived &+= 1
    let before = changes.count
    do throws(DecodeError) {
      guard parts == 1 else { throw .outOfRange }
      let decoded = try ZGossipMessage(decoding: message)
      let told = peer ?? said(decoded.kind, message, slot)
      guard told != identity else { return .isSelf }
      if peer == nil, told != nil { links[slot].saysIdentity = true }
      meet(told, decoded.kind, slot, now: now)
      try take(decoded, from: slot, now: now, into: &changes)
    } catch {
      note(changes, from: before, now: now)
      return miscount(slot, now: now)
    }
    return .fine
  }

  private mutating func miscount(_ slot: Int, now: Instant) -> ZGossipVerdict {
    counters.malformed &+= 1
    links[slot].malformed &+= 1
    guard links[slot].malformed >= configuration.malformedLimit else { return .malformed }
    if links[slot].isReading || links[slot].peer == .replica { replica.linkDown(slot, now: now) }
    let isClient = links[slot].isClient
    links[slot] = ZGossipLink()
    links[slot].peer = .ignored
    links[slot].isClient = isClient
    links[slot].nextAt = now + interval(links[slot])
    return .hostile
  }

  /// Who the other end says it is, in the message itself: only inside of a process.
  private func said(_ kind: ZGossipKind, _ message: UnsafeRawBufferPointer, _ slot: Int) -> MemberID? {
    guard kind == .hello || kind == .pong && links[slot].saysIdentity,
      message.count == ZGossipMessage.headSize + MemoryLayout<UInt64>.size
    else { return nil }
    let value = message.loadUnaligned(fromByteOffset: ZGossipMessage.headSize, as: UInt64.self)
    return MemberID(UInt64(bigEndian: value))
  }

  /// Learns from the first message who the other end is.
  private mutating func meet(_ peer: MemberID?, _ kind: ZGossipKind, _ slot: Int, now: Instant) {
    guard links[slot].peer == .unknown else { return }
    guard let peer else {
      links[slot].peer = .original
      links[slot].youngUntil = now + configuration.conflictTime.asNanoseconds
      // It was known here once, or takes itself for known: its HELLO is owed.
      if !links[slot].isClient, kind == .publish { links[slot].owesInvalid = true }
      if links[slot].isClient { startReading(slot) }
      return
    }
    links[slot].peer = .replica
    // It is told who this node is before anything else.
    if !links[slot].isClient { links[slot].pongsOwed = max(1, links[slot].pongsOwed) }
    replica.linkUp(slot, peer: peer, now: now)
  }

  /// Has the other end told every tuple, and all that come later.
  private mutating func startReading(_ slot: Int) {
    if links[slot].isReading { replica.rewindReader(slot) } else { replica.readerUp(slot) }
    links[slot].isReading = true
    guard links[slot].isClient else { return }
    (links[slot].owesFence, links[slot].fence) = (true, 0)
    links[slot].saidHello = true
  }

  private mutating func take(
    _ message: ZGossipMessage, from slot: Int, now: Instant, into changes: inout ChangeBuffer
  ) throws(DecodeError) {
    let isOriginal = links[slot].peer == .original
    switch message {
    case .publish(let key, let value, _):
      counters.tuplesReceived &+= 1
      take(value, at: key, from: slot, now: now, into: &changes)
    case .hello where !links[slot].isClient:
      // A second one asks for everything again.
      if isOriginal { startReading(slot) }
    case .ping where !links[slot].isClient:
      if links[slot].pongsOwed < .max { links[slot].pongsOwed += 1 }
    case .pong where links[slot].isClient:
      if links[slot].pongsReceived != links[slot].pingsSent { links[slot].pongsReceived &+= 1 }
      if isOriginal {
        let isSlow = now.since(links[slot].pingedAt) > configuration.timeout.asNanoseconds / 2
        if isSlow, links[slot].pongsReceived == links[slot].pingsSent { suspect(slot) }
        endPass(slot, now: now)
      }
    case .invalid where links[slot].isClient && isOriginal:
      onInvalid(slot, now: now)
    case .native(let payload):
      guard links[slot].peer == .replica else { throw .unknownKind }
      let before = changes.count
      try replica.receive(payload, from: slot, now: now, into: &changes)
      note(changes, from: before, now: now)
    case .hello, .ping, .pong, .invalid:
      counters.unexpected &+= 1
    }
  }

  /// Takes a tuple of an original.
  private mutating func take(
    _ value: UnsafeRawBufferPointer, at key: UnsafeRawBufferPointer, from slot: Int, now: Instant,
    into changes: inout ChangeBuffer
  ) {
    let source = UInt8(truncatingIfNeeded: slot)
    let (keyHash, valueHash) = (hash(key), hash(value))
    if let present = replica.find(key) {
      guard !present.value.hasBytes(of: value) else {
        counters.echoes &+= 1
        formerValues.confirm(keyHash, from: source)
        return
      }
      guard !formerValues.isStale(keyHash, valueHash, from: source, now: now) else {
        counters.staleValues &+= 1
        if links[slot].isReading, formerValues.mayTell(keyHash) { replica.tell(slot, key) }
        return
      }
    } else if isRevenant(keyHash, valueHash, at: key, from: slot, now: now) {
      counters.revenants &+= 1
      return
    }
    let before = changes.count
    do throws(TupleError) {
      _ = try replica.publish(value, at: key, from: slot, lag: Self.lag, now: now, into: &changes)
    } catch {
      counters.refused &+= 1
      return
    }
    note(changes, from: before, source: source, now: now)
  }
}

// What was removed, and who wrote first.
extension ZGossipEngine {
  /// How much earlier than now a tuple of an original is dated, though later than what it takes the place of. It may be
  /// an old one, or one of ours that comes round by an original before it comes itself: then the version with its
  /// lifetime counts. Chosen here: more than clocks that are kept right differ by.
  private static var lag: Duration { .seconds(10) }

  /// Whether a tuple that is not here was removed or has expired.
  ///
  /// Who was not there when it was removed knows that it was, and not of what value: then what the other end has had
  /// all along, and says when a link is new, is taken for that.
  private func isRevenant(
    _ keyHash: UInt64, _ valueHash: UInt64, at key: UnsafeRawBufferPointer, from slot: Int, now: Instant
  ) -> Bool {
    if removedValues.has(keyHash, valueHash) { return true }
    guard links[slot].isPassing || now < links[slot].youngUntil, !removedValues.knows(keyHash) else {
      return false
    }
    return replica.remembersRemoval(key)
  }
}

// What a server of the original is told, until it has everything.
//
// A server that has heard nothing for a while forgets this node without a word, answers whatever comes then with INVALID
// and drops it. So everything is said again, with HELLO before and a PING behind. Answers keep their order: when that
// PING is answered, all INVALIDs of the pass are here. If there were any, another pass follows: without HELLO, which
// would be one too many, and if that was wrong with it again.
extension ZGossipEngine {
  /// Time from which passes that come to nothing are put off, twice as long each time. Chosen here.
  private static var passInterval: Nanoseconds { 50_000_000 }

  mutating func onInvalid(_ slot: Int, now: Instant) {
    guard !links[slot].isPassing else {
      // Until it is said HELLO, what it answers is about what was before.
      if !links[slot].owesHello { links[slot].sawInvalid = true }
      return
    }
    guard links[slot].passAt == .never else { return }
    // The pass will say HELLO.
    links[slot].saidHello = false
    putOffPass(slot, now: now)
  }

  private mutating func putOffPass(_ slot: Int, now: Instant) {
    let passes = links[slot].passes
    links[slot].passAt = passes == 0 ? now : now + Self.passInterval << UInt64(min(passes, 10))
    if passes < .max { links[slot].passes += 1 }
    if passes == 0 { beginPass(slot, now: now) }
  }

  /// Begins to tell everything again: with HELLO when the pass before had none.
  mutating func beginPass(_ slot: Int, now: Instant) {
    links[slot].passAt = .never
    guard links[slot].peer == .original, links[slot].isReading else { return }
    counters.resyncs &+= 1
    links[slot].sawInvalid = false
    links[slot].saidHello.toggle()
    links[slot].owesHello = links[slot].saidHello
    (links[slot].owesFence, links[slot].fence) = (true, 0)
    replica.rewindReader(slot)
  }

  /// Ends the pass when its fence was answered.
  private mutating func endPass(_ slot: Int, now: Instant) {
    let link = links[slot]
    guard link.fence != 0, Int32(truncatingIfNeeded: link.pongsReceived &- link.fence) >= 0 else { return }
    links[slot].fence = 0
    guard link.sawInvalid else {
      links[slot].passes = 0
      return
    }
    putOffPass(slot, now: now)
  }
}
