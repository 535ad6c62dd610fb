// Who is there.
//
// SWIM: Das, Gupta, Motivala, "SWIM: scalable weakly-consistent infection-style process group membership
// protocol", DSN 2002. Once a period each member probes one other; who does not answer is probed by some more;
// who answers none of them is suspected, and has time to say that it lives before it is declared to have failed.
// Lifeguard: Dadgar, Phillips, Currey, arXiv 1707.00788: a member that has reason to doubt itself takes more
// time, a suspicion that few share lasts longer, and suspects are told first.
//
// Differs where it can be better. Timeouts follow from measured round trips. A node that was stopped, or hears
// nobody, throws away what it concluded meanwhile. Whoever accuses asks again as long as the suspicion lasts.
// A failure that comes as a surprise is a suspicion first. News travel along the overlay's links as they come,
// and on probes for those whom that did not reach; neighbours compare their tables now and then. The failed are
// remembered, and asked now and then whether they are back, so that a split cluster becomes one again.

/// The list of members and the engine that keeps it.
struct Membership: ~Copyable {
  let rules: MembershipRules
  let isEnabled: Bool
  /// The run of this node.
  let run: UInt64
  let openKey: UInt64
  let ablations: Ablations
  let period: Nanoseconds
  let datagramLimit: Int
  private let numberKey: SecretKey
  private var numberCount: UInt64 = 0

  var generator: Generator
  var table: MemberTable
  var news: NewsQueue
  var linkNews: LinkNews
  var order: ProbeOrder
  var suspects: SuspectList
  var calls: CallTable
  var doubt: SelfDoubt
  var roundTrips = RoundTrips()
  var probe = Probe()
  var claim = Claim()
  var sync = SyncState()
  /// Where this node is, as it was told; and as that or as others see it.
  private let advertised: Endpoint?
  var address: Endpoint?
  var tags: [UInt8] = []

  /// Whether the node is a member or about to be.
  private(set) var isOpen = false
  /// Whether others were told of this node.
  var isAnnounced = false
  /// Whether the table is that of a newcomer, who tells nobody what it learns from it.
  var isNewcomer = true
  /// Whether the datagram being read has said that what follows is of a table.
  var isReadingContents = false
  /// Whether this node has said goodbye.
  private(set) var hasLeft = false
  /// The end of the present period.
  var periodAt = Instant.never
  /// When suspects of our own are asked again, and members that failed.
  var againAt = Instant.never
  var reconnectAt = Instant.never
  /// A contact at which nobody is known, to be greeted.
  var strangeContact: Endpoint?
  /// When the next member that seems to live again is asked; and from which place on.
  var hintAt = Instant.never
  var hintPlace = 0
  var hintCount = 0
  /// When this node may refute again; and what it has to refute by then.
  var refuteAt = Instant()
  var refutedBy: UInt32?
  /// Another living member has our name: its address.
  var conflict: Endpoint?
  /// What signed facts may cost.
  let allowance: FactAllowance
  /// When whoever is said to have this node's name may be asked again; not in step with refutations, which two
  /// that have one name make in turn.
  var rivalAt = Instant()
  /// When this node blames itself again for what others say of it.
  var blameAt = Instant()
  /// When the next member that starts anew may be told what is known of it.
  var challengeAt = Instant()
  /// The number of links, each of which tells the news too.
  var linkCount = 0
  /// Members with whom a link would be good.
  var introductions = Introductions()
  /// Whether what this node says of itself waits for its signature, and who is told when it has it.
  var isAwaitingSignature = false
  var accusers: [Sender] = []

