// Every limit and every time of a node, in one place.

/// The configuration of a node.
///
/// All tables are as large as it says and never grow, so `memoryBound` can be computed from it.
public struct Configuration: Sendable, Equatable {
  /// The cluster's name. Nodes of different names do not hear each other; it is not a secret.
  ///
  /// Default: empty, chosen here: one cluster needs no name.
  public var clusterName = ""

  /// The greatest size of a datagram, in bytes; 512 to 2,048, which is what transports receive.
  ///
  /// Default: 1,200, chosen here: what RFC 9000 §14 requires every path of the internet to carry.
  public var datagramLimit = 1_200

  /// Messages put into one datagram at most; 1 switches packing off.
  ///
  /// Default: no limit but the datagram, chosen here: full packets cost the least.
  public var messagesPerDatagram = Int.max

  /// How the node comes by its neighbours.
  ///
  /// Default: HyParView, chosen here: few links, which survive most failures (Leitão et al., DSN 2007 §5).
  public var overlay = OverlayKind.hyParView

  /// How messages travel.
  ///
  /// Default: Plumtree, chosen here: one copy for each member (Leitão et al., SRDS 2007 §5).
  public var broadcast = BroadcastStrategy.plumtree

  /// Rumour mongering by `.eager`: neighbours to which a message is pushed, at most.
  ///
  /// Default: 8, chosen here: more than the default view. Every neighbour but the one it came from is
  /// what HyParView calls flooding (Leitão et al., DSN 2007 §4.1); fewer is rumour mongering by chance
  /// (Demers et al., PODC 1987 §1.4), which relies on repair for whom chance leaves out.
  public var fanout = 8

  /// Rumour mongering by `.eager`: hops after which a message is no longer pushed; 1 to 15. Repair has no
  /// such limit.
  ///
  /// Default: 15, chosen here: what the wire can say; a view of 5 reaches 10^6 members in 10 hops.
  public var rounds = 15

  /// HyParView: neighbours a node wants, the size of its active view; 1 to 56.
  ///
  /// Default: 5 = log10(n) + 1 at the 10,000 nodes of HyParView (Leitão et al., DSN 2007 §5.1).
  public var viewTarget = 5

  /// Neighbours a node accepts; at least `viewTarget`, at most 56.
  ///
  /// Default: 5, as `viewTarget` (Leitão et al., DSN 2007 §5.1). A full view wants as many as the cluster has
  /// members.
  public var viewCapacity = 5

  /// Other members remembered, to become neighbours when one is lost: HyParView's passive view.
  ///
  /// Default: 30, as HyParView (Leitão et al., DSN 2007 §5.1).
  public var passiveCapacity = 30

  /// HyParView: hops of a newcomer's walk, ARWL; 1 to 16.
  ///
  /// Default: 6, as HyParView (Leitão et al., DSN 2007 §5.1).
  public var activeWalkLength = 6

  /// HyParView: hops before the end of a walk at which the newcomer is remembered, PRWL.
  ///
  /// Default: 3, as HyParView (Leitão et al., DSN 2007 §5.1).
  public var passiveWalkLength = 3

  /// HyParView: neighbours named in a shuffle, k_a.
  ///
  /// Default: 3, as HyParView (Leitão et al., DSN 2007 §5.1).
  public var shuffleActiveCount = 3

  /// HyParView: other known members named in a shuffle, k_p; with `shuffleActiveCount` at most 8.
  ///
  /// Default: 4, as HyParView (Leitão et al., DSN 2007 §5.1).
  public var shufflePassiveCount = 4

  /// Streams (an origin and a delivery level) remembered at most; at least 8.
  ///
  /// When more than this are active, the one idle longest with nothing in the log is forgotten; of the last
  /// few times as many that were, the floor is kept, so that what comes again is not delivered again.
  /// Default: 1,024, chosen here: 512 origins; 1.4 MiB when all are active.
  public var streamCapacity = 1_024

