// What a peer of another system delivers to its application.

/// A message of another peer.
public struct DialectMessage: Sendable, Equatable {
  /// What the wire names its originator by; empty where it has no name.
  public var origin: [UInt8]
  /// Its number as its originator says; 0 where the wire has none.
  public var sequence: UInt64
  /// What the originator sent.
  public var payload: [UInt8]

  /// The payload as text; what is no UTF-8 is replaced.
  public var text: String { String(decoding: payload, as: UTF8.self) }
  /// The originator's name as text.
  public var originText: String { String(decoding: origin, as: UTF8.self) }
}

/// Why a peer of another system could not join.
public enum DialectNodeError: Error, Equatable, Sendable {
  /// No contact answered in all attempts.
  case noContactAnswered
  /// The node has left, and is of no use any more.
  case hasLeft
}
