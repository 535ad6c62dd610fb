// What theory says of failure detectors: the figures beside which the tables of membership stand.

/// Formulas of SWIM (Das, Gupta, Motivala, DSN 2002), of Lifeguard (Dadgar, Phillips, Currey, arXiv 1707.00788) and
/// of their lower bound (Gupta, Chandra, Goldszmidt, PODC 2001).
///
/// Arguments that make no sense give results that make none, but nothing traps.
public enum MembershipFormulas {
  /// e / (e - 1): SWIM's expected first detection in periods for very many members of whom all answer.
  public static let limitOfFirstDetection = 1 / (1 - Mathematics.exponential(-1))

  /// SWIM, §3.1: the expected number of periods from a crash at the start of one to the end of the one in which
  /// anybody probes the crashed member first, where each member draws its target anew in each period.
  ///
  /// One observer misses it with probability 1 - 1/(n-1), so T'/(1 - (1 - 1/(n-1))^observers); the paper has the
  /// limit T'/(1 - e^-q) for a share q of members that are alive.
  ///
  /// - Parameters:
  ///   - members: n, members in the tables, crashed ones that are still probed among them; at least 2.
  ///   - observers: Members that live and probe; n - 1 when one crashes.
  public static func firstDetectionByChance(members: Int, observers: Int) -> Double {
    guard members > 2 else { return 1 }
    return 1 / (1 - power(1 - 1 / Double(members - 1), max(0, observers)))
  }

  /// Where observers that probe in rounds are when somebody crashes.
  public enum RoundPhase: Sendable, Equatable {
    /// All have probed equally many members of their round, a number that is uniformly distributed: they began
    /// together.
    case alike
    /// Each has a uniformly distributed place of its own.
    case independent
    /// All have probed so many members of their round.
    case place(Int)
  }

  /// The same, where each member probes all others in an order of its own, drawn uniformly for each round (SWIM,
  /// §4.3), and the crash happens at a random place of the rounds.
  ///
  /// Exact for rounds in step. Let L = n - 1 and let an observer have probed j members of its round. The victim's
  /// place in this round's order is uniform; with probability (L-j)/L it is still to come and the wait is uniform
  /// over 1...L-j; otherwise the rest of the round passes and the wait goes on in the next one, over all its places:
  /// ```
  /// P(T > t | j) = 1 - t/L                       for t <= L - j
  ///              = j/L (1 - (t - (L - j))/L)     after that, down to 0 at t = 2L - j
  /// ```
  /// Observers order their rounds independently, so P(first > t) is the product over them, and the expectation
  /// is its sum over t >= 0. It is below that of chance: 1 - t/L is less than (1 - 1/L)^t.
  ///
  /// - Parameters:
  ///   - members: n, as above.
  ///   - observers: As above.
  ///   - phase: Whether the observers' places are the same or independent.
  public static func firstDetectionInRounds(members: Int, observers: Int, phase: RoundPhase) -> Double {
    guard members > 2, observers > 0 else { return observers > 0 ? 1 : .infinity }
    let length = members - 1
    switch phase {
    case .independent:
      return expectation { after in
        let mean = (0..<length).reduce(0.0) { $0 + survival(after, place: $1, of: length) } / Double(length)
        return power(mean, observers)
      }
    case .place(let place):
      return expectation { power(survival($0, place: place % length, of: length), observers) }
    case .alike:
      return expectation { after in
        (0..<length).reduce(0.0) { $0 + power(survival(after, place: $1, of: length), observers) }
          / Double(length)
      }
    }
  }

  /// The probability that an observer which has probed `place` of `length` members has not probed the victim after
  /// so many more periods.
  static func survival(_ periods: Int, place: Int, of length: Int) -> Double {
    let rest = length - place
    if periods <= rest { return 1 - Double(periods) / Double(length) }
    return max(0, Double(place) / Double(length) * (1 - Double(periods - rest) / Double(length)))
  }

  /// The sum of probabilities that it takes longer, which is the expectation; what is below 10^-15 is left out.
  private static func expectation(_ exceeds: (Int) -> Double) -> Double {
    var sum = 0.0
    var periods = 0
    while true {
      let probability = exceeds(periods)
      guard probability > 1e-15 else { return sum }
      sum += probability
      periods += 1
    }
  }

  /// SWIM, §3.1: the probability that a member that lives is taken for failed within the time of a detection,
  /// which is e^q/(e^q - 1) periods, and nobody refutes:
  /// q (1 - p^2) (1 - q p^4)^k e^q/(e^q - 1).
  ///
  /// - Parameters:
  ///   - alive: q, the share of members that are alive, 0 to 1.
  ///   - delivery: p, the probability that a datagram arrives.
  ///   - helpers: k, members asked to probe too.
  public static func falsePositive(alive: Double, delivery: Double, helpers: Int) -> Double {
    let growth = Mathematics.exponential(alive)
    let square = delivery * delivery
    return alive * (1 - square) * power(1 - alive * square * square, max(0, helpers)) * growth / (growth - 1)
  }

  /// Lifeguard's LHA-Suspicion: the time that a suspect has, in periods: it falls from `greatest` to `least` as
  /// others confirm the suspicion, by the logarithm of their number.
  ///
  /// max(Min, Max - (Max - Min) log(C + 1) / log(K + 1)).
  ///
  /// - Parameters:
  ///   - least: What is left of it with `wanted` confirmations or more.
  ///   - greatest: What it is without any.
  ///   - confirmations: C, others that suspect the same member.
  ///   - wanted: K.
  public static func suspicion(
    least: Double, greatest: Double, confirmations: Int, wanted: Int
  ) -> Double {
    guard wanted > 0 else { return least }
    let share =
      Mathematics.logarithm(Double(max(0, confirmations)) + 1) / Mathematics.logarithm(Double(wanted) + 1)
    return max(least, greatest - (greatest - least) * share)
  }

  /// Lifeguard's LHA-Suspicion: the least time that a suspect has among `members`, in periods: α log10(n), at least α.
  public static func leastSuspicion(members: Int, factor: Double) -> Double {
    factor * max(1, Mathematics.logarithm(Double(max(1, members))) / Mathematics.logarithm(10))
  }

  /// Gupta, Chandra, Goldszmidt, PODC 2001: the least load with which any failure detector finds every
  /// crash within a time, in messages a second of all members together: n log(PM) / (log(p) T).
  ///
  /// - Parameters:
  ///   - members: n.
  ///   - mistakes: PM, the probability of taking a member that lives for failed within that time.
  ///   - loss: p, the probability that a datagram is lost.
  ///   - seconds: T.
  public static func leastLoad(members: Int, mistakes: Double, loss: Double, seconds: Double) -> Double {
    guard mistakes > 0, mistakes < 1, loss > 0, loss < 1, seconds > 0 else { return .nan }
    return Double(members) * Mathematics.logarithm(mistakes) / (Mathematics.logarithm(loss) * seconds)
  }

  /// A number to a whole power, by squaring: the same bits everywhere.
  static func power(_ base: Double, _ exponent: Int) -> Double {
    var result = 1.0
    var square = base
    var rest = max(0, exponent)
    while rest > 0 {
      if rest & 1 == 1 { result *= square }
      square *= square
      rest >>= 1
    }
    return result
  }
}
