// Everybody that is known: the living, the suspects, those that failed and those that left.

/// What the table keeps of a member; all zero when the place is free.
struct MemberEntry: BitwiseCopyable {
  var id: UInt64 = 0
  var run: UInt64 = 0
  var endpoint = Endpoint.zero
  /// Since when it has its status.
  var since = Instant()
  var incarnation: UInt32 = 0
  var status: UInt8 = 0
  var version: UInt8 = 0
  /// Whether the order of probes has the place.
  var isOrdered = false
  /// Whether this node has ever heard it itself.
  var hasAnswered = false
  /// Whether it is known from an earlier run of this node only.
  var isRecalled = false
  /// Whether it was taken to have failed, and something says that it lives.
  var isHinted = false
  /// The lengths of its name and its tags.
  var nameLength: UInt8 = 0
  var tagsLength: UInt16 = 0
  /// Members that suspect it besides the first.
  var confirmations: UInt8 = 0
  /// Whether the list of suspects has the place.
  var isListed = false
  /// Whether this node itself raised the suspicion.
  var isAccusedHere = false
  /// The first who suspected it, and the first two of those who agreed: parts of their ids.
  var accusers: (UInt32, UInt32, UInt32) = (0, 0, 0)
  /// The last who said so: for others to hear.
  var accuser: UInt64 = 0

  init() {}

  var isFree: Bool { status == 0 }
  var isAlive: Bool { status == MemberStatus.alive.rawValue }
  var isSuspect: Bool { status == MemberStatus.suspect.rawValue }
  /// Whether it counts as a member: alive or suspect.
  var isLiving: Bool { isAlive || isSuspect }
  var hasFailed: Bool { status == MemberStatus.failed.rawValue }
  var isGone: Bool { status >= MemberStatus.failed.rawValue }

  /// Whether `other` is a later incarnation than that of the entry: serial numbers (RFC 1982), which have no
  /// end that anybody could drive them to.
  func isOlder(than other: UInt32) -> Bool { Int32(bitPattern: other &- incarnation) > 0 }
}

/// The members of a cluster by id, in places that do not move. Place 0 is this node's own.
struct MemberTable: ~Copyable {
  static let own = 0

  private let entries: FixedTable<MemberEntry>
  /// The names and tags, a piece for each place; pages of members without any are never touched.
  private let data: FixedTable<UInt8>
  private let index: PlaceIndex
  private let key: SecretKey
  /// With what members have proven what they said of themselves.
  let proofs: MemberProofs
  /// The members by status.
  private(set) var counts = MemberCounts()
  /// Places from here on were never used.
  private(set) var placesUsed = 1
  /// The exclusive or of a hash of every living member: equal in equal tables.
  private(set) var fingerprint: UInt64 = 0
  /// Free places below `placesUsed`, the last one linked by `next`.
  private var freeCount = 0

  init(capacity: Int, signs: Bool = false, using generator: inout Generator) {
    proofs = MemberProofs(capacity: capacity, isOn: signs)
    entries = FixedTable(count: capacity)
    data = FixedTable(count: capacity * MemberData.lengthLimit)
    index = PlaceIndex(capacity: capacity)
    key = SecretKey(using: &generator)
  }

  /// Bytes of a table of `capacity` places.
  static func bytes(capacity: Int) -> Int {
    capacity * (MemoryLayout<MemberEntry>.stride + MemberData.lengthLimit)
      + PlaceIndex.bytes(capacity: capacity)
  }

  var capacity: Int { entries.count }
  /// The members that count as such, this node among them.
  var livingCount: Int { counts.alive + counts.suspect }

  subscript(place: Int) -> MemberEntry {
    @inline(__always) _read { yield entries[place] }
  }

  /// Changes what takes part neither in the fingerprint nor in the counts.
  func note(_ place: Int, _ change: (inout MemberEntry) -> Void) { change(&entries[place]) }

  private func hash(_ id: UInt64) -> UInt64 {
    var hash = SipHash(key: key)
    hash.add(id)
    return hash.finish()
  }

  func find(_ id: UInt64) -> Int? {
    index.find(hash(id)) { entries[$0].id == id }
  }

