// What the cluster agrees on: the tuples of this node, and how its map becomes that of all others.
//
// Writes travel as broadcasts and are ordered by their versions, so that all members end with the same map in
// whatever order they hear of them. What broadcasts leave out is found by comparing maps between neighbours
// (`+Compare`), or streamed whole to those that have next to nothing (`+Stream`).

/// The map of tuples of one node.
struct TupleMap: ~Copyable {
  let isEnabled: Bool
  let rules: TupleRules
  let identity: UInt64
  let ablations: Ablations
  /// The longest record that travels whole; the value of a longer one is fetched apart.
  let recordLimit: Int
  let horizon: UInt64

  var table: TupleTable
  var clock: HybridClock
  var timers: TupleTimers
  /// Places of tuples of this node that others took for gone: to be written again. The first `defendedCount` count.
  var defended: InlineArray<16, UInt32> = .init(repeating: 0)
  var defendedCount = 0
  /// When the next of them may be.
  var defendAt = Instant()
  /// Who the members are, as far as ephemeral tuples and splits need it.
  var writers: TupleWriters
  /// Up to which reading other members have all that is here.
  var sharedAt = TupleClock(bits: 0)
  /// What it will be, unless this node turns out to be cut off; 0 for nothing.
  var sharedNext = TupleClock(bits: 0)
  /// Since when that has gone on without a gap, here or where the map came from; 0 while that is not known.
  var sharedSince = TupleClock(bits: 0)
  /// The greatest `sharedAt` that a neighbour told of.
  var sharedElsewhere = TupleClock(bits: 0)
  /// Up to when it is waited for somebody who has been in touch for longer.
  var doubtedUntil = Instant()
  /// All that is older than `sharedAt` is to be forgotten.
  var yieldsAll = false
  /// What removals are known to all members up to.
  var marks: TupleMarks
  var markAt = Instant.never
  var settleAt = Instant()
  /// The place at which the search for tombstones to give up goes on; nil while there is none.
  var dropNext: Int?
  /// Tuples that were dated anew, since the clock they were dated by was wrong: their dates are the first there are.
  var earliest: UInt16 = 0

  var sketch: Sketch
  var decoder: SketchDecoder
  var session = TupleSession()
  /// Until when the sketch stays as it is for others that compare, and since when.
  var frozenUntil = Instant.never
  var frozenSince = Instant()
  /// When the next comparison begins.
  var syncAt = Instant.never
  let links: FixedTable<TupleLink>
  /// Hashes of versions that neighbours asked for: a ring for each link.
  let wanted: FixedTable<UInt64>
  /// Whose whole map this node is taking: the slot, and until when that is believed without another word.
  var source: Int?
  var sourceUntil = Instant()
  var parts: TupleParts
  /// A record that is being broadcast.
  let scratch: FixedTable<UInt8>
  var generator: Generator
  /// What came lately and who is to hear of it at once; nothing on a node, whose writes travel as broadcasts.
  var news: TupleNews

  /// The key of the sketches: all members must have the same.
  static var sketchKey: UInt64 { 0x7475_706c_655f_6d61 }
  /// Versions that a neighbour may have asked for and not yet have got. A power of two. Chosen here: 8 datagrams of
  /// questions.
  static var wantedPerLink: Int { 1_024 }
  /// Changes of a frozen sketch that wait. Chosen here: a second of 16,000 writes.
  private static var pendingLimit: Int { 1 << 15 }

  /// The map of a node.
  init(identity: MemberID, configuration: Configuration, seed: UInt64) {
    self.init(
      identity: identity, rules: configuration.tuples, links: configuration.linkSlots,
      members: configuration.membership?.capacity ?? 0,
      recordLimit: configuration.payloadLimit - SystemMessage.header,
      scratch: Self.keyLimit + configuration.datagramLimit, ablations: configuration.ablations, seed: seed)
  }