  /// How far the messages of one origin may run ahead of the oldest one missing; a power of two from 64 to
  /// 65,536.
  ///
  /// Default: 8,192, chosen here: about 450 full datagrams of small messages, more than a round trip holds.
  public var sequenceWindow = 8_192

  /// Payload bytes kept for repair; a power of two from 1 KiB to 2 GiB, and no less than a datagram.
  ///
  /// Default: 4 MiB, chosen here: 30 s of 1,000 messages of 100 bytes a second.
  public var logBytes = 4 << 20

  /// Messages kept for repair; a power of two from 16 to 2^24.
  ///
  /// Default: 32,768, chosen here: matches 4 MiB of 128-byte messages.
  public var logMessages = 32_768

  /// Plumtree: time that a message announced by lazy neighbours only may take to come on an eager link, before
  /// one of them is grafted.
  ///
  /// Default: 150 ms, chosen here: a lost push is repaired within the tree in about 60 ms; one that was lost
  /// twice, in twice that.
  public var graftTimeout = Duration.milliseconds(150)

  /// Plumtree: hops that a lazy neighbour's way must be shorter for it to replace the eager one; 1 to 15.
  ///
  /// Default: 7, as Plumtree (Leitão et al., SRDS 2007 §4).
  public var optimisationThreshold = 7

  /// Time from a change until neighbours are told of it in a digest: Plumtree's IHAVE is part of it.
  ///
  /// Default: 40 ms, chosen here: TCP's usual delayed acknowledgement; pushes have arrived by then.
  public var digestDelay = Duration.milliseconds(40)

  /// Time to wait for a message that seems missing, in case it is only late, before asking for it.
  ///
  /// Default: 5 ms, chosen here: reordering on a path is rarely wider.
  public var reorderGrace = Duration.milliseconds(5)

  /// Time after which an unanswered request goes to another neighbour; doubles up to one second.
  ///
  /// Default: 60 ms, chosen here: above most round trips; measured ones replace it when longer.
  public var repairTimeout = Duration.milliseconds(60)

  /// Time that a gap which no neighbour can fill is kept open before it is reported.
  ///
  /// Default: 5 s, chosen here: longer than finding another neighbour takes.
  public var gapPatience = Duration.seconds(5)

  /// Time that a neighbour which does not keep up may hold back the others.
  ///
  /// Default: 5 s, chosen here: as long as `linkTimeout`.
  public var stallLimit = Duration.seconds(5)

  /// Time without traffic on a link after which something is sent on it.
  ///
  /// Default: 1 s, the protocol period of SWIM's implementations (Lifeguard, arXiv 1707.00788 §V).
  public var keepaliveInterval = Duration.seconds(1)

  /// Time without hearing from a neighbour after which the link is given up.
  ///
  /// A neighbour that answers no probe is given up earlier, after times that follow from the measured round
  /// trip and loss. Default: 5 s, chosen here: five keepalives.
  public var linkTimeout = Duration.seconds(5)

  /// Time between shuffles, which mix what members know of each other: HyParView's cycle.
  ///
  /// Default: 10 s, chosen here: HyParView (Leitão et al., DSN 2007) leaves it open.
  public var shuffleInterval = Duration.seconds(10)

  /// Time between attempts to find members that were lost, or better mixed neighbours.
  ///
  /// Default: 5 s, chosen here: two halves of a cluster find each other within seconds of a healed partition.
  public var exploreInterval = Duration.seconds(5)

  /// First wait for the answer to a handshake; doubles with each attempt.
  ///
  /// Default: 200 ms, chosen here: above most round trips.
  public var handshakeTimeout = Duration.milliseconds(200)

  /// Attempts of each step of a handshake.
  ///
  /// Default: 6, chosen here: at 30 % loss each way, fewer than one in fifty fail.
  public var handshakeAttempts = 6

  /// Time after which joining fails when no contact answers.
  ///
  /// Default: 15 s, chosen here: two rounds of attempts at every contact.
  public var joinTimeout = Duration.seconds(15)

