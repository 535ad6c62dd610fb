// The limits and times of large messages.

/// The parameters of transfers: messages longer than a datagram, which travel as fragments.
public struct TransferRules: Sendable, Equatable {
  /// The longest message, in bytes; 64 KiB to 1 GiB. Members refuse longer ones, so all should have the same.
  ///
  /// Default: 64 MiB, chosen here: larger things are files, and better told of than sent.
  public var limit = 64 << 20

  /// Bytes of messages held at most, own ones, those under way and those kept for late neighbours; no less than `limit`.
  ///
  /// When they are used up, what is only kept is forgotten, oldest first; when that is not enough, an own message is
  /// refused with `wouldBlock`, and one of another member waits, counted in `Counters.transfersRefused`, until there is
  /// room. One origin takes up at most half of them, or one message of `limit`. Memory becomes resident as fragments
  /// arrive. Default: 256 MiB, chosen here: four of the longest messages.
  public var memory = 256 << 20

  /// Time for which a message is kept after it was complete, for neighbours that were late.
  ///
  /// Default: 30 s, chosen here: longer than links take to notice a failure and to be replaced.
  public var linger = Duration.seconds(30)

  /// Time without any new fragment after which a message is given up and reported as failed.
  ///
  /// Default: 30 s, chosen here: as long as neighbours keep a message.
  public var patience = Duration.seconds(30)

  /// Creates the default parameters.
  public init() {}
}

extension TransferRules {
  /// Checks every value against its limits.
  func validate() throws(ConfigurationError) {
    guard 64 << 10...1 << 30 ~= limit else {
      throw ConfigurationError(description: "transfers.limit is \(limit); it must be from 65536 to 2^30")
    }
    guard limit...1 << 40 ~= memory else {
      throw ConfigurationError(
        description: "transfers.memory is \(memory); it must be from transfers.limit, \(limit), to 2^40")
    }
    for (name, value) in [("linger", linger), ("patience", patience)]
    where value < .milliseconds(100) || value > .seconds(1_000_000) {
      throw ConfigurationError(
        description: "transfers.\(name) is \(value); it must be between 100 ms and 10^6 s")
    }
  }
}
