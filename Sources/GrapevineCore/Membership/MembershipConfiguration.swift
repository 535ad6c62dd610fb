// The limits and times of membership.

/// The parameters of SWIM (Das, Gupta, Motivala, DSN 2002), of Lifeguard (Dadgar, Phillips, Currey, arXiv
/// 1707.00788) and of what Grapevine adds to them.
public struct MembershipRules: Sendable, Equatable {
  /// The node's name, up to `Member.nameLimit` bytes; empty for none, so that its address stands for it. No two
  /// living members may have the same.
  ///
  /// Default: none, chosen here: an address is a name that needs no choice.
  public var name = ""

  /// What the node says of itself, up to `Member.tagLimit` bytes; `Node.setTags` changes it later.
  ///
  /// Default: none, chosen here.
  public var tags: [String: String] = [:]

  /// Members remembered at most, the failed and those that left among them; 4 to 2^20.
  ///
  /// When the table is full, whoever has been gone longest makes room; when all are alive, the newcomer is not
  /// listed, which `Counters.membersRefused` counts. Default: 4,096, chosen here: thousands, in 1.8 MiB when all have long names and many tags.
  public var capacity = 4_096

  /// SWIM's protocol period T': one member is probed in each.
  ///
  /// Default: 1 s, as memberlist (Lifeguard, arXiv 1707.00788 §V).
  public var probeInterval = Duration.seconds(1)

  /// Time for the answer to a probe before others are asked to probe, while no round trip was measured; then it
  /// follows from these. At most half of `probeInterval`.
  ///
  /// Default: 500 ms, as memberlist (Lifeguard, arXiv 1707.00788 §V).
  public var probeTimeout = Duration.milliseconds(500)

  /// SWIM's k: members asked to probe whoever did not answer; 0 to 8.
  ///
  /// Default: 3, as memberlist (Lifeguard, arXiv 1707.00788 §V).
  public var indirectProbes = 3

  /// SWIM's λ: news are sent λ times log10(n+1), which is rounded up, by each member; up to half of these along its
  /// links, the others on probes and answers; 1 to 16.
  ///
  /// Default: 4, as memberlist (Lifeguard, arXiv 1707.00788 §V).
  public var retransmitFactor = 4

  /// The least time that a suspect has, in periods times max(1, log10(n)); 1 to 100.
  ///
  /// Default: 4, as memberlist (Lifeguard, arXiv 1707.00788 §V).
  public var suspicionFactor = 4

  /// Lifeguard: the time a suspect has while nobody else suspects it, in times of the least; 1 to 100.
  ///
  /// Default: 6, as memberlist (Lifeguard, arXiv 1707.00788 §V).
  public var suspicionMaximum = 6

  /// Time between attempts to reach members that failed.
  ///
  /// Default: 10 s, chosen here: a third of what Serf takes, so that halves of a cluster meet within seconds.
  public var reconnectInterval = Duration.seconds(10)

  /// Time for which the failed and those that left are remembered.
  ///
  /// Default: three days, as Serf keeps failed members for one, and weekends are longer; chosen here.
  public var memory = Duration.seconds(259_200)

  /// Time between comparisons of the whole table with a neighbour's.
  ///
  /// Default: 10 s, chosen here: a third of memberlist's, since equal tables cost one number.
  public var syncInterval = Duration.seconds(10)

  /// The public key with which the node signs what it says of itself, `SignedFact.keyLength` bytes; empty where
  /// members sign nothing. All members of a cluster sign, or none does.
  ///
  /// Drivers set it from their `FactAuthority`. Default: none, chosen here: keys have to be made first.
  public var identityKey: [UInt8] = []

  /// Whether members sign what they say of themselves.
  var signs: Bool { !identityKey.isEmpty }

  /// Whether periods begin at multiples of the interval, at all members at once, as the analysis of SWIM has it.
  ///
  /// Default: no, chosen here: members that probe in step share the network badly.
  package var startsInStep = false

  /// Creates the default parameters.
  public init() {}
}