  /// Time that `leave` waits for neighbours to take over what they lack.
  ///
  /// Default: 2 s, chosen here: several repair round trips.
  public var leaveTimeout = Duration.seconds(2)

  /// Who is there: the parameters of SWIM and Lifeguard; nil for a node that keeps no list of members.
  ///
  /// Default: a list of members, chosen here: who else is there is what programs ask first.
  public var membership: MembershipRules? = MembershipRules()

  /// The map of tuples; nil for a node that keeps none and passes none on.
  ///
  /// Default: a map, chosen here: an empty one costs next to nothing.
  public var tuples: TupleRules? = TupleRules()

  /// Messages to single members, questions and receipts; nil for a node that says, asks and answers nothing. They need
  /// the list of members.
  ///
  /// Default: on, chosen here: they cost nothing until they are used.
  public var direct: DirectRules? = DirectRules()

  /// What waits for its turn, and the topics that a node hears.
  ///
  /// Default: `OrderRules()`, chosen here: tables that cost nothing until messages with an order come.
  public var order = OrderRules()

  /// Large messages; nil for a node that neither takes nor passes on any.
  ///
  /// Default: up to 64 MiB, chosen here: memory is used as they come.
  public var transfers: TransferRules? = TransferRules()

  /// Rules that are left out, to show that the simulator would notice.
  ///
  /// Default: none, chosen here: every rule has its reason.
  package var ablations: Ablations = []

  /// Bytes of each datagram that are left to what carries it: `datagramLimit` is that much below the path's limit.
  ///
  /// Default: 0, chosen here: datagrams travel as they are.
  package private(set) var datagramOverhead = 0

  /// Leaves so many bytes of each datagram to what carries it.
  package mutating func leaveRoom(_ bytes: Int) {
    datagramLimit -= bytes
    datagramOverhead += bytes
  }

  /// Creates the default configuration.
  public init() {}
}

/// How a node comes by its neighbours.
public enum OverlayKind: Sendable, Equatable {
  /// HyParView (Leitão, Pereira, Rodrigues, DSN 2007): a small active and a larger passive view.
  case hyParView
  /// Every member is a neighbour of every other, up to `Configuration.viewCapacity`: for clusters of up to 57.
  case full
  /// SCAMP (Ganesh, Kermarrec, Massoulié, IEEE ToC 52(2), 2003): partial views that grow with the logarithm of
  /// the cluster. `Configuration.viewCapacity` bounds the links, of arcs in both directions together; the
  /// partial view and the in-view have about (c+1) ln n arcs each.
  case scamp(ScampRules)
}

/// How messages travel; on the reliable level digests and requests repair what each of them leaves out.
public enum BroadcastStrategy: Sendable, Equatable {
  /// Plumtree (Leitão, Pereira, Rodrigues, SRDS 2007): along a tree of eager links, announced on the others.
  /// Best-effort messages, which nobody repairs, travel as with `eager`.
  case plumtree
  /// Rumour mongering at once: whoever hears a message first pushes it to up to `Configuration.fanout`
  /// neighbours, for `Configuration.rounds` hops.
  case eager
  /// Rumour mongering in cycles (Demers et al., PODC 1987): once a cycle each member contacts one neighbour, and
  /// spreads what it heard until that is found to be needless. Digests and requests, which would be faster, wait
  /// until rumours have had their time. Best-effort messages travel as by `eager`.
  case rumour(RumourRules)
}

/// A configuration that cannot work.
public struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  /// What was found, what is allowed.
  public let description: String

  /// Creates an error that says so.
  package init(description: String) { self.description = description }
}