  init(identity: MemberID, configuration: Configuration, advertised: Endpoint?, seed: UInt64) {
    rules = configuration.membership ?? MembershipRules()
    isEnabled = configuration.membership != nil
    run = identity.value
    openKey = Neighbourhood.openKey(clusterName: configuration.clusterName)
    ablations = configuration.ablations
    period = rules.probeInterval.asNanoseconds
    datagramLimit = configuration.datagramLimit
    generator = Generator(seed: seed)
    numberKey = SecretKey(using: &generator)
    allowance = FactAllowance(key: numberKey)
    let capacity = isEnabled ? rules.capacity : 1
    table = MemberTable(capacity: capacity, signs: rules.signs, using: &generator)
    news = NewsQueue(capacity: capacity)
    linkNews = LinkNews(capacity: capacity, links: isEnabled ? configuration.linkSlots : 1)
    order = ProbeOrder(capacity: capacity)
    suspects = SuspectList(capacity: capacity)
    calls = CallTable(capacity: isEnabled ? CallTable.usualCapacity : 1)
    doubt = SelfDoubt(timeout: rules.probeTimeout.asNanoseconds, period: period)
    self.advertised = advertised
    address = advertised
    // Checked by `Configuration.validate`.
    tags = (try? MemberData.encode(rules.tags)) ?? []
  }

  /// Bytes that the tables take when all are full.
  static func bytes(_ configuration: Configuration) -> Int {
    guard let rules = configuration.membership else { return 0 }
    return MemberTable.bytes(capacity: rules.capacity) + NewsQueue.bytes(capacity: rules.capacity)
      + LinkNews.bytes(capacity: rules.capacity, links: configuration.linkSlots)
      + rules.capacity * 2 * MemoryLayout<UInt32>.stride
      + CallTable.usualCapacity * MemoryLayout<Call>.stride
      + (rules.signs ? MemberProofs.bytes(capacity: rules.capacity) : 0) + FactAllowance.bytes
  }

  /// The living members but this node.
  var others: Int { max(0, table.livingCount - (isAnnounced ? 1 : 0)) }

  /// A number that nobody can foresee, for a question that only its receiver can answer.
  mutating func nextNumber() -> UInt32 {
    numberCount &+= 1
    var hash = SipHash(key: numberKey)
    hash.add(numberCount)
    return UInt32(truncatingIfNeeded: hash.finish())
  }

  /// A time around `interval`: 3/4 to 5/4 of it.
  mutating func jittered(_ interval: Nanoseconds) -> Nanoseconds {
    interval - interval / 4 + UInt64(generator.below(Int(truncatingIfNeeded: interval / 2 + 1)))
  }

  /// Something became of a member.
  func report(_ change: MemberChange, _ place: Int, into effects: inout Effects) {
    let entry = table[place]
    effects.events.append(.member(change, StableID(entry.id), MemberID(entry.run), entry.endpoint))
  }
}

// Commands.
extension Membership {
  /// The node joins. With `isFounder`, nobody has to be asked whether the name is free.
  mutating func open(isFounder: Bool, now: Instant) {
    guard isEnabled else { return }
    isOpen = true
    hasLeft = false
    isAnnounced = false
    conflict = nil
    // The machine may be elsewhere by now.
    address = advertised
    isNewcomer = !isFounder
    doubt.reset(now: now)
    // Who was recalled has been gone since now.
    for place in 1..<max(1, table.placesUsed) where table[place].isRecalled {
      table.note(place) { $0.since = now }
    }
    _ = spareSuspects(now: now)
    probe = Probe()
    calls.removeAll()
    claim = Claim()
    // A founder that knows where it is can say so; another one learns it from its first neighbour.
    if isFounder, address != nil { announce(above: table[MemberTable.own].incarnation, now: now) }
  }

  /// The node goes on as if it had asked for its name, and nobody had it.
  mutating func announce(above incarnation: UInt32, now: Instant) {
    guard let address, !isAnnounced else { return }
    isAnnounced = true
    claim = Claim()
    var latest = incarnation
    if let place = table.find(ownID), place != MemberTable.own {
      // Heard of before this node knew its address: an earlier run of itself.
      if Int32(bitPattern: table[place].incarnation &- latest) > 0 { latest = table[place].incarnation }
      news.remove(place)
      unhint(place)
      table.remove(place)
    }
    setOwn(incarnation: latest &+ 1, address, now: now)
    startTimers(now: now)
    push(MemberTable.own, from: nil, now: now)
  }

  private mutating func setOwn(incarnation: UInt32, _ address: Endpoint, now: Instant) {
    var entry = MemberEntry()
    entry.id = ownID
    entry.run = run
    entry.endpoint = address
    entry.incarnation = incarnation
    entry.since = now
    entry.version = Frame.version
    entry.status = MemberStatus.alive.rawValue
    table.setOwn(entry)
    setOwnData()
  }

