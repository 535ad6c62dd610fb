// Taking messages in.

extension Dissemination {
  /// Takes a run of messages from a neighbour: each new one is logged, delivered and passed on.
  ///
  /// - Throws: `DecodeError` when the run is cut short; the messages before that were taken.
  mutating func onGossip(
    _ header: GossipHeader, from slot: Int, payloads cursor: inout Cursor, tuples: inout TupleMap,
    now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) throws(DecodeError) {
    guard header.origin != identity,
      let place = place(header.origin, header.level, now: now, counters: &counters)
    else {
      if header.origin == identity {
        didBringDuplicate(slot, header.level, parent: MessageLog.ownSource, now: now)
      }
      return try skipPayloads(header, from: slot, cursor: &cursor, counters: &counters)
    }
    let highest = header.first &+ header.count &- 1
    let bit: SlotMask = 1 << SlotMask(slot)
    let row = slot &* capacity &+ place
    if progress[row].high < highest { progress[row].high = highest }
    if streams[place].knownHigh < highest { streams[place].knownHigh = highest }
    streams[place].lastActive = now
    let floorBefore = streams[place].floor
    let hops = min(header.hops &+ 1, GossipHeader.hopsLimit)
    let parent = streams[place].parent
    var sequence = header.first
    var isNew = false
    defer { didAccept(place, from: slot, floorBefore: floorBefore, now: now) }
    while sequence <= highest {
      let payload = try cursor.readBytes(try cursor.readVariable())
      counters.copiesReceived &+= 1
      switch windows.judge(sequence, in: streams[place], at: place) {
      case .new:
        if makeRoom(for: payload.count, now: now), payload.count <= payloadLimit,
          deliver(
            header, sequence, payload, hops, from: slot, to: &tuples, now: now, counters: &counters,
            into: &effects)
        {
          log.append(
            stream: place, sequence: sequence,
            targets: pushTargets(except: bit, hops: hops, level: header.level), hops: hops,
            isTagged: header.isTagged, source: UInt8(truncatingIfNeeded: slot),
            isFindable: header.level == .reliable, payload: payload)
          windows.insert(sequence, in: &streams[place], at: place)
          streams[place].logged &+= 1
          isNew = true
          if strategy == .rumour { didHear(header, sequence, isNew: true, from: slot, now: now) }
          if header.level == .reliable {
            didTake(header.origin, sequence, counters: &counters, into: &effects)
          }
        } else {
          counters.deferred &+= 1
        }
      case .duplicate:
        counters.duplicates &+= 1
        if strategy == .rumour { didHear(header, sequence, isNew: false, from: slot, now: now) }
        if header.level == .reliable, let index = log.find(stream: place, sequence: sequence) {
          log[index].targets &= ~bit
        }
      case .tooFarAhead:
        counters.deferred &+= 1
      }
      sequence &+= 1
    }
    if isNew {
      didBringFirst(slot, place, now: now)
    } else {
      didBringDuplicate(slot, header.level, parent: parent, now: now)
    }
  }

  /// Hands a new message to the application, or to that part of the node that it is for.
  ///
  /// - Returns: Whether there was room for it; otherwise it is to come again.
  @inline(__always)
  private mutating func deliver(
    _ header: GossipHeader, _ sequence: UInt64, _ payload: UnsafeRawBufferPointer, _ hops: UInt8,
    from slot: Int, to tuples: inout TupleMap, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) -> Bool {
    if header.isTagged, payload.first == 0 {
      if payload.count >= SystemMessage.header, SystemMessage.calls.contains(payload[1]) {
        return calls.append(payload, origin: header.origin, slot: slot)
      }
      if OrderedMessage.isOne(payload) {
        return takeOrdered(header, sequence, payload, hops, now: now, counters: &counters, into: &effects)
      }
      if payload.count > 1, SystemMessage.transfers ~= payload[1] {
        return hear(payload, origin: header.origin, sequence: sequence, hops: hops)
      }
      return tuples.onBroadcast(
        payload, origin: header.origin, from: slot, now: now, counters: &counters, into: &effects.changes)
    }
    guard effects.deliveries.hasRoom(for: payload.count) else { return false }
    effects.deliveries.append(
      origin: header.origin, sequence: sequence, level: header.level, isTagged: header.isTagged,
      hops: hops, payload: payload)
    counters.deliveries &+= 1
    return true
  }

  /// Tells neighbours, and sees whether something is missing.
  @inline(__always)
  private mutating func didAccept(_ place: Int, from slot: Int, floorBefore: UInt64, now: Instant) {
    guard streams[place].level == .reliable else { return }
    markDirty(place, delay: digestDelay, now: now)
    guard streams[place].floor < streams[place].knownHigh else { return }
    if !streams[place].isIncomplete {
      becomeIncomplete(place, seenBy: slot, now: now)
    } else if streams[place].floor > floorBefore {
      // Progress: what was asked for is arriving. When all of it is here, the rest is asked for at once.
      streams[place].fruitlessRequests = 0
      streams[place].unsuppliedSince = Instant()
      streams[place].missingSince = now
      let isAnswered = streams[place].floor >= streams[place].requestedThrough
      scheduleRequest(
        place,
        at: isAnswered
          ? now + max(requestGrace, states[slot].lateness) : now + max(repairTimeout, states[slot].patience))
    }
  }

  /// Passes over payloads that are not taken, and counts those that are there.
  private mutating func skipPayloads(
    _ header: GossipHeader, from slot: Int, cursor: inout Cursor, counters: inout Counters
  ) throws(DecodeError) {
    for step in 0..<header.count {
      _ = try cursor.readBytes(try cursor.readVariable())
      counters.duplicates &+= 1
      counters.copiesReceived &+= 1
      if strategy == .rumour, header.origin == identity {
        didHearOwn(header, header.first &+ step, from: slot)
      }
    }
  }

  /// Puts the stream on the list of those with something missing.
  mutating func becomeIncomplete(_ place: Int, seenBy slot: Int, now: Instant) {
    guard !streams[place].isIncomplete, incompleteCount < capacity else { return }
    streams[place].isIncomplete = true
    streams[place].isRequestDue = false
    streams[place].fruitlessRequests = 0
    streams[place].unsuppliedSince = Instant()
    streams[place].missingSince = now
    incomplete[incompleteCount] = UInt32(truncatingIfNeeded: place)
    incompleteCount += 1
    scheduleRequest(place, at: now + max(requestGrace, states[slot].lateness))
  }

  mutating func scheduleRequest(_ place: Int, at instant: Instant) {
    streams[place].isRequestDue = false
    streams[place].requestAt = instant
    repairAt = min(repairAt, instant)
  }
}
