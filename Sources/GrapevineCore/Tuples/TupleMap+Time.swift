// What time does to tuples: they expire, their writers go, and memories of removals are given up.

extension TupleMap {
  /// Tuples looked at before others get their turn. Chosen here: a fraction of a millisecond.
  static var slice: Int { 2_048 }

  /// Does what is due, but for what has to be broadcast.
  mutating func advance(
    up: SlotMask, now: Instant, counters: inout Counters, into changes: inout ChangeBuffer
  ) {
    restartClock(now: now, counters: &counters, into: &changes)
    expire(now: now, counters: &counters, into: &changes)
    applyWriters(now: now, counters: &counters, into: &changes)
    endOverdue(now: now, counters: &counters, into: &changes)
    if sketch.isGrowing {
      _ = sketch.continueGrowth(places: table.placesUsed, budget: Self.slice, item: { table[$0].hash })
    }
    advanceParts(now: now)
    yieldDifferences(counters: &counters, into: &changes)
    yieldAll(counters: &counters, into: &changes)
    advanceSession(up: up, now: now, counters: &counters)
    advanceFreeze(now: now)
    dropTombstones(counters: &counters, into: &changes)
    giveUpAnswers(up, now: now)
    guard now >= syncAt else { return }
    syncAt = now + jittered(rules.syncInterval.asNanoseconds)
    if table.tombstoneCount > 0 { dropNext = 0 }
    if table.count > 0, let slot = generator.slot(of: up) { askSummary(slot, at: now) }
  }