  /// A map.
  ///
  /// - Parameters:
  ///   - rules: Nil for none.
  ///   - members: The places of the list of members; 0 when there is none.
  ///   - scratch: Bytes for a record that is being broadcast.
  ///   - news: News remembered for slow links; 0 when they travel otherwise.
  init(
    identity: MemberID, rules wanted: TupleRules?, links slots: Int, members: Int, recordLimit: Int,
    scratch: Int, news: Int = 0, ablations: Ablations = [], seed: UInt64
  ) {
    isEnabled = wanted != nil
    var rules = wanted ?? TupleRules()
    if !isEnabled { (rules.capacity, rules.bytes, rules.valueLimit, rules.symbolLimit) = (0, 0, 0, 64) }
    self.rules = rules
    self.identity = identity.value
    self.ablations = ablations
    self.recordLimit = recordLimit
    horizon = rules.horizon.asNanoseconds / 1_000_000
    generator = Generator(seed: seed)
    table = TupleTable(
      capacity: rules.capacity, bytes: rules.bytes, secret: SecretKey(using: &generator))
    clock = HybridClock(skew: rules.clockSkew)
    timers = TupleTimers(capacity: rules.capacity)
    let members = isEnabled ? members : 0
    writers = TupleWriters(capacity: members, seed: generator.next())
    marks = TupleMarks(capacity: members)
    sketch = Sketch(
      key: Self.sketchKey, limit: rules.symbolLimit, pendingLimit: isEnabled ? Self.pendingLimit : 0)
    decoder = SketchDecoder(limit: rules.symbolLimit)
    links = FixedTable(count: slots)
    for slot in 0..<slots { links[slot] = TupleLink() }
    self.wanted = FixedTable(count: isEnabled ? slots * Self.wantedPerLink : 0)
    parts = TupleParts(valueLimit: rules.valueLimit, links: isEnabled ? slots : 0)
    self.scratch = FixedTable(count: isEnabled ? scratch : 0)
    self.news = TupleNews(size: news, places: rules.capacity, links: slots)
  }

  /// Bytes of the tables of a full map.
  static func bytes(_ configuration: Configuration) -> Int {
    guard let rules = configuration.tuples else { return 0 }
    let links =
      configuration.linkSlots * (MemoryLayout<TupleLink>.stride + wantedPerLink * MemoryLayout<UInt64>.stride)
    let members = configuration.membership?.capacity ?? 0
    return TupleTable.bytes(capacity: rules.capacity, bytes: rules.bytes)
      + TupleTimers.bytes(capacity: rules.capacity) + links
      + TupleWriters.bytes(capacity: members) + TupleMarks.bytes(capacity: members)
      + Sketch.bytes(limit: rules.symbolLimit, pendingLimit: pendingLimit)
      + SketchDecoder.bytes(limit: rules.symbolLimit)
      + TupleParts.bytes(valueLimit: rules.valueLimit, links: configuration.linkSlots)
      + keyLimit + configuration.datagramLimit
  }
}

// Taking versions in.
extension TupleMap {
  /// What became of a version that came.
  enum Reception { case taken, stale, refused, deferred }

  /// Takes a version if it is newer than what is here.
  ///
  /// - Parameters:
  ///   - isOwn: Whether it was written here, and so is neither counted nor checked for its date.
  ///   - isRecalled: Whether it was here in an earlier life.
  mutating func take(
    _ incoming: TupleRecord, isOwn: Bool = false, isRecalled: Bool = false, now: Instant,
    counters: inout Counters,
    into changes: inout ChangeBuffer
  ) -> Reception {
    var record = incoming
    guard record.value.count <= rules.valueLimit, record.key.count <= Self.keyLimit else {
      counters.tuplesRefusedSize &+= 1
      return .refused
    }
    guard isOwn || clock.accepts(record.clock, now) else {
      counters.tuplesRefusedClock &+= 1
      return .refused
    }
    if record.traits.contains(.timed), record.expiresAt <= clock.milliseconds(now) { record.end() }
    let keyHash = table.keyHash(record.key)
    let place = table.find(record.key, keyHash)
    let hash = record.hash
    guard isNews(record, hash, at: place) else {
      counters.tuplesStale &+= 1
      return .stale
    }
    guard changes.hasRoom(for: record.key.count + record.value.count) else {
      news.hasLost = true
      return .deferred
    }
    guard table.hasRoom(for: record, at: place),
      isOwn || isRecalled || place != nil || !record.traits.contains(.tombstone)
        || table.tombstoneCount < rules.capacity / 2
    else {
      counters.tuplesRefusedFull &+= 1
      return .refused
    }
    if !isOwn, let place, isPremature(record, at: place, now: now) {
      if record.writer == identity { defend(place) }
      return .stale
    }
    if !isOwn { counters.tuplesAccepted &+= 1 }
    if record.traits.contains(.ephemeral), !writers.isLiving(record.writer, own: identity) {
      record.traits.insert(.hidden)
    }
    // First: the record's bytes may be the table's own, which move.
    if changes.isWanted { append(record, kind(of: record, at: place), at: place, to: &changes) }
    clock.observe(record.clock)
    put(record, hash, keyHash, at: place)
    if record.traits.contains(.hidden) { writers.noteGone(record.writer, now: now) }
    return .taken
  }

