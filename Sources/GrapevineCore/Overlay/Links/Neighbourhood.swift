// The links of a node, the members it knows by address, and how a link comes and goes.
//
// An overlay decides with whom a node is linked; this is what every overlay stands on. Links are symmetric
// and authenticated; a table of known members, one of lost ones and the configured contacts say who else
// could be asked. Nothing here decides whom to ask: see `HyParView`, `Scamp` and `FullView`.

/// The links of a node and the members it knows.
struct Neighbourhood: ~Copyable {
  let identity: UInt64
  let configuration: Configuration
  /// Datagrams of our receive buffer that each neighbour may use.
  let windowShare: UInt64
  var links: LinkTable
  /// Members known by address: HyParView's passive view.
  var passive: PeerTable
  /// Members that were lost, to be tried again in case it was the network.
  var lost: PeerTable
  var contacts: [Endpoint] = []
  /// Contacts asked, counted so that of many each has its turn.
  private var contactsAsked: UInt32 = 0
  var generator: Generator
  /// The key of cookies.
  let secret: SecretKey
  /// The key and the count of nonces. A nonce is a hash, never a draw of the generator, whose draws give it
  /// away.
  private let nonceKey: SecretKey
  private var nonceCount: UInt64 = 0
  let openKey: UInt64
  let keepalive: Nanoseconds
  let linkTimeout: Nanoseconds
  let acknowledgeDelay: Nanoseconds

  /// When all neighbours may be checked again.
  var nextCheck = Instant()
  /// Whether handshakes are begun and answered with ACCEPT.
  var isOpen = false
  /// Whether the last CONNECT that was proven came from the other end of a link that there was.
  var didReplace = false
  /// Slots of established links.
  private(set) var up: SlotMask = 0
  /// Of these, those whose other end is in our partial view, and those in whose partial view we are.
  private(set) var outArcs: SlotMask = 0
  private(set) var inArcs: SlotMask = 0
  /// What our handshake was for that the last CONNECT displaced.
  var yielded = YieldedHandshake()
  /// Messages of the overlay that must arrive.
  var errands: ErrandTable
  /// Slots that came up or went down since the last `takeChanges`.
  private var cameUp: SlotMask = 0
  private var wentDown: SlotMask = 0

  init(
    identity: MemberID, configuration: Configuration, seed: UInt64, receiveWindow: Int
  ) {
    self.identity = identity.value
    self.configuration = configuration
    windowShare = UInt64(max(16, receiveWindow / configuration.viewCapacity))
    links = LinkTable(count: configuration.linkSlots)
    passive = PeerTable(capacity: configuration.passiveCapacity)
    lost = PeerTable(capacity: configuration.passiveCapacity)
    errands = ErrandTable(capacity: configuration.errandCapacity)
    generator = Generator(seed: seed)
    secret = SecretKey(using: &generator)
    nonceKey = SecretKey(using: &generator)
    openKey = Self.openKey(clusterName: configuration.clusterName)
    keepalive = configuration.keepaliveInterval.asNanoseconds
    linkTimeout = configuration.linkTimeout.asNanoseconds
    acknowledgeDelay = configuration.digestDelay.asNanoseconds
  }

  /// The checksum key of open frames: all nodes of a cluster's name compute the same, whatever their
  /// version, or they could not tell each other that their versions differ.
  static func openKey(clusterName: String) -> UInt64 {
    var hash = SipHash(key: SecretKey(first: 0x6772_6170_6576_696e, second: 1))
    for byte in clusterName.utf8 { hash.add(UInt64(byte)) }
    return hash.finish()
  }

  /// A number that nobody can foresee, and that tells nothing of the others.
  mutating func nextNonce() -> UInt64 {
    nonceCount &+= 1
    var hash = SipHash(key: nonceKey)
    hash.add(nonceCount)
    return hash.finish()
  }

  /// The slots that went down and came up since the last call; a replaced link is in both.
  mutating func takeChanges() -> (down: SlotMask, up: SlotMask) {
    defer { (wentDown, cameUp) = (0, 0) }
    return (wentDown, cameUp)
  }

  mutating func didComeUp(_ slot: Int, counters: inout Counters, into effects: inout Effects) {
    up |= 1 << SlotMask(slot)
    cameUp |= 1 << SlotMask(slot)
    markArcs(slot)
    counters.linksUp &+= 1
    let link = links[slot]
    passive.remove(link.endpoint)
    lost.remove(link.endpoint)
    effects.events.append(.neighbourUp(MemberID(link.peer), link.endpoint))
  }

  /// Keeps the masks of arcs in step with an established link.
  mutating func markArcs(_ slot: Int) {
    let bit: SlotMask = 1 << SlotMask(slot)
    outArcs = links[slot].isOut ? outArcs | bit : outArcs & ~bit
    inArcs = links[slot].isIn ? inArcs | bit : inArcs & ~bit
    outArcs &= up
    inArcs &= up
  }