  /// No longer waits for summaries that were lost or are not coming.
  private func giveUpAnswers(_ up: SlotMask, now: Instant) {
    var rest = up
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      guard links[slot].isAsking, now >= links[slot].answerBy else { continue }
      links[slot].isAsking = false
      links[slot].answerBy = .never
      // A link that has just come up is worth another try, and one whose other end keeps no tuples is not.
      askSummary(slot, at: now + Self.answerTime << UInt64(min(links[slot].repeats, 8)))
      if links[slot].repeats < .max { links[slot].repeats += 1 }
    }
  }

  /// When `advance` must be called.
  ///
  /// - Parameter asked: What was due to be said by then is known to wait for its link.
  func nextDeadline(up: SlotMask, asked: Instant? = nil) -> Instant {
    guard isEnabled else { return .never }
    if sketch.isGrowing || writers.isDirty || yieldsAll || dropNext != nil { return Instant() }
    var deadline = min(min(syncAt, sessionDeadline), min(partsDeadline, markAt))
    deadline = min(deadline, writers.deadline(rules.ephemeralGrace.asNanoseconds))
    if frozenUntil != .never { deadline = min(deadline, min(frozenUntil, frozenSince + Self.freezeLimit)) }
    if let due = timers.due { deadline = min(deadline, clock.instant(of: due)) }
    if defendedCount > 0 { deadline = min(deadline, defendAt) }
    var rest = up
    while rest != 0 {
      let link = links[rest.trailingZeroBitCount]
      rest &= rest &- 1
      deadline = min(deadline, link.answerBy)
      if asked.map({ link.summaryAt > $0 }) ?? true { deadline = min(deadline, link.summaryAt) }
    }
    return deadline
  }

  /// Ends tuples whose time is over.
  ///
  /// What is due to be written again is not ended: that is the node's to do, with `takeRenewal`.
  mutating func expire(now: Instant, counters: inout Counters, into changes: inout ChangeBuffer) {
    let present = clock.milliseconds(now)
    while let due = timers.due, due <= present {
      let place = timers.first
      if table.traits(place).contains(.renewed) {
        // It could not be written again yet, or this node stood still: it lasts as long as its node runs.
        timers.postpone(to: present + Self.renewalRetry / 1_000_000, of: table)
        continue
      }
      guard changes.hasRoom(for: table[place].keyLength) else { return }
      end(place, now: now, counters: &counters, into: &changes)
      counters.tuplesExpired &+= 1
    }
  }

  /// Time until a renewal is tried again. Chosen here.
  static var renewalRetry: Nanoseconds { 50_000_000 }

  /// Makes a tuple the memory of its own end: all members come to the same, each by itself.
  private mutating func end(
    _ place: Int, now: Instant, counters: inout Counters, into changes: inout ChangeBuffer
  ) {
    var record = table.record(place)
    record.end()
    _ = take(record, isOwn: true, now: now, counters: &counters, into: &changes)
  }

  /// Shows and hides ephemeral tuples as their writers come and go.
  mutating func applyWriters(now: Instant, counters: inout Counters, into changes: inout ChangeBuffer) {
    guard writers.isDirty else { return }
    writers.isDirty = false
    guard table.ephemeralCount > 0 else { return }
    writers.settle(own: identity)
    for place in 0..<table.placesUsed where !table[place].isFree {
      let traits = table.traits(place)
      guard traits.contains(.ephemeral), !traits.contains(.tombstone) else { continue }
      let isLiving = writers.isLiving(table[place].writer, own: identity)
      if !isLiving { writers.noteGone(table[place].writer, now: now) }
      guard isLiving == traits.contains(.hidden) else { continue }
      let record = table.record(place)
      guard changes.hasRoom(for: record.key.count + record.value.count) else {
        writers.isDirty = true
        return
      }
      var change = ChangeBuffer.Record(
        record, kind: isLiving ? .published : .departed, isTold: true, isStored: false)
      if !isLiving { change.replaced = changes.hash(of: record.value) }
      table.setHidden(!isLiving, place)
      changes.append(
        change, key: record.key, value: isLiving ? record.value : UnsafeRawBufferPointer(start: nil, count: 0)
      )
    }
  }

  /// Gives up the ephemeral tuples of writers that have been gone for long, unless it is this node that is cut off.
  mutating func endOverdue(now: Instant, counters: inout Counters, into changes: inout ChangeBuffer) {
    guard writers.isInTouch, !writers.isAlone else { return }
    let grace = rules.ephemeralGrace.asNanoseconds
    // One at a time: each costs a way through the map.
    if let writer = writers.takeOverdue(grace, now: now) {
      for place in 0..<table.placesUsed where !table[place].isFree && table[place].writer == writer {
        guard table.traits(place).contains(.hidden) else { continue }
        guard changes.hasRoom(for: table[place].keyLength) else {
          writers.isDirty = true
          return
        }
        end(place, now: now, counters: &counters, into: &changes)
      }
    }
  }

  /// Whether the memory of a removal of the given date has been given up, or is to be.
  func isForgotten(_ clock: TupleClock) -> Bool {
    let latest = max(sharedAt, sharedElsewhere).milliseconds
    return clock.bits <= marks.stableThrough || ablations.contains(.tombstones)
      || horizon < latest && clock.milliseconds < latest - horizon
  }

  /// Goes on giving up memories of removals that have done their work.
  mutating func dropTombstones(counters: inout Counters, into changes: inout ChangeBuffer) {
    guard let start = dropNext else { return }
    let end = min(start + Self.slice, table.placesUsed)
    for place in start..<max(start, end) where !table[place].isFree {
      guard table.traits(place).contains(.tombstone), isForgotten(TupleClock(bits: table[place].clock)) else {
        continue
      }
      guard changes.hasRoom(for: table[place].keyLength) else {
        dropNext = place
        return
      }
      forget(place, into: &changes)
      counters.tombstonesDropped &+= 1
    }
    dropNext = end < table.placesUsed ? end : nil
  }

  /// Dates anew what this node, in this life or an earlier one, dated by a clock that was far ahead and has been set
  /// right: nobody else has taken it, and nobody would.
  ///
  /// As early as can be, so that whatever others wrote since counts for more.
  mutating func restartClock(now: Instant, counters: inout Counters, into changes: inout ChangeBuffer) {
    distrustFuture(now)
    guard clock.wasSetBack else { return }
    for place in 0..<table.placesUsed where !table[place].isFree && isOwnLife(place) {
      guard !clock.accepts(TupleClock(bits: table[place].clock), now) else { continue }
      let record = table.record(place)
      guard changes.hasRoom(for: 2 * record.key.count + record.value.count, changes: 2) else { return }
      counters.tuplesRefusedClock &+= 1
      // What an earlier life removed, or bound to itself, has ended with it.
      guard record.writer == identity || record.traits.isDisjoint(with: [.tombstone, .ephemeral]) else {
        discard(place, into: &changes)
        continue
      }
      dateAnew(record, at: place, now: now, into: &changes)
    }
    marks.restart(own: identity)
    clock.restart(now)
  }

  /// Nobody can have been in touch in the future: by that date all removals would seem forgotten.
  private mutating func distrustFuture(_ now: Instant) {
    guard !clock.accepts(max(max(sharedAt, sharedNext), max(sharedSince, sharedElsewhere)), now) else {
      return
    }
    let nothing = TupleClock(bits: 0)
    if !clock.accepts(sharedAt, now) { (sharedAt, sharedSince) = (nothing, nothing) }
    if !clock.accepts(sharedSince, now) { sharedSince = nothing }
    if !clock.accepts(sharedNext, now) { sharedNext = nothing }
    if !clock.accepts(sharedElsewhere, now) { sharedElsewhere = nothing }
  }

  /// Whether this node may have written what is at a place, in this life or an earlier one: nobody else who is a member
  /// has.
  private func isOwnLife(_ place: Int) -> Bool {
    let writer = table[place].writer
    return writer == identity || !writers.isLiving(writer, own: identity)
  }

  private mutating func dateAnew(
    _ record: TupleRecord, at place: Int, now: Instant, into changes: inout ChangeBuffer
  ) {
    let record = datedAnew(record, now: now)
    append(record, table.isVisible(place) ? .renewed : nil, at: place, to: &changes)
    put(record, record.hash, table.keyHash(record.key), at: place)
  }

  /// A version as one of this node's that is dated as early as can be.
  mutating func datedAnew(_ record: TupleRecord, now: Instant) -> TupleRecord {
    var record = record
    if record.traits.contains(.timed) {
      let lifetime = record.expiresAt - min(record.expiresAt, record.clock.milliseconds)
      record.expiresAt = min(clock.milliseconds(now) + lifetime, TupleClock.lastMillisecond)
    }
    earliest &+= 1
    record.clock = TupleClock(bits: UInt64(earliest))
    record.writer = identity
    return record
  }

  /// Forgets a tuple that should never have been here.
  ///
  /// Call only when there is room for two changes.
  mutating func discard(_ place: Int, into changes: inout ChangeBuffer) {
    if table.isVisible(place) {
      let record = table.record(place)
      var change = ChangeBuffer.Record(record, kind: .removed, isTold: true, isStored: false)
      change.replaced = changes.hash(of: record.value)
      changes.append(change, key: record.key, value: UnsafeRawBufferPointer(start: nil, count: 0))
    }
    forget(place, into: &changes)
  }
}