  /// Reports a version that takes the place of another; `kind` is nil when nobody sees it.
  func append(
    _ record: TupleRecord, _ kind: TupleChangeKind?, at place: Int?, to changes: inout ChangeBuffer
  ) {
    let unseen: TupleChangeKind = record.traits.contains(.tombstone) ? .removed : .departed
    var change = ChangeBuffer.Record(record, kind: kind ?? unseen, isTold: kind != nil, isStored: true)
    if let place, table.isVisible(place) { change.replaced = changes.hash(of: table.value(place)) }
    changes.append(change, key: record.key, value: record.value)
  }

  /// The longest key, in bytes.
  static var keyLimit: Int { 255 }

  /// Whether a version is greater than the one at a place, or worth keeping where there is none.
  func isNews(_ record: TupleRecord, _ hash: UInt64, at place: Int?) -> Bool {
    guard let place else {
      // A removal that all have seen, or that is older than anybody remembers, has nothing left to remove.
      return !record.traits.contains(.tombstone) || !isForgotten(record.clock)
    }
    let present = table[place]
    if present.version != record.version {
      return present.version < record.version || ablations.contains(.versionOrder)
    }
    let (had, has) = (table.traits(place).contains(.tombstone), record.traits.contains(.tombstone))
    return had != has ? has : hash > present.hash
  }

  /// Enters a version into the table and into all that follows it.
  mutating func put(_ record: TupleRecord, _ hash: UInt64, _ keyHash: UInt64, at old: Int?) {
    let told = news.isKept ? readersTold(record, at: old) : 0
    if let old {
      sketch.remove(table[old].hash, at: old)
      if table.traits(old).contains(.timed) { timers.remove(old, of: table) }
    }
    let place = table.put(record, hash: hash, keyHash: keyHash, at: old)
    sketch.insert(hash, at: place)
    if record.traits.contains(.timed) { timers.add(place, due: due(place), to: table) }
    if news.isKept { news.note(hash, at: place, unneeded: told) }
    if record.traits.contains(.tombstone), markAt == .never, writers.isListed { markAt = Instant() }
  }

  /// When something is to be done about a timed tuple: it is written again a third into its time, or expires.
  private func due(_ place: Int) -> UInt64 {
    let (expiry, written) = (table.expiresAt(place), TupleClock(bits: table[place].clock).milliseconds)
    guard table.traits(place).contains(.renewed) else { return expiry }
    return written + (expiry - min(expiry, written)) / 3
  }

  /// Forgets a place and all that follows it.
  mutating func forget(_ place: Int, into changes: inout ChangeBuffer) {
    let record = table.record(place)
    changes.append(
      .init(record, kind: .forgotten, isTold: false, isStored: true), key: record.key,
      value: UnsafeRawBufferPointer(start: nil, count: 0))
    sketch.remove(table[place].hash, at: place)
    if record.traits.contains(.timed) { timers.remove(place, of: table) }
    table.remove(place)
  }

  /// What the change from what is at a place to a record looks like; nil when nobody sees it.
  private func kind(of record: TupleRecord, at place: Int?) -> TupleChangeKind? {
    let wasVisible = place.map { table.isVisible($0) } ?? false
    if record.traits.isDisjoint(with: [.tombstone, .hidden]) {
      guard wasVisible, let place else { return .published }
      return table.value(place).elementsEqual(record.value) ? .renewed : .published
    }
    guard wasVisible, let place else { return nil }
    let before = table.traits(place)
    if record.traits.contains(.hidden) || before.contains(.ephemeral), record.version == table[place].version
    {
      return .departed
    }
    if before.contains(.timed), record.version == table[place].version { return .expired }
    return record.traits.contains(.hidden) ? .departed : .removed
  }
}

extension ChangeBuffer.Record {
  init(_ record: TupleRecord, kind: TupleChangeKind, isTold: Bool, isStored: Bool) {
    self.init(
      kind: kind, isTombstone: record.traits.contains(.tombstone),
      isEphemeral: record.traits.contains(.ephemeral), isTold: isTold, isStored: isStored,
      version: record.version, expiresAt: record.expiresAt, offset: 0, keyLength: 0, valueLength: 0)
  }
}
