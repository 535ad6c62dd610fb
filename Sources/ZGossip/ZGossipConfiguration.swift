// The limits and times of a node of zgossip.

import GrapevineCore

/// How a node of zgossip is set up.
public struct ZGossipConfiguration: Sendable {
  /// Limits and times of the table of tuples.
  ///
  /// Default: those of `TupleRules`; chosen here: the original has none.
  public var tuples = TupleRules()
  /// Connections to and from other nodes at most, 1 to 64. Default: 64, chosen here: the width of a mask.
  public var links = 64
  /// The time after which servers of the original forget a silent client (`server/timeout`); 30 ms to 1 h. Three PINGs
  /// are sent in it.
  ///
  /// Default: 1 s (zgossip of CZMQ 4.2.1, 2021).
  public var timeout = Duration.seconds(1)
  /// The time without a word from a client after which it is seen whether it is still there; 100 ms to 1 h.
  ///
  /// Default: 10 s, chosen here: clients of the original say nothing unless they have tuples.
  public var silence = Duration.seconds(10)
  /// The time for which a value that was replaced is known for one; 10 ms to 1 h. Who of the original sends it meanwhile
  /// has not heard of the present one and is sent that.
  ///
  /// Default: 2 s, chosen here: longer than a value is under way, and than queues of the original are.
  public var conflictTime = Duration.seconds(2)
  /// Times that a key may return to former values in that time before the present one stays, whoever sends
  /// another; 1 to 255.
  ///
  /// Default: 64, chosen here: two originals that feed each other do that in milliseconds, and programs do not.
  public var flipLimit = 64
  /// Malformed messages after which nothing more is read from a peer; 1 to 255. Default: 8, chosen here.
  public var malformedLimit = 8

  /// Creates the default configuration.
  public init() {}

  /// Checks every value against its limits.
  ///
  /// - Throws: `ConfigurationError` naming the first value out of its limits.
  public func validate() throws(ConfigurationError) {
    var core = Configuration()
    core.tuples = tuples
    try core.validate()
    for (name, count, limit) in [
      ("links", links, 64), ("flipLimit", flipLimit, 255), ("malformedLimit", malformedLimit, 255),
    ] where !(1...limit).contains(count) {
      throw ConfigurationError(description: "\(name) is \(count); it must be from 1 to \(limit)")
    }
    for (name, time, least) in [
      ("timeout", timeout, 30), ("silence", silence, 100), ("conflictTime", conflictTime, 10),
    ] where time < .milliseconds(least) || time > .seconds(3_600) {
      throw ConfigurationError(description: "\(name) is \(time); it must be between \(least) ms and 1 h")
    }
  }
}