extension Configuration {
  /// Checks every value against its limits.
  ///
  /// - Throws: `ConfigurationError` naming the first value out of its limits.
  public func validate() throws(ConfigurationError) {
    try check("datagramLimit", datagramLimit + datagramOverhead, 512...2_048)
    try check("messagesPerDatagram", messagesPerDatagram, 1...Int.max)
    try check("fanout", fanout, 1...56)
    try check("rounds", rounds, 1...Int(GossipHeader.hopsLimit))
    try check("viewTarget", viewTarget, 1...56)
    try check("viewCapacity", viewCapacity, viewTarget...56)
    try check("activeWalkLength", activeWalkLength, 1...Int(Walk.hopsLimit))
    try check("passiveWalkLength", passiveWalkLength, 0...activeWalkLength)
    try check("shuffleActiveCount", shuffleActiveCount, 0...PeerRecord.countLimit)
    try check(
      "shufflePassiveCount", shufflePassiveCount, 0...PeerRecord.countLimit - shuffleActiveCount)
    if case .scamp(let rules) = overlay { try validate(rules) }
    if let membership { try validate(membership) }
    if let tuples { try validate(tuples) }
    try direct?.validate()
    try order.validate()
    if let transfers { try transfers.validate() }
    try check("passiveCapacity", passiveCapacity, 8...4_096)
    try check("streamCapacity", streamCapacity, 8...1 << 20)
    try check("sequenceWindow", sequenceWindow, 64...65_536)
    try check("logBytes", logBytes, max(1 << 10, datagramLimit)...2 << 30)
    try check("logMessages", logMessages, 16...1 << 24)
    try check("optimisationThreshold", optimisationThreshold, 1...15)
    try check("handshakeAttempts", handshakeAttempts, 1...100)
    if case .rumour(let rules) = broadcast { try rules.validate() }
    for (name, value) in [
      ("sequenceWindow", sequenceWindow), ("logMessages", logMessages), ("logBytes", logBytes),
    ] where value & (value - 1) != 0 {
      throw ConfigurationError(description: "\(name) is \(value); it must be a power of two")
    }
    for (name, value) in [
      ("digestDelay", digestDelay), ("graftTimeout", graftTimeout), ("repairTimeout", repairTimeout),
      ("keepaliveInterval", keepaliveInterval),
      ("linkTimeout", linkTimeout), ("handshakeTimeout", handshakeTimeout), ("joinTimeout", joinTimeout),
      ("shuffleInterval", shuffleInterval), ("exploreInterval", exploreInterval),
      ("gapPatience", gapPatience),
      ("stallLimit", stallLimit), ("leaveTimeout", leaveTimeout),
    ] where value < .milliseconds(1) || value > .seconds(1_000_000) {
      throw ConfigurationError(description: "\(name) is \(value); it must be between 1 ms and 10^6 s")
    }
    guard linkTimeout >= keepaliveInterval * 2 else {
      throw ConfigurationError(
        description: "linkTimeout is \(linkTimeout); it must be at least twice keepaliveInterval")
    }
  }

  private func validate(_ rules: ScampRules) throws(ConfigurationError) {
    try check("viewCapacity", viewCapacity, 8...56)
    try check("copies", rules.copies, 0...16)
    try check("hopLimit", rules.hopLimit, 1...255)
    try check("walkLength", rules.walkLength, 0...Int(IndirectWalk.stepsLimit))
    for (name, value) in [("isolationTime", rules.isolationTime), ("lease", rules.lease ?? .seconds(1))]
    where value < .seconds(1) || value > .seconds(1_000_000) {
      throw ConfigurationError(description: "\(name) is \(value); it must be between 1 s and 10^6 s")
    }
  }