  private func setOwnData() {
    var name = rules.name
    name.withUTF8 { name in
      tags.withUnsafeBytes { table.setData(MemberTable.own, name: UnsafeRawBufferPointer(name), tags: $0) }
    }
  }

  /// The id of this node; meaningful once it has a name or an address.
  var ownID: UInt64 {
    guard rules.name.isEmpty else { return StableID(name: rules.name).value }
    return address.map { StableID(address: $0).value } ?? 0
  }

  private mutating func startTimers(now: Instant) {
    if rules.startsInStep {
      periodAt = Instant(nanoseconds: (now.nanoseconds / period &+ 1) &* period)
    } else {
      periodAt = now + 1 + UInt64(generator.below(Int(truncatingIfNeeded: period)))
    }
    againAt = now + period
    reconnectAt = now + jittered(rules.reconnectInterval.asNanoseconds)
    sync.at = now + jittered(rules.syncInterval.asNanoseconds)
    if hintCount > 0 { hintAt = now }
  }

  /// Says something else of this node.
  mutating func setTags(_ bytes: [UInt8], now: Instant) {
    tags = bytes
    guard isAnnounced else { return }
    raise(above: table[MemberTable.own].incarnation, now: now)
    setOwnData()
  }

  /// Announces this node with a later incarnation.
  mutating func raise(above incarnation: UInt32, now: Instant) {
    let own = table[MemberTable.own].incarnation
    let highest = Int32(bitPattern: incarnation &- own) > 0 ? incarnation : own
    table.update(MemberTable.own) { $0.incarnation = highest &+ 1 }
    push(MemberTable.own, from: nil, now: now)
  }

  /// Says goodbye.
  mutating func leave(now: Instant, counters: inout Counters, into effects: inout Effects) {
    guard isOpen, isAnnounced, !hasLeft else { return }
    hasLeft = true
    table.update(MemberTable.own) {
      $0.status = MemberStatus.left.rawValue
      $0.since = now
    }
    push(MemberTable.own, from: nil, now: now)
    probe = Probe()
    if !isAwaitingSignature { sayGoodbye(counters: &counters, into: &effects) }
  }

  /// Tells a few members of a goodbye.
  mutating func sayGoodbye(counters: inout Counters, into effects: inout Effects) {
    for _ in 0..<Self.farewells {
      guard let place = table.random(using: &generator) else { break }
      tell(place, counters: &counters, into: &effects)
    }
  }

  /// Whether every one of some links has told all there is to tell.
  func hasTold(_ slots: SlotMask) -> Bool {
    guard isEnabled else { return true }
    guard !isAwaitingSignature else { return false }
    var rest = slots
    while rest != 0 {
      if !linkNews.hasTold(rest.trailingZeroBitCount) { return false }
      rest &= rest &- 1
    }
    return true
  }

  /// Members told directly of a goodbye, besides the neighbours. Chosen here: SWIM's k.
  private static var farewells: Int { 3 }

  /// The node is a member no longer.
  mutating func shut() {
    isOpen = false
    isAnnounced = false
    probe = Probe()
    claim = Claim()
    calls.removeAll()
    sync = SyncState()
    (periodAt, againAt, reconnectAt, hintAt) = (.never, .never, .never, .never)
    table.proofs.unsign(MemberTable.own)
    isAwaitingSignature = false
    accusers.removeAll()
    if !hasLeft, table[MemberTable.own].id != 0 {
      table.update(MemberTable.own) { $0.status = MemberStatus.left.rawValue }
    }
  }

  /// Has everybody told of what is new about a place.
  mutating func push(_ place: Int, from slot: Int?, now: Instant) {
    guard place != MemberTable.own || !rules.signs else { return awaitSignature() }
    spread(place, from: slot, now: now)
  }

  /// Has everybody told of what is new about a place, and signed if it must be.
  mutating func spread(_ place: Int, from slot: Int?, now: Instant) {
    // Each link counts as one of the times that SWIM tells it, but for half of them.
    news.push(place, times: min(linkCount, transmissions / 2))
    linkNews.push(place, from: slot, now: now)
  }
}

