// What time does in a replica.

extension TupleReplica {
  /// Time after what calls for a comparison with all neighbours until it is made. Chosen here: more comes at once, and
  /// what is under way arrives.
  static var gatherTime: Nanoseconds { 200_000_000 }
  /// Time for which that is put off while a whole map comes. Chosen here: what a large map takes on a slow link.
  private static var putOffLimit: Nanoseconds { 10_000_000_000 }

  /// Does what is due.
  public mutating func advance(now: Instant, into changes: inout ChangeBuffer) {
    present = max(present, now)
    if map.clock.wasSetBack { askAll(now: now) }
    renew(now: now, into: &changes)
    map.advance(up: map.news.replicas, now: now, counters: &counters, into: &changes)
    askNeighbours(now: now)
    forget(now: now)
    settleOverrun()
  }

  /// When `advance` must be called; `hasMessage` and `write` may have something afterwards.
  public var nextDeadline: Instant {
    let forgets = !wasLinked && map.table.tombstoneCount > 0
    return min(
      map.nextDeadline(up: map.news.replicas, asked: present),
      min(replicas == 0 ? .never : askAt, forgets ? forgetAt : .never))
  }

  /// Has all neighbours asked soon how their maps compare.
  mutating func askAll(now: Instant) {
    guard askAt == .never else { return }
    askAt = now + map.jittered(Self.gatherTime)
    askBy = now + Self.putOffLimit
  }

  private mutating func askNeighbours(now: Instant) {
    guard now >= askAt, replicas != 0 else { return }
    // Nobody need send what is coming from somebody else.
    let isTaking = map.session.phase != .idle || map.source != nil && now < map.sourceUntil
    guard !isTaking || now >= askBy else {
      askAt = now + map.jittered(Self.gatherTime)
      return
    }
    (askAt, askBy) = (.never, .never)
    map.askOthers(except: nil, up: map.news.replicas, now: now)
  }

  /// Writes again what is kept up here.
  private mutating func renew(now: Instant, into changes: inout ChangeBuffer) {
    while let place = map.takeRenewal(now: now) {
      let record = map.composeRenewal(place, now: now)
      guard changes.hasRoom(for: record.key.count + record.value.count) else {
        return map.putOffRenewal(place, now: now)
      }
      put(record, unneeded: 0, now: now, into: &changes)
    }
  }

  /// Gives up old removals while nobody else can know what was removed; later, comparisons tell which are old.
  private mutating func forget(now: Instant) {
    guard !wasLinked, map.table.tombstoneCount > 0, now >= forgetAt else { return }
    forgetAt = now + map.rules.syncInterval.asNanoseconds
    map.sharedElsewhere = map.clock.reading(now)
    if map.dropNext == nil { map.dropNext = 0 }
  }
}