  private func validate(_ rules: MembershipRules) throws(ConfigurationError) {
    do {
      try MemberData.check(name: rules.name)
      _ = try MemberData.encode(rules.tags)
    } catch {
      throw ConfigurationError(description: error.description)
    }
    try check("capacity", rules.capacity, 4...1 << 20)
    if rules.signs {
      let length = SignedFact.keyLength
      try check("the length of identityKey", rules.identityKey.count, length...length)
      // So that the longest fact fits into a frame with a question.
      try check("datagramLimit of members that sign, less what carries it takes", datagramLimit, 512...2_048)
    }
    try check("indirectProbes", rules.indirectProbes, 0...8)
    try check("retransmitFactor", rules.retransmitFactor, 1...16)
    try check("suspicionFactor", rules.suspicionFactor, 1...100)
    try check("suspicionMaximum", rules.suspicionMaximum, 1...100)
    for (name, value) in [
      ("probeInterval", rules.probeInterval), ("probeTimeout", rules.probeTimeout),
      ("reconnectInterval", rules.reconnectInterval), ("memory", rules.memory),
      ("syncInterval", rules.syncInterval),
    ] where value < .milliseconds(1) || value > .seconds(10_000_000) {
      throw ConfigurationError(description: "\(name) is \(value); it must be between 1 ms and 10^7 s")
    }
    guard rules.probeTimeout * 2 <= rules.probeInterval else {
      throw ConfigurationError(
        description:
          "probeTimeout is \(rules.probeTimeout); it must be at most half of probeInterval, \(rules.probeInterval)"
      )
    }
  }

  private func validate(_ rules: TupleRules) throws(ConfigurationError) {
    try check("tuples.capacity", rules.capacity, 16...1 << 24)
    try check("tuples.valueLimit", rules.valueLimit, 1...0xff_ffff)
    try check("tuples.bytes", rules.bytes, max(64 << 10, 2 * (rules.valueLimit + 512))...4 << 30)
    try check("tuples.symbolLimit", rules.symbolLimit, 64...1 << 22)
    guard rules.symbolLimit & (rules.symbolLimit - 1) == 0 else {
      throw ConfigurationError(
        description: "tuples.symbolLimit is \(rules.symbolLimit); it must be a power of two")
    }
    for (name, value) in [
      ("clockSkew", rules.clockSkew), ("horizon", rules.horizon), ("syncInterval", rules.syncInterval),
      ("ephemeralGrace", rules.ephemeralGrace),
    ] where value < .milliseconds(1) || value > .seconds(1_000_000_000) {
      throw ConfigurationError(description: "tuples.\(name) is \(value); it must be between 1 ms and 10^9 s")
    }
  }

  private func check(_ name: String, _ value: Int, _ allowed: ClosedRange<Int>) throws(ConfigurationError) {
    guard allowed.contains(value) else {
      throw ConfigurationError(
        description: "\(name) is \(value); it must be from \(allowed.lowerBound) to \(allowed.upperBound)")
    }
  }

  /// Links that can exist at once: neighbours, and handshakes under way.
  var linkSlots: Int { viewCapacity + 4 }

  /// Messages of the overlay that can wait for their confirmation: a subscription to every neighbour, and as
  /// many on their way.
  var errandCapacity: Int {
    if case .scamp = overlay { 2 * linkSlots } else { 0 }
  }

  /// The longest payload that one message can carry, in bytes.
  public var payloadLimit: Int { datagramLimit - Frame.linkHeader - GossipHeader.lengthLimit - 3 }

  /// Bytes that a node's tables take when every one of them is full, large messages among them; an idle node touches
  /// little of it.
  public var memoryBound: Int {
    let words = (streamCapacity + 63) / 64
    let streams =
      streamCapacity * (MemoryLayout<Stream>.stride + sequenceWindow / 8 + MemoryLayout<UInt32>.stride)
      + StreamTable.indexBytes(capacity: streamCapacity)
    let link =
      MemoryLayout<Link>.stride + MemoryLayout<LinkState>.stride
      + Dissemination.repairsPerLink(self) * MemoryLayout<Repair>.stride
      + streamCapacity * MemoryLayout<LinkProgress>.stride + 2 * words * MemoryLayout<UInt64>.stride
    let log = logBytes + logMessages * (MemoryLayout<MessageLog.Entry>.stride + MemoryLayout<UInt64>.stride)
    let members = Membership.bytes(self) + TupleMap.bytes(self) + DirectMessages.bytes(self)
    let peers = 2 * passiveCapacity * MemoryLayout<Peer>.stride
    let errands = errandCapacity * MemoryLayout<Errand>.stride
    return members + streams + linkSlots * link + log + peers + errands + rumourBytes + orderBytes
      + Transfers.bytes(self)
  }
}