  /// Frees the slot of an established link and remembers the member where it fits.
  mutating func drop(
    _ slot: Int, because loss: LinkLoss, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    let link = links[slot]
    guard link.phase == .up else { return }
    up &= ~(1 << SlotMask(slot))
    outArcs &= up
    inArcs &= up
    if cameUp & 1 << SlotMask(slot) != 0 {
      cameUp &= ~(1 << SlotMask(slot))
    } else {
      wentDown |= 1 << SlotMask(slot)
    }
    links.free(slot)
    counters.linksDown &+= 1
    let record = PeerRecord(id: link.peer, endpoint: link.endpoint)
    switch loss {
    case .timedOut where link.isIn && !link.isOut: break  // It is for the other end to find us again.
    case .timedOut: lost.insert(record, notBefore: now, using: &generator)
    case .closedByPeer, .closedHere:
      passive.insert(record, notBefore: now + 2_000_000_000, using: &generator)
    case .replaced: break
    }
    effects.events.append(.neighbourDown(MemberID(link.peer), link.endpoint, loss))
  }
}

// Who there is.
extension Neighbourhood {
  /// The number of established links.
  var neighbourCount: Int { up.nonzeroBitCount }

  /// The slots of handshakes of our own under way.
  var pending: SlotMask { links.occupied & ~up }

  /// The number of handshakes of our own under way.
  var pendingCount: Int { pending.nonzeroBitCount }

  /// The number of these that a walk gave rise to.
  var adoptedCount: Int {
    var count = 0
    var rest = pending
    while rest != 0 {
      if links[rest.trailingZeroBitCount].isAdopted { count += 1 }
      rest &= rest &- 1
    }
    return count
  }

  /// The slot of the link or handshake with `endpoint`.
  @inline(__always)
  func slot(of endpoint: Endpoint) -> Int? { links.slot(of: endpoint) }

  /// The established link with a member, found by its id.
  func slot(ofMember id: UInt64) -> Int? {
    var rest = up
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      if links[slot].peer == id { return slot }
    }
    return nil
  }

  /// The neighbour that came last: those who come in numbers displace each other, and not who was there
  /// before.
  func youngestNeighbour(except kept: SlotMask = 0) -> Int? {
    var youngest: Int?
    var rest = up & ~kept
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      if let best = youngest, links[best].upSince >= links[slot].upSince { continue }
      youngest = slot
    }
    return youngest
  }

  /// A random neighbour, of those not in `excluded`.
  mutating func randomNeighbour(except excluded: SlotMask = 0) -> Int? {
    generator.slot(of: up & ~excluded)
  }

  /// A random contact without a link or a handshake; of many contacts the one whose turn it is.
  mutating func freeContact() -> Endpoint? {
    guard !contacts.isEmpty else { return nil }
    let start = hasManyContacts ? Int(contactsAsked) % contacts.count : generator.below(contacts.count)
    for step in 0..<contacts.count {
      let contact = contacts[(start + step) % contacts.count]
      if slot(of: contact) == nil { return contact }
    }
    return nil
  }

  /// Whether there are so many contacts that they cannot be a chosen few of which most answer. Chosen here.
  var hasManyContacts: Bool { contacts.count > 8 }

  /// Doubles the pause between contacts, up to `limit`; of many, each has its turn before the pause grows, for most
  /// may be dead, and the one that lives must be found all the same.
  mutating func lengthen(_ pause: inout Nanoseconds, limit: Nanoseconds) {
    contactsAsked &+= 1
    guard !hasManyContacts || Int(contactsAsked) % contacts.count == 0 else { return }
    pause = min(pause * 2, limit)
  }

  /// Remembers members that a peer named, except ourselves, neighbours and unusable addresses.
  mutating func learn(_ record: PeerRecord, now: Instant) {
    guard record.id != identity, record.endpoint.isUsable, slot(of: record.endpoint) == nil else { return }
    passive.insert(record, notBefore: now, using: &generator)
  }

  /// A time around `interval`: 3/4 to 5/4 of it, so that nodes started together do not stay in step.
  mutating func jittered(_ interval: Nanoseconds) -> Nanoseconds {
    interval - interval / 4 + UInt64(generator.below(Int(truncatingIfNeeded: interval / 2 + 1)))
  }
}

// Samples of known members.
extension Neighbourhood {
  /// Writes up to `neighbours` neighbours and then known members up to `limit` in all, not `excluded`, as a
  /// count and records.
  mutating func writeSample(
    neighbours: Int = PeerRecord.countLimit / 2, limit: Int = PeerRecord.countLimit,
    excluding excluded: Endpoint, to writer: inout Writer
  ) {
    let countAt = writer.count
    writer.write(UInt8(0))
    var written: UInt8 = 0
    let first = generator.below(links.count)
    for step in 0..<links.count where Int(written) < neighbours {
      let link = links[(first + step) % links.count]
      guard link.phase == .up, link.endpoint != excluded else { continue }
      let record = PeerRecord(id: link.peer, endpoint: link.endpoint)
      guard writer.remaining >= record.length else { break }
      record.write(to: &writer)
      written += 1
    }
    let others = generator.below(passive.count)
    for step in 0..<passive.count where Int(written) < limit {
      let peer = passive[(others + step) % passive.count]
      guard peer.endpoint != excluded, peer.id != 0 else { continue }
      let record = PeerRecord(id: peer.id, endpoint: peer.endpoint)
      guard writer.remaining >= record.length else { break }
      record.write(to: &writer)
      written += 1
    }
    writer.overwrite(at: countAt, with: written)
  }

  /// Reads a sample and remembers its members.
  mutating func readSample(from cursor: inout Cursor, now: Instant) throws(DecodeError) {
    let count = try cursor.read(UInt8.self)
    guard count <= PeerRecord.countLimit else { throw .outOfRange }
    for _ in 0..<count {
      learn(try PeerRecord(from: &cursor), now: now)
    }
  }
}
