// HyParView: a small active view of symmetric links, a larger passive view of addresses.
//
// Leitão, Pereira, Rodrigues, "HyParView: a membership protocol for reliable gossip-based broadcast", DSN 2007.
// A newcomer's JOIN makes its contact send FORWARDJOIN on random walks through the active views; whoever a
// walk ends at becomes its neighbour, and some on the way remember it. A lost neighbour is replaced out of the
// passive view: NEIGHBOR, with high priority when no neighbour is left. SHUFFLE mixes the passive views.
//
// On the wire JOIN and NEIGHBOR are the `need` of a CONNECT, and their answers ACCEPT and REFUSE. Differs from
// the paper where datagrams demand it: links are watched by probes; whoever refuses for lack of room checks
// its own neighbours first; several candidates are asked at once; with both views dead the contacts are asked
// again; members that were lost are tried again, so that a healed partition is one cluster again; members now
// and then trade a neighbour; who loses most neighbours at once asks a contact for a walk to somebody else; a
// shuffle's records displace random ones, not those that were sent; and a view displaces its youngest
// neighbour, and only so often, so that newcomers in numbers displace each other.

/// The rules and timers of HyParView.
struct HyParView: OverlayRules {
  let activeWalk: UInt8
  let passiveWalk: UInt8
  let shuffleActive: Int
  let shufflePassive: Int
  let target: Int
  let capacity: Int
  let handshakeTimeout: Nanoseconds
  let shuffleInterval: Nanoseconds
  let exploreInterval: Nanoseconds
  let ablations: Ablations

  /// Whether a link has ever come up since the node opened: before that, CONNECT is a JOIN.
  var hasJoined = false
  var nextConnect = Instant()
  /// The time between two candidates, which grows with each that refuses; and the neighbours counted last.
  var searchPause = HyParView.connectPause
  var refusals = 0
  var counted = 0
  var nextContact = Instant()
  var nextDisplacement = Instant()
  var nextShuffle = Instant.never
  var nextExplore = Instant.never
  var contactBackoff: Nanoseconds
  /// When a contact is asked for a walk, because most of whom we knew is gone; how often that was done since.
  var nextRescue = Instant.never
  var rescues = 0
  /// When this node sends the next walk on its way for somebody else, gives up a neighbour for one whose walk
  /// ended here, and answers a shuffle.
  var nextWalk = Instant()
  var nextAdoption = Instant()
  var nextAnswer = Instant()
  /// The nonce of our shuffle under way; 0 when there is none.
  var shuffleNonce: UInt64 = 0

  /// The time between two neighbours given up for others: who comes with many addresses displaces few.
  /// Others are told of members with room. Chosen here.
  static var displacementPause: Nanoseconds { 250_000_000 }

  /// The time between two walks for those who fear to be cut off. Chosen here: 100 a second.
  static var walkPause: Nanoseconds { 10_000_000 }

  /// The time between two neighbours given up for those whose walks end here. Chosen here: walks can be sent
  /// by anybody who is linked anywhere.
  static var adoptionPause: Nanoseconds { 2_000_000_000 }

  /// The time between two answers to shuffles: their origins have not proven their addresses. Chosen here.
  static var answerPause: Nanoseconds { 10_000_000 }

  /// What a neighbour may send of walks: one in each interval, and so many at once. Chosen here: a newcomer's
  /// walks bring a few to each link.
  static var walkInterval: Nanoseconds { 20_000_000 }
  static var walkBurst: UInt64 { 32 }

  /// The time until such a walk is asked for, and between two. Chosen here: a dead link is found in less.
  static var rescueDelay: Nanoseconds { 2_000_000_000 }

  /// Walks asked for after one disaster. Chosen here: each leads out of the few with a good chance.
  static var rescueLimit: Int { 3 }

  /// Refusals in a row until the search slows down, and the longest time between two candidates then: where one
  /// place is free, and where more are. Chosen here.
  static var refusalsAtOnce: Int { 400 }
  static var lastPause: Nanoseconds { 1_000_000_000 }
  static var handicapPause: Nanoseconds { 200_000_000 }

  /// Handshakes under way with newcomers whose walks ended here. Chosen here: half of the slots beside the view.
  static var adoptedLimit: Int { 2 }

  /// The time between two handshakes begun to fill the view. Chosen here: a few round trips of a local
  /// network, so that an answer can make the next one needless.
  static var connectPause: Nanoseconds { 5_000_000 }

  init(_ configuration: Configuration) {
    activeWalk = UInt8(configuration.activeWalkLength)
    passiveWalk = UInt8(configuration.passiveWalkLength)
    shuffleActive = configuration.shuffleActiveCount
    shufflePassive = configuration.shufflePassiveCount
    target = configuration.viewTarget
    capacity = configuration.viewCapacity
    handshakeTimeout = configuration.handshakeTimeout.asNanoseconds
    shuffleInterval = configuration.shuffleInterval.asNanoseconds
    exploreInterval = configuration.exploreInterval.asNanoseconds
    ablations = configuration.ablations
    contactBackoff = handshakeTimeout
  }