  /// What an entry adds to the fingerprint: which run of whom it is, and how often it announced itself.
  static func print(of entry: MemberEntry) -> UInt64 {
    guard entry.isLiving else { return 0 }
    var mixed = entry.id ^ entry.run &* 0x9e37_79b9_7f4a_7c15 ^ UInt64(entry.incarnation) << 17
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// The entry of the living member of the given run, other than this node; looks through all of them.
  func entry(ofRun run: UInt64) -> MemberEntry? {
    for place in 1..<max(1, placesUsed) where entries[place].run == run && entries[place].isLiving {
      return entries[place]
    }
    return nil
  }

  /// How many other members live whose tags are as asked for.
  func livingOthers(_ isMeant: (UnsafeRawBufferPointer) -> Bool) -> Int {
    (1..<max(1, placesUsed)).count { entries[$0].isLiving && isMeant(tags($0)) }
  }

  /// Changes an entry whose id stays what it is.
  mutating func update(_ place: Int, _ change: (inout MemberEntry) -> Void) {
    count(entries[place].status, by: -1)
    fingerprint ^= Self.print(of: entries[place])
    change(&entries[place])
    fingerprint ^= Self.print(of: entries[place])
    count(entries[place].status, by: 1)
  }

  private mutating func count(_ status: UInt8, by step: Int) {
    switch MemberStatus(rawValue: status) {
    case .alive: counts.alive += step
    case .suspect: counts.suspect += step
    case .failed: counts.failed += step
    case .left: counts.left += step
    case nil: break
    }
  }

  /// Gives this node its place, or another id.
  mutating func setOwn(_ entry: MemberEntry) {
    if entries[Self.own].id != 0 { index.leave(Self.own) { hash(entries[$0].id) } }
    update(Self.own) { $0 = entry }
    index.enter(Self.own, hash(entry.id))
  }

  /// Adds a member that is not there.
  ///
  /// - Returns: Its place, and who was forgotten for it; nil when all that are there live.
  mutating func add(_ entry: MemberEntry) -> (place: Int, forgotten: MemberEntry?)? {
    var place = placesUsed
    var forgotten: MemberEntry?
    if freeCount > 0, let free = (1..<placesUsed).first(where: { entries[$0].isFree }) {
      place = free
      freeCount -= 1
    } else if place < entries.count {
      placesUsed += 1
    } else if let oldest = longestGone() {
      forgotten = entries[oldest]
      remove(oldest)
      freeCount -= 1
      place = oldest
    } else {
      return nil
    }
    let (isOrdered, isListed) = (entries[place].isOrdered, entries[place].isListed)
    update(place) {
      $0 = entry
      // What an earlier holder of the place left in the order of probes and among the suspects is there still.
      $0.isOrdered = isOrdered
      $0.isListed = isListed
    }
    proofs.clear(place)
    index.enter(place, hash(entry.id))
    return (place, forgotten)
  }

  /// Whoever has been gone longest.
  private func longestGone() -> Int? {
    guard counts.failed + counts.left > 0 else { return nil }
    var oldest: Int?
    for place in 1..<placesUsed where entries[place].isGone {
      if let best = oldest, entries[best].since <= entries[place].since { continue }
      oldest = place
    }
    return oldest
  }

  /// Forgets a member.
  mutating func remove(_ place: Int) {
    index.leave(place) { hash(entries[$0].id) }
    update(place) {
      let (isOrdered, isListed) = ($0.isOrdered, $0.isListed)
      $0 = MemberEntry()
      $0.isOrdered = isOrdered
      $0.isListed = isListed
    }
    freeCount += 1
  }

  /// A random living member, but for this node and those excepted; nil when there is none.
  func random(
    using generator: inout Generator, alive: Bool = false, except: PlaceSet = PlaceSet()
  ) -> Int? {
    guard placesUsed > 1 else { return nil }
    // A few draws find one nearly always; then one place after the other.
    var place = 0
    for step in 0..<placesUsed + 15 {
      place = step < 16 ? 1 + generator.below(placesUsed - 1) : 1 + place % (placesUsed - 1)
      if alive ? entries[place].isAlive : entries[place].isLiving, !except.contains(place) { return place }
    }
    return nil
  }
}

/// A few places.
struct PlaceSet {
  private var places = InlineArray<9, UInt32>(repeating: .max)
  private var count = 0

  init() {}

  func contains(_ place: Int) -> Bool {
    for index in 0..<count where Int(places[index]) == place { return true }
    return false
  }

  mutating func insert(_ place: Int) {
    guard count < 9 else { return }
    places[count] = UInt32(truncatingIfNeeded: place)
    count += 1
  }
}

// Names and tags.
extension MemberTable {
  func name(_ place: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: data.pointer(at: place * MemberData.lengthLimit), count: Int(entries[place].nameLength))
  }

