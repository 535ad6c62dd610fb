// The limits and times of what members say to each other directly.

/// The parameters of direct messages, questions and receipts.
public struct DirectRules: Sendable, Equatable {
  /// Members that are spoken with at a time; 16 to 65,536. Who has been silent longest is forgotten for another one,
  /// but not within `patience`; until then others wait.
  ///
  /// Default: 1,024, chosen here: as many as can answer one question at once.
  public var peers = 1_024

  /// Messages that wait for being sent or confirmed at most; 8 to 65,536.
  ///
  /// Default: 256, chosen here: 300 KB of the longest.
  public var outgoing = 256

  /// Time for which a message is sent again while nobody confirms it.
  ///
  /// Default: 10 s, chosen here: a member that is gone is known to be by then, with SWIM's and Lifeguard's times
  /// (arXiv 1707.00788 §V).
  public var patience = Duration.seconds(10)

  /// Questions, and messages with receipts, of this node and of others, that are open at most; 8 to 4,096 of each. One
  /// member has a quarter of them.
  ///
  /// Default: 256, chosen here: answers come within seconds.
  public var openCalls = 256

  /// Creates the default rules.
  public init() {}

  /// Checks every value against its limits.
  func validate() throws(ConfigurationError) {
    for (name, value, allowed) in [
      ("peers", peers, 16...65_536), ("outgoing", outgoing, 8...65_536), ("openCalls", openCalls, 8...4_096),
    ] where !allowed.contains(value) {
      throw ConfigurationError(
        description:
          "direct.\(name) is \(value); it must be from \(allowed.lowerBound) to \(allowed.upperBound)")
    }
    guard patience >= .milliseconds(100), patience <= .seconds(3_600) else {
      throw ConfigurationError(
        description: "direct.patience is \(patience); it must be between 100 ms and an hour")
    }
  }
}
