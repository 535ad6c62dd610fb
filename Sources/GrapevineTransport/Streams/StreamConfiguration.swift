// How much of the machine streams may take, and how long their steps may last.

import GrapevineCore

/// Limits and times of a `StreamTransport`. All of them bound what peers, and strangers, can make it hold.
public struct StreamConfiguration: Sendable {
  /// Connections at most; a quarter of them is kept for those that this side opens.
  ///
  /// Default: 256, chosen here: several times the neighbours of a node, and a quarter of what a process may usually
  /// have open.
  public var connectionLimit = 256
  /// Connections at most whose peer has not said yet who it is; the oldest gives way.
  ///
  /// Default: 32, chosen here: peers say it within one round trip.
  public var strangerLimit = 32
  /// Bytes at most that wait to be sent over one connection; datagrams beyond are dropped and counted.
  ///
  /// Default: 512 KiB, chosen here: more than 400 datagrams, what a peer's receive window lets be under way.
  public var queueBytes = 512 << 10
  /// Bytes that are received of one connection ahead of what is taken.
  ///
  /// Default: 32 KiB, chosen here: half a batch of datagrams of 1,200 bytes, so that one peer cannot fill it alone.
  public var readBytes = 32 << 10
  /// How long a connection may take until it is there.
  ///
  /// Default: 3 s, chosen here: two losses of the first packet, which Linux sends again after 1 and 3 s.
  public var connectTimeout = Duration.seconds(3)
  /// How long a peer may take to say who it is.
  ///
  /// Default: 3 s, chosen here, as for connecting.
  public var helloTimeout = Duration.seconds(3)
  /// How long nothing may get through while bytes wait before a connection is given up.
  ///
  /// Default: 10 s, chosen here: by then a node has long taken a neighbour that is silent for dead.
  public var stallTimeout = Duration.seconds(10)
  /// How long a connection may carry nothing in either direction before it is closed.
  ///
  /// Default: 60 s, chosen here: several times the longest pause between two datagrams of neighbours.
  public var idleTimeout = Duration.seconds(60)
  /// How long a peer may take to close its side of a connection that ends.
  ///
  /// Default: 3 s, chosen here, as for connecting.
  public var closeTimeout = Duration.seconds(3)
  /// How long a peer is left alone after a first failure to connect; twice as long after each further one.
  ///
  /// Default: 100 ms, chosen here: a process that restarts is met again soon.
  public var firstBackOff = Duration.milliseconds(100)
  /// The longest that a peer is left alone.
  ///
  /// Default: 2 s, chosen here: below the time after which a silent neighbour is taken for dead.
  public var longestBackOff = Duration.seconds(2)

  /// Creates the configuration of the defaults.
  public init() {}

  /// Accepted connections at most.
  var acceptedLimit: Int { max(1, limit - limit / 4) }
  /// The connection limit, within what a table of them may hold.
  var limit: Int { min(max(connectionLimit, 2), 4_096) }
  /// Room for a few of the longest frames at least.
  var queueRoom: Int { min(max(queueBytes, 8 << 10), 64 << 20) }
  /// Room for a few of the longest frames at least.
  var readRoom: Int { min(max(readBytes, 8 << 10), 4 << 20) }
}