  func tags(_ place: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: data.pointer(at: place * MemberData.lengthLimit + Member.nameLimit),
      count: Int(entries[place].tagsLength))
  }

  /// Keeps name and tags of a member; within their limits.
  func setData(_ place: Int, name: UnsafeRawBufferPointer, tags: UnsafeRawBufferPointer) {
    let nameLength = min(name.count, Member.nameLimit)
    let tagsLength = min(tags.count, Member.tagLimit)
    entries[place].nameLength = UInt8(nameLength)
    entries[place].tagsLength = UInt16(tagsLength)
    let start = place * MemberData.lengthLimit
    if let source = name.baseAddress, nameLength > 0 {
      UnsafeMutableRawPointer(data.pointer(at: start)).copyMemory(from: source, byteCount: nameLength)
    }
    if let source = tags.baseAddress, tagsLength > 0 {
      UnsafeMutableRawPointer(data.pointer(at: start + Member.nameLimit))
        .copyMemory(from: source, byteCount: tagsLength)
    }
  }

  /// Writes what a member says of itself.
  ///
  /// - Returns: False when there is no room; nothing was written.
  func writeAlive(_ place: Int, to writer: inout Writer) -> Bool {
    let entry = entries[place]
    let proof = proofs.isOn ? SignedFact.keyLength + SignedFact.signatureLength : 0
    guard
      writer.remaining >= AliveNews.lengthLimit - MemberData.lengthLimit + proof
        + Int(entry.nameLength) + Int(entry.tagsLength)
    else { return false }
    writer.write(proofs.isOn ? MessageKind.signedAlive : MessageKind.alive)
    writeFields(place, to: &writer)
    guard proofs.isOn else { return true }
    writer.write(proofs.key(place))
    writer.write(proofs.signature(place))
    return true
  }

  /// Writes the fields of what a member says of itself, for which there is room.
  func writeFields(_ place: Int, to writer: inout Writer) {
    let entry = entries[place]
    writer.writeVariable(UInt64(entry.incarnation))
    writer.write(entry.run)
    writer.write(endpoint: entry.endpoint)
    writer.write(entry.version)
    writer.writeVariable(UInt64(entry.nameLength))
    writer.write(name(place))
    writer.writeVariable(UInt64(entry.tagsLength))
    writer.write(tags(place))
  }

  /// Writes the goodbye of a member that signed it.
  private func writeSignedLeft(_ place: Int, to writer: inout Writer) -> Bool {
    guard writer.remaining >= SignedLeft.lengthLimit else { return false }
    writer.write(MessageKind.signedLeft)
    writer.write(entries[place].id)
    SignedLeft(incarnation: entries[place].incarnation, run: entries[place].run).write(to: &writer)
    writer.write(proofs.signature(place))
    return true
  }

  /// Writes what is known of a member.
  ///
  /// - Returns: False when there is no room; nothing was written.
  func writeNews(_ place: Int, to writer: inout Writer, counters: inout Counters) -> Bool {
    let entry = entries[place]
    guard let status = MemberStatus(rawValue: entry.status) else { return true }
    let start = writer.count
    let isOwnWord = status == .alive || status == .left
    // What a member says of itself nobody can say for it.
    guard !proofs.isOn || !isOwnWord || proofs.isSigned(place) else { return true }
    if status == .alive {
      guard writeAlive(place, to: &writer) else { return false }
    } else if status == .left, proofs.isOn {
      guard writeSignedLeft(place, to: &writer) else { return false }
    } else {
      guard writer.remaining >= Verdict.lengthLimit else { return false }
      Verdict(
        status: status, id: entry.id, incarnation: entry.incarnation, accuser: max(1, entry.accuser)
      ).write(to: &writer)
    }
    counters.newsSent &+= 1
    counters.newsBytesSent &+= UInt64(writer.count - start)
    return true
  }

  /// The member at a place, for applications.
  func member(_ place: Int) -> Member? {
    let entry = entries[place]
    guard let status = MemberStatus(rawValue: entry.status) else { return nil }
    return Member(
      id: StableID(entry.id), run: MemberID(entry.run),
      name: entry.nameLength == 0 ? nil : String(decoding: name(place), as: UTF8.self),
      endpoint: entry.endpoint, incarnation: entry.incarnation, protocolVersion: entry.version,
      tags: MemberData.decode(tags: tags(place)), status: status, since: entry.since)
  }
}
