// When a tuple was written, and by whom: the order in which writes count.
//
// Members' clocks differ, so a write is dated by a hybrid logical clock (Kulkarni, Demirbas, Madappa, Avva, Leone,
// OPODIS 2014, §3.3): close to the time of day, and greater than whatever its writer had seen before. Two writes at
// one reading are ordered by their writers, so the order is total and the same everywhere.

/// A reading of a hybrid logical clock.
public struct TupleClock: Hashable, Comparable, Sendable, BitwiseCopyable, CustomStringConvertible {
  /// 48 bits of milliseconds since 1970 (UTC), then 16 bits that count events within one of them.
  public var bits: UInt64

  /// Creates the reading with the given bits.
  public init(bits: UInt64) { self.bits = bits }

  /// Creates the first reading of a millisecond; of the last there is when that is later.
  public init(milliseconds: UInt64) { bits = min(milliseconds, Self.lastMillisecond) << 16 }

  /// The milliseconds since 1970 (UTC).
  public var milliseconds: UInt64 { bits >> 16 }

  /// The last millisecond that can be told: in the year 10889.
  public static let lastMillisecond: UInt64 = (1 << 48) - 1

  /// Whether `left` comes before `right`.
  public static func < (left: TupleClock, right: TupleClock) -> Bool { left.bits < right.bits }

  /// Milliseconds and count, as `1764547200000.3`.
  public var description: String { "\(milliseconds).\(bits & 0xffff)" }
}

/// Which write of a key this is: the greater one counts.
public struct TupleVersion: Hashable, Comparable, Sendable, BitwiseCopyable, CustomStringConvertible {
  /// When it was written.
  public var clock: TupleClock
  /// The run of the member that wrote it.
  public var writer: MemberID

  /// Creates a version.
  public init(clock: TupleClock, writer: MemberID) {
    self.clock = clock
    self.writer = writer
  }

  /// By clock, then by writer.
  public static func < (left: TupleVersion, right: TupleVersion) -> Bool {
    (left.clock.bits, left.writer.value) < (right.clock.bits, right.writer.value)
  }

  /// As `1764547200000.3@00c0ffee00c0ffee`, which `init(_:)` reads.
  public var description: String { "\(clock)@\(writer)" }

  /// Reads what `description` wrote; nil for any other text.
  public init?(_ text: String) {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[1].utf8.count == 16, let writer = UInt64(parts[1], radix: 16) else {
      return nil
    }
    let numbers = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    guard numbers.count == 2, let milliseconds = UInt64(numbers[0]), let count = UInt16(numbers[1]),
      milliseconds <= TupleClock.lastMillisecond
    else { return nil }
    self.init(clock: TupleClock(bits: milliseconds << 16 | UInt64(count)), writer: MemberID(writer))
    // Signs and leading zeros are numbers too, but not as they are written.
    guard description == text else { return nil }
  }
}
