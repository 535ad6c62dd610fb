// How rumours are spread and when they grow cold: what Demers et al. left open as variants, as values.

/// The rules of rumour mongering; all members of a cluster have the same.
///
/// Source: Demers et al., "Epidemic algorithms for replicated database maintenance", PODC 1987, §1.4: once a
/// cycle each member contacts one other, drawn at random. A member that knows a rumour spreads it (is
/// infective) until it finds too often that others know it already. Some members may never hear of it; whoever
/// needs certainty runs anti-entropy behind it (§1.5).
public struct RumourRules: Sendable, Equatable {
  /// Who sends in a contact.
  public enum Exchange: Sendable, Equatable, CaseIterable {
    /// The caller sends its rumours.
    case push
    /// The caller asks, and whoever is asked sends its rumours, needed or not.
    case pull
    /// Both in one contact. The caller says what it has, so that this is not sent back.
    case pushPull
    /// Young rumours are pushed, and nobody is given them for asking; older ones are only given to those who
    /// ask and do not name them (Mercier, Hayez, Matos, "Optimal epidemic dissemination", arXiv 1709.00198:
    /// members that may decline to send need n + o(n) messages). Needs `feedback`, which the questions bring.
    case pushThenPull
  }

  /// When a member stops spreading a rumour.
  public enum Removal: Sendable, Equatable {
    /// With probability 1/k in each cycle that speaks for it.
    case coin(Int)
    /// In the k-th cycle that speaks for it; with feedback, k in a row.
    case counter(Int)
  }

  /// Who sends in a contact.
  ///
  /// Default: push, then pull, chosen here: about one copy for each member, where Demers' variants need two to
  /// six for the same reach.
  public var exchange = Exchange.pushThenPull

  /// What speaks for stopping. With feedback: a cycle in which somebody was offered the rumour and nobody
  /// needed it. Without (blind): every cycle in which it was offered to somebody.
  ///
  /// Default: true; with blind removal rumours die early (Demers et al., PODC 1987, table 2).
  public var feedback = true

  /// When a member stops; k from 1 to 64.
  ///
  /// Default: a counter of 3: missed 4 in 10^6 members by pulling (Demers et al., PODC 1987, table 3).
  public var removal = Removal.counter(3)

  /// The time between two contacts of a member; 1 ms to 60 s.
  ///
  /// Default: 100 ms, chosen here: longer than a round trip, so that a cycle's verdicts come within it.
  public var cycle = Duration.milliseconds(100)

  /// About how many members there are, 2 to 2^30: decides when pushing turns into pulling; no other exchange
  /// looks at it.
  ///
  /// Twice too many costs two copies in a hundred more, half as many a cycle more. Default: 1,000, chosen
  /// here.
  public var clusterSize = 1_000

  /// Whether a counter goes on counting after a contact that was needed, where it ought to begin anew.
  ///
  /// A reading of the paper that its table 1 contradicts; experiments show by it what the reset is worth.
  /// Default: false; see `DemersTables` (Demers et al., PODC 1987, table 1).
  package var keepsCounting = false

  /// Creates the default rules.
  public init() {}

  /// Creates rules with the default cycle and size.
  public init(_ exchange: Exchange, feedback: Bool = true, removal: Removal) {
    self.exchange = exchange
    self.feedback = feedback
    self.removal = removal
  }
}

extension RumourRules {
  /// Checks every value against its limits.
  ///
  /// - Throws: `ConfigurationError` naming the first value out of its limits.
  public func validate() throws(ConfigurationError) {
    guard (1...64).contains(patience) else {
      throw ConfigurationError(description: "removal has k = \(patience); it must be from 1 to 64")
    }
    guard cycle >= .milliseconds(1), cycle <= .seconds(60) else {
      throw ConfigurationError(description: "cycle is \(cycle); it must be between 1 ms and 60 s")
    }
    guard (2...1 << 30).contains(clusterSize) else {
      throw ConfigurationError(description: "clusterSize is \(clusterSize); it must be from 2 to 2^30")
    }
    guard feedback || exchange != .pushThenPull else {
      throw ConfigurationError(description: "pushThenPull needs feedback")
    }
  }

  /// The k of the removal.
  var patience: Int {
    switch removal {
    case .coin(let k), .counter(let k): k
    }
  }

  /// Whether members ask for rumours.
  var pulls: Bool { exchange != .push }

  /// Whether whoever asks says what it has.
  var lists: Bool { exchange == .pushPull || exchange == .pushThenPull }

  /// Whether receivers say what they needed of what was sent.
  var answersVerdicts: Bool { feedback && exchange != .pushThenPull }

  /// The age, in cycles since its birth, from which a rumour is not pushed any more, and is given to who asks.
  ///
  /// Each cycle of pushing doubles the number of those who know, so the rumour's age, which travels with it,
  /// says how many they are. Mercier et al. push until n / ln n members know. That comes true within a cycle:
  /// we stop before it, not after. At n = 10^3 to 10^5 this takes no cycle longer and leaves a quarter of
  /// the needless copies (`PushThenPullTable` measures them). Ages end at 15, so that beyond 400,000 members
  /// pulling begins with fewer.
  var pushCycles: UInt8 {
    switch exchange {
    case .push, .pushPull: return .max
    case .pull: return 0
    case .pushThenPull:
      let size = Double(max(3, clusterSize))
      // log2 between powers of two by a straight line, at most 0.09 too small; floor(log2) is the exponent.
      let logarithm = (Double(size.exponent) + size.significand - 1) * 0.693_147
      let cycles = Int((size / logarithm).exponent)
      return UInt8(min(max(0, cycles), Int(GossipHeader.hopsLimit)))
    }
  }
}