// Over restarts.
extension Membership {
  /// Remembers members of an earlier run as failed, to be looked for.
  mutating func recall(_ snapshot: MemberSnapshot) {
    guard isEnabled, !isOpen else { return }
    table.note(MemberTable.own) { $0.incarnation = max($0.incarnation, snapshot.incarnation) }
    for member in snapshot.members {
      guard member.endpoint.isUsable, table.find(member.id.value) == nil, member.id.value != ownID else {
        continue
      }
      var entry = MemberEntry()
      entry.id = member.id.value
      entry.run = member.run.value
      entry.endpoint = member.endpoint
      entry.incarnation = member.incarnation
      entry.status = MemberStatus.failed.rawValue
      entry.isRecalled = true
      // The living come first, so those for whom there is no place have failed longest ago.
      guard table.placesUsed < table.capacity, let (place, _) = table.add(entry) else { return }
      var name = member.name ?? ""
      let none = UnsafeRawBufferPointer(start: nil, count: 0)
      name.withUTF8 { table.setData(place, name: UnsafeRawBufferPointer($0), tags: none) }
    }
  }

  /// The others, the living first, and this node's incarnation.
  var snapshot: MemberSnapshot {
    var living: [RememberedMember] = []
    var failed: [RememberedMember] = []
    for place in 1..<max(1, table.placesUsed) {
      guard let member = table.member(place), member.status != .left else { continue }
      let memory = RememberedMember(
        run: member.run, name: member.name, endpoint: member.endpoint, incarnation: member.incarnation)
      if member.status == .failed { failed.append(memory) } else { living.append(memory) }
    }
    return MemberSnapshot(incarnation: table[MemberTable.own].incarnation, members: living + failed)
  }
}

// Time.
extension Membership {
  /// Does what is due.
  mutating func advance(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    guard isOpen else { return }
    doubtAnything(now: now, counters: &counters)
    advanceClaim(&view, now: now, counters: &counters, into: &effects)
    if isAnnounced, !hasLeft {
      advanceProbes(now: now, counters: &counters, into: &effects)
      advanceSuspects(now: now, counters: &counters, into: &effects)
      advanceReconnects(view, now: now, counters: &counters, into: &effects)
      advanceSync(&view, now: now, counters: &counters, into: &effects)
      if let accused = refutedBy, now >= refuteAt { refute(above: accused, now: now, counters: &counters) }
    }
    // News leave when links are flushed, which says nothing of how late a step is.
    doubt.expect(max(timersDeadline, now))
  }

  /// Throws away what matured while this node was stopped or deaf.
  private mutating func doubtAnything(now: Instant, counters: inout Counters) {
    let stopped = doubt.stoppedFor(now: now) > 0
    let wasDeaf = doubt.listen(others: others, now: now)
    guard stopped || wasDeaf, !ablations.contains(.selfDoubt) else { return }
    if probe.isActive {
      probe.isActive = false
      counters.verdictsDiscarded &+= 1
    }
    calls.removeAll()
    periodAt = min(periodAt, now + jittered(period / 2))
    counters.verdictsDiscarded &+= UInt64(spareSuspects(now: now))
  }

  /// The earliest time at which `advance` has work.
  var nextDeadline: Instant {
    isOpen ? min(timersDeadline, linkNews.due) : .never
  }

  /// The earliest time at which something has to be done but telling news.
  private var timersDeadline: Instant {
    var deadline = claim.deadline
    guard isAnnounced, !hasLeft else { return deadline }
    deadline = min(deadline, min(periodAt, probe.isActive && !probe.hasAsked ? probe.askAt : .never))
    deadline = min(deadline, min(suspects.due, min(reconnectAt, calls.due)))
    deadline = min(
      deadline,
      min(
        suspects.isAnyOurs && !ablations.contains(.selfDoubt) ? againAt : .never,
        hintCount > 0 ? hintAt : .never))
    deadline = min(deadline, sync.deadline == .never ? sync.at : sync.deadline)
    return refutedBy == nil ? deadline : min(deadline, refuteAt)
  }
}
