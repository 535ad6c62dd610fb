// Whom a node talks to: a bounded view of the cluster.
//
// A node keeps a handful of neighbours, with whom it has symmetric links, and remembers some more members by
// address. Any member takes a newcomer in: one that has room, or is the newcomer's only hope, accepts; one
// that is full refuses and names others. When a neighbour is lost, a remembered member takes its place. Now
// and then neighbours exchange samples of whom they know, and members that were lost are tried again, so
// that the halves of a cluster find each other after a partition.
//
// The two views and the urgent request follow HyParView (Leitão, Pereira, Rodrigues, DSN 2007 §4). Differs:
// no random walks, samples of the accepting member take their place; links are watched by keepalives, because
// datagrams have no connection that breaks.

/// The neighbours of a node and how it comes by them.
struct PartialView: ~Copyable {
  let identity: UInt64
  let configuration: Configuration
  /// Datagrams of our receive buffer that each neighbour may use.
  let windowShare: UInt64
  var links: LinkTable
  var passive: PeerTable
  var lost: PeerTable
  var contacts: [Endpoint] = []
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

  /// Whether handshakes are begun and answered with ACCEPT.
  var isOpen = false
  /// Slots of established links.
  private(set) var up: UInt32 = 0
  /// Slots that came up or went down since the last `takeChanges`.
  private var cameUp: UInt32 = 0
  private var wentDown: UInt32 = 0

  var nextConnect = Instant()
  var nextDisplacement = Instant()
  var nextContact = Instant()
  var nextShuffle = Instant.never
  var nextExplore = Instant.never
  var contactBackoff: Nanoseconds

  init(
    identity: MemberID, configuration: Configuration, seed: UInt64, receiveWindow: Int
  ) {
    self.identity = identity.value
    self.configuration = configuration
    windowShare = UInt64(max(16, receiveWindow / configuration.viewCapacity))
    links = LinkTable(count: configuration.linkSlots)
    passive = PeerTable(capacity: configuration.passiveCapacity)
    lost = PeerTable(capacity: configuration.passiveCapacity)
    generator = Generator(seed: seed)
    secret = SecretKey(using: &generator)
    nonceKey = SecretKey(using: &generator)
    openKey = Self.openKey(clusterName: configuration.clusterName)
    keepalive = configuration.keepaliveInterval.asNanoseconds
    linkTimeout = configuration.linkTimeout.asNanoseconds
    acknowledgeDelay = configuration.digestDelay.asNanoseconds
    contactBackoff = configuration.handshakeTimeout.asNanoseconds
  }

  /// The checksum key of open frames: all nodes of a cluster's name compute the same, whatever their
  /// version, or they could not tell each other that their versions differ.
  static func openKey(clusterName: String) -> UInt64 {
    var hash = SipHash(key: SecretKey(first: 0x6772_6170_6576_696e, second: 1))
    for byte in clusterName.utf8 { hash.add(UInt64(byte)) }
    return hash.finish()
  }
}

extension PartialView {
  /// A number that nobody can foresee, and that tells nothing of the others.
  mutating func nextNonce() -> UInt64 {
    nonceCount &+= 1
    var hash = SipHash(key: nonceKey)
    hash.add(nonceCount)
    return hash.finish()
  }

  /// The number of established links.
  var neighbourCount: Int { up.nonzeroBitCount }

  /// The slot of the link or handshake with `endpoint`.
  func slot(of endpoint: Endpoint) -> Int? { links.slot(of: endpoint) }

  /// The number of handshakes of our own under way.
  var pendingCount: Int { links.occupied.nonzeroBitCount - neighbourCount }

  /// The slots that went down and came up since the last call; a replaced link is in both.
  mutating func takeChanges() -> (down: UInt32, up: UInt32) {
    defer { (wentDown, cameUp) = (0, 0) }
    return (wentDown, cameUp)
  }

  mutating func didComeUp(_ slot: Int, counters: inout Counters, into effects: inout Effects) {
    up |= 1 << UInt32(slot)
    cameUp |= 1 << UInt32(slot)
    counters.linksUp &+= 1
    let link = links[slot]
    passive.remove(link.endpoint)
    lost.remove(link.endpoint)
    contactBackoff = configuration.handshakeTimeout.asNanoseconds
    effects.events.append(.neighbourUp(MemberID(link.peer), link.endpoint))
  }

  /// Frees the slot of an established link and remembers the member where it fits.
  mutating func drop(
    _ slot: Int, because loss: LinkLoss, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    let link = links[slot]
    guard link.phase == .up else { return }
    up &= ~(1 << UInt32(slot))
    if cameUp & 1 << UInt32(slot) != 0 {
      cameUp &= ~(1 << UInt32(slot))
    } else {
      wentDown |= 1 << UInt32(slot)
    }
    links.free(slot)
    counters.linksDown &+= 1
    nextConnect = min(nextConnect, now + Self.connectPause)
    let record = PeerRecord(id: link.peer, endpoint: link.endpoint)
    switch loss {
    case .timedOut: lost.insert(record, notBefore: now, using: &generator)
    case .closedByPeer, .closedHere:
      passive.insert(record, notBefore: now + 2_000_000_000, using: &generator)
    case .replaced: break
    }
    effects.events.append(.neighbourDown(MemberID(link.peer), link.endpoint, loss))
  }

  /// Derives the keys of both directions from what both ends and nobody off the path know.
  static func linkKeys(nonce: UInt64, cookie: UInt64, initiator: UInt64, responder: UInt64) -> (
    fromInitiator: UInt64, fromResponder: UInt64
  ) {
    let key = SecretKey(first: nonce, second: cookie)
    var forward = SipHash(key: key)
    forward.add(initiator)
    forward.add(responder)
    var backward = SipHash(key: key)
    backward.add(~responder)
    backward.add(~initiator)
    return (forward.finish(), backward.finish())
  }

  /// Remembers members that a peer named, except ourselves, neighbours and unusable addresses.
  mutating func learn(_ record: PeerRecord, now: Instant) {
    guard record.id != identity, record.endpoint.isUsable, slot(of: record.endpoint) == nil else { return }
    passive.insert(record, notBefore: now, using: &generator)
    // Whoever waits to ask a contact again has somebody better to ask now.
    nextConnect = min(nextConnect, now + Self.connectPause)
  }

  /// The time between two handshakes begun to fill the view. Chosen here: a few round trips of a local
  /// network, so that an answer can make the next one needless.
  static var connectPause: Nanoseconds { 5_000_000 }

  /// Writes up to `PeerRecord.countLimit` known members, not `excluded`, as a count and records.
  mutating func writeSample(excluding excluded: Endpoint, to writer: inout Writer) {
    let countAt = writer.count
    writer.write(UInt8(0))
    var written: UInt8 = 0
    let neighbours = generator.below(links.count)
    for step in 0..<links.count where Int(written) < PeerRecord.countLimit / 2 {
      let link = links[(neighbours + step) % links.count]
      guard link.phase == .up, link.endpoint != excluded else { continue }
      guard writer.remaining >= PeerRecord.lengthLimit else { break }
      PeerRecord(id: link.peer, endpoint: link.endpoint).write(to: &writer)
      written += 1
    }
    let others = generator.below(passive.count)
    for step in 0..<passive.count where Int(written) < PeerRecord.countLimit {
      let peer = passive[(others + step) % passive.count]
      guard peer.endpoint != excluded, peer.id != 0 else { continue }
      guard writer.remaining >= PeerRecord.lengthLimit else { break }
      PeerRecord(id: peer.id, endpoint: peer.endpoint).write(to: &writer)
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