  func targets(_ view: borrowing Neighbourhood) -> SlotMask { view.up }

  mutating func open(_ view: inout Neighbourhood, now: Instant) {
    hasJoined = false
    contactBackoff = handshakeTimeout
    nextConnect = now
    nextShuffle = now + view.jittered(shuffleInterval / 4)
    nextExplore = now + view.jittered(exploreInterval)
    (rescues, nextRescue) = (0, .never)
  }

  /// JOIN or NEIGHBOR.
  mutating func onConnect(
    _ connect: Connect, from source: Endpoint, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) {
    if connect.need == .rescue {
      sendWalk(for: connect, at: source, &view, now: now, counters: &counters, into: &effects)
      view.refuse(connect, .full, to: source, counters: &counters, into: &effects)
      return
    }
    if view.neighbourCount >= capacity {
      guard connect.need != .low, let victim = displaceable(view, now: now) else {
        let reason: RefusalReason = view.checkNeighbours(now: now) ? .checking : .full
        view.refuse(connect, reason, to: source, counters: &counters, into: &effects)
        return
      }
      view.close(victim, now: now, counters: &counters, into: &effects)
    }
    let slot = view.establish(connect, from: source, now: now, counters: &counters, into: &effects)
    guard let slot, connect.need == .join, !view.didReplace, !ablations.contains(.walks) else { return }
    let newcomer = PeerRecord(id: connect.sender, endpoint: source)
    announce(newcomer, except: slot, view: &view, now: now, counters: &counters, into: &effects)
  }

  /// Sends one walk for a member that fears to be cut off.
  private mutating func sendWalk(
    for connect: Connect, at source: Endpoint, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) {
    guard now >= nextWalk, let slot = view.randomNeighbour() else { return }
    nextWalk = now + Self.walkPause
    let walk = ForwardJoin(
      ttl: activeWalk, newcomer: PeerRecord(id: connect.sender, endpoint: source), isRescue: true)
    view.send(on: slot, now: now, counters: &counters, into: &effects) { walk.write(to: &$1) }
  }

  /// The neighbour to give up for another: the youngest; one that is no newcomer itself only so often.
  private mutating func displaceable(_ view: borrowing Neighbourhood, now: Instant) -> Int? {
    guard let victim = view.youngestNeighbour() else { return nil }
    if now >= view.links[victim].upSince + Self.displacementPause {
      guard now >= nextDisplacement else { return nil }
      nextDisplacement = now + Self.displacementPause
    }
    return victim
  }

  /// Sends a newcomer's FORWARDJOIN to every other neighbour (DSN 2007 §4.2.1, Algorithm 1).
  private func announce(
    _ newcomer: PeerRecord, except slot: Int, view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) {
    var rest = view.up & ~(1 << SlotMask(slot))
    while rest != 0 {
      let walk = ForwardJoin(ttl: activeWalk, newcomer: newcomer)
      view.send(on: rest.trailingZeroBitCount, now: now, counters: &counters, into: &effects) {
        walk.write(to: &$1)
      }
      rest &= rest &- 1
    }
  }

  mutating func linkUp(
    _ slot: Int, _ view: inout Neighbourhood, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    hasJoined = true
    counted = view.neighbourCount
    (searchPause, refusals) = (Self.connectPause, 0)
    contactBackoff = handshakeTimeout
    nextConnect = min(nextConnect, now + Self.connectPause)
    guard view.neighbourCount > capacity, let victim = view.youngestNeighbour(except: 1 << SlotMask(slot))
    else { return }
    if view.links[slot].isAdopted { nextAdoption = now + Self.adoptionPause }
    view.close(victim, now: now, counters: &counters, into: &effects)
  }

  mutating func linkLost(_ view: inout Neighbourhood, now: Instant) {
    let isLoss = view.neighbourCount < counted
    counted = view.neighbourCount
    guard isLoss || counted == 0 else {
      // Refused. Where all are full, one place may stay free for long: it is looked for ever more slowly.
      refusals += 1
      guard refusals > Self.refusalsAtOnce else { return }
      searchPause = min(searchPause * 2, counted + 1 >= target ? Self.lastPause : Self.handicapPause)
      nextConnect = max(nextConnect, now + searchPause)
      return
    }
    (searchPause, refusals) = (Self.connectPause, 0)
    nextConnect = min(nextConnect, now + Self.connectPause)
    // Most neighbours gone: perhaps most of the cluster is. Those left can be full of each other and yet few.
    guard view.neighbourCount * 2 < target, view.lost.count > 0, nextRescue == .never, !view.contacts.isEmpty
    else { return }
    rescues = 0
    nextRescue = now + view.jittered(Self.rescueDelay)
  }

  mutating func shut(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {}
}
