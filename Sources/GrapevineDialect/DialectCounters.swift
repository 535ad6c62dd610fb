// What a foreign engine has done, in numbers.

/// The counters of a peer of another system; all start at 0.
public struct DialectCounters: Sendable, Equatable {
  /// Datagrams written for sending.
  public var datagramsSent: UInt64 = 0
  /// Of those, copies of messages.
  public var copiesSent: UInt64 = 0
  /// Of those, repetitions of what was not acknowledged in time.
  public var repeats: UInt64 = 0
  /// Datagrams taken.
  public var datagramsReceived: UInt64 = 0
  /// Messages of its own.
  public var broadcasts: UInt64 = 0
  /// Messages delivered.
  public var deliveries: UInt64 = 0
  /// Copies of messages that were known already.
  public var duplicates: UInt64 = 0
  /// Datagrams dropped: not the wire's form.
  public var droppedMalformed: UInt64 = 0
  /// Datagrams dropped: right in form, but not to be taken in this state or from this sender.
  public var droppedUnexpected: UInt64 = 0
  /// Datagrams dropped: longer than the wire allows.
  public var droppedOversized: UInt64 = 0
  /// Datagrams or answers dropped: no room, or a limit per sender was reached.
  public var droppedExcess: UInt64 = 0
  /// Members given up because they did not answer.
  public var membersLost: UInt64 = 0

  /// Creates counters that are all 0.
  public init() {}
}
