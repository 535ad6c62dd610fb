// What a node of zgossip counts.

/// Counts since the node began.
public struct ZGossipCounters: Sendable, Equatable {
  /// Messages taken.
  public var messagesReceived: UInt64 = 0
  /// Messages written.
  public var messagesSent: UInt64 = 0
  /// Tuples received from originals.
  public var tuplesReceived: UInt64 = 0
  /// Tuples sent to originals.
  public var tuplesSent: UInt64 = 0
  /// Tuples of originals that were here already: their echoes, mostly.
  public var echoes: UInt64 = 0
  /// Tuples of originals that had a former value, whose senders were sent the present one.
  public var staleValues: UInt64 = 0
  /// Tuples of originals that were removed or expired here and were not taken again.
  public var revenants: UInt64 = 0
  /// Tuples of originals that were refused: too long, or no room.
  public var refused: UInt64 = 0
  /// Messages that are none, or not of one part.
  public var malformed: UInt64 = 0
  /// Messages of peers that are no longer heeded.
  public var ignored: UInt64 = 0
  /// Messages that mean nothing where they came.
  public var unexpected: UInt64 = 0
  /// Times that a server had forgotten this node and was told everything again.
  public var resyncs: UInt64 = 0
  /// Links beyond the limit.
  public var linksRefused: UInt64 = 0

  /// Creates zero counts.
  public init() {}
}
