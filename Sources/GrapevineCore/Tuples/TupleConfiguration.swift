// The limits and times of tuples.

/// The parameters of the map of tuples.
public struct TupleRules: Sendable, Equatable {
  /// Tuples held at most, memories of removed ones among them; 16 to 2^24.
  ///
  /// What comes beyond is refused and counted. Default: 262,144, chosen here: 28 MiB of the smallest ones.
  public var capacity = 1 << 18

  /// Bytes of keys and values held at most; 64 KiB to 4 GiB, and no less than two of the longest values.
  ///
  /// What comes beyond is refused and counted. Default: 64 MiB, chosen here: 250 bytes for each tuple.
  public var bytes = 64 << 20

  /// The longest value, in bytes; 1 to 2^24 - 1. The same on all members, or tuples are refused by some.
  ///
  /// Default: 64 KiB, chosen here: configuration is small, and each member keeps all of it.
  public var valueLimit = 64 << 10

  /// How far a writer's clock may be ahead of ours; what is dated later is refused until its time comes.
  ///
  /// It is also the slack of expiry: members whose clocks differ by less drop a tuple that much apart. Default: 60 s,
  /// chosen here: a clock without any synchronisation drifts that far in weeks.
  public var clockSkew = Duration.seconds(60)

  /// Time for which the memory of a removal is kept at most, when it is not known that all members have it.
  ///
  /// A member that was away for about that long and longer takes what others hold, and brings back nothing that was
  /// removed meanwhile. Default: 24 hours, chosen here: longer than a machine is repaired in, below `memory` of the
  /// members.
  public var horizon = Duration.seconds(86_400)

  /// Time between comparisons of the map with a neighbour.
  ///
  /// Default: 10 s, chosen here: tuples travel as broadcasts, so comparisons find something after failures only.
  public var syncInterval = Duration.seconds(10)

  /// Time after a writer's failure until its ephemeral tuples are given up for good; they vanish at once.
  ///
  /// Default: 60 s, chosen here: a partition that heals by then brings them back without being written again.
  public var ephemeralGrace = Duration.seconds(60)

  /// Coded symbols with which two maps are compared at most; a power of two from 64 to 2^22. More differences than
  /// about 0.7 times as many are repaired by sending the whole map.
  ///
  /// Default: 65,536, chosen here: 48,000 differences; 4 MiB while so many are used.
  public var symbolLimit = 1 << 16

  /// Creates the default rules.
  public init() {}
}
