// A tuple as it lies in memory.

/// The fixed part of a tuple; all zero when the place is free.
struct TupleEntry: BitwiseCopyable {
  var clock: UInt64 = 0
  var writer: UInt64 = 0
  /// Which version of which key this is, as sets of tuples are compared by.
  var hash: UInt64 = 0
  /// Where its bytes lie in the arena; 0 when the place is free, and then `lengths` is the next free place, plus 1.
  var block: UInt32 = 0
  /// 8 bits of the key's length, 24 of the value's.
  var lengths: UInt32 = 0

  init() {}

  var isFree: Bool { block == 0 }
  var keyLength: Int { Int(lengths >> 24) }
  var valueLength: Int { Int(lengths & 0xff_ffff) }
  var version: TupleVersion { TupleVersion(clock: TupleClock(bits: clock), writer: MemberID(writer)) }

  mutating func setLengths(key: Int, value: Int) {
    lengths = UInt32(truncatingIfNeeded: key) << 24 | UInt32(truncatingIfNeeded: value) & 0xff_ffff
  }
}

/// What a tuple is besides its key and value.
struct TupleTraits: OptionSet, BitwiseCopyable {
  let rawValue: UInt8

  /// A memory of a removal: there is no value.
  static let tombstone = TupleTraits(rawValue: 1)
  /// It expires.
  static let timed = TupleTraits(rawValue: 2)
  /// It is bound to its writer's membership.
  static let ephemeral = TupleTraits(rawValue: 4)
  /// This node wrote it and writes it again before it expires. Said to nobody.
  static let renewed = TupleTraits(rawValue: 8)
  /// It is ephemeral and its writer is no member now. Said to nobody.
  static let hidden = TupleTraits(rawValue: 16)

  /// What all members see alike.
  static let shared: TupleTraits = [.tombstone, .timed, .ephemeral]
}

/// A version of a tuple on its way into the table: the bytes are somebody else's.
struct TupleRecord {
  var key: UnsafeRawBufferPointer
  var value: UnsafeRawBufferPointer
  var clock: TupleClock
  var writer: UInt64
  var traits: TupleTraits
  /// When it expires, in milliseconds since 1970; 0 when it does not.
  var expiresAt: UInt64 = 0

  var version: TupleVersion { TupleVersion(clock: clock, writer: MemberID(writer)) }

  /// Turns it into the memory of its own end, which is the same whoever makes it.
  mutating func end() {
    value = UnsafeRawBufferPointer(start: nil, count: 0)
    traits = .tombstone
    expiresAt = 0
  }

  /// The hash that stands for this version: of everything in it, so that two members that have the same hashes have
  /// the same map. The keys of the function are everybody's, since all must compute the same; whoever makes two
  /// versions of one hash on purpose has sets compared by sending them whole.
  var hash: UInt64 {
    var hash = SipHash(key: SecretKey(first: 0x7475_706c_6573, second: 0x7665_7273_696f_6e73))
    hash.add(key)
    hash.add(clock.bits)
    hash.add(writer)
    hash.add(UInt64(traits.intersection(.shared).rawValue))
    if traits.contains(.timed) { hash.add(expiresAt) }
    if !value.isEmpty { hash.add(value) }
    return max(1, hash.finish())
  }
}
