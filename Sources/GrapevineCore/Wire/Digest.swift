// What a member holds of a stream, said compactly; and what it lacks.
//
//   DIGEST   count(v)  then per stream: origin(8)  floor(v)  available(v)  hops(1)  ranges(v) x [skip(v) length(v)]
//   REQUEST  origin(8)  first(v)  ranges(v) x [skip(v) length(v)]
//
// Up to `floor` the stream is complete; of that, the last `available` are still in the log. A push of `floor`
// would say `hops`: with it the entry is Plumtree's IHAVE. Each range is a
// number of messages lacking and then a number of messages held (DIGEST) or asked for (REQUEST). Only
// reliable streams appear.

/// The fixed part of a stream's entry in a digest.
struct DigestEntry: Equatable {
  var origin: UInt64
  var floor: UInt64
  var available: UInt64
  /// The hops that a push of `floor` would say.
  var hops: UInt8
  var ranges: UInt64

  /// Ranges read or written for one stream at most. Chosen here: more holes than this are told next time.
  static let rangesLimit: UInt64 = 32
  /// The bytes an entry takes at most, without its ranges.
  static let headLimit = 8 + 10 + 10 + 1 + 1
  /// The bytes a range takes at most: both its numbers stay below the sequence window.
  static let rangeLimit = 6

  init(origin: UInt64, floor: UInt64, available: UInt64, hops: UInt8, ranges: UInt64) {
    self.origin = origin
    self.floor = floor
    self.available = available
    self.hops = hops
    self.ranges = ranges
  }

  init(from cursor: inout Cursor) throws(DecodeError) {
    origin = try cursor.read(UInt64.self)
    floor = try cursor.readVariable(in: 0...UInt64.max / 2)
    available = try cursor.readVariable(in: 0...floor)
    hops = try cursor.read(UInt8.self)
    guard hops <= GossipHeader.hopsLimit else { throw .outOfRange }
    ranges = try cursor.readVariable(in: 0...Self.rangesLimit)
    guard origin != 0 else { throw .outOfRange }
  }

  func write(to writer: inout Writer) {
    writer.write(origin)
    writer.writeVariable(floor)
    writer.writeVariable(available)
    writer.write(hops)
    writer.writeVariable(ranges)
  }
}

/// A run of consecutive sequence numbers behind a position: skip some, then hold or want some.
struct SequenceRange: Equatable {
  var first: UInt64
  var last: UInt64

  init(first: UInt64, last: UInt64) {
    self.first = first
    self.last = last
  }

  /// Reads the range that follows `position`, which moves to the range's end.
  init(after position: inout UInt64, from cursor: inout Cursor) throws(DecodeError) {
    let skip = try cursor.readVariable(in: 0...UInt64(UInt32.max))
    let length = try cursor.readVariable(in: 1...UInt64(UInt32.max))
    first = position &+ skip &+ 1
    last = position &+ skip &+ length
    guard last < UInt64.max / 2 else { throw .outOfRange }
    position = last
  }

  func write(after position: inout UInt64, to writer: inout Writer) {
    writer.writeVariable(first &- position &- 1)
    writer.writeVariable(last &- first &+ 1)
    position = last
  }
}
