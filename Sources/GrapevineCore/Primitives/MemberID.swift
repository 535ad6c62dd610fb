// Who a node is, and which stream of messages is meant.

/// The identity of one run of a node: 64 random bits drawn by the driver at its start; never 0.
///
/// A restarted node draws a new one, so that its sequence numbers start afresh without being taken for old.
public struct MemberID: Hashable, Comparable, Sendable, BitwiseCopyable, CustomStringConvertible {
  /// The 64 bits.
  public let value: UInt64

  /// Creates an identity; 0, which marks an empty place in tables and is refused on the wire, becomes 1.
  public init(_ value: UInt64) {
    self.value = value == 0 ? 1 : value
  }

  /// An order without meaning, the same everywhere.
  public static func < (left: MemberID, right: MemberID) -> Bool { left.value < right.value }

  /// Sixteen hexadecimal digits.
  public var description: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// What the cluster promises for a message.
public enum DeliveryLevel: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  /// Every member that is connected to the origin by some path for long enough delivers it exactly once, in
  /// no particular order, while the message is within the repair horizon; a gap beyond it is an event.
  case reliable = 0
  /// At most once, no order: pushed eagerly, never repaired.
  case bestEffort = 1
}
