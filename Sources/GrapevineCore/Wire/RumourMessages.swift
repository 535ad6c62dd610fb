// What members say about rumours besides spreading them.
//
//   FEEDBACK  count(1) x [origin(8) first(v) verdict(v)]   verdict = 2 x length + 1 if needed, else 2 x length
//   PULL      count(1) x [origin(8) first(v) length(v)]
//
// The rumours themselves travel as runs of messages like any others; see `GossipHeader`, whose hops say a
// rumour's age in cycles here. FEEDBACK tells the sender of rumours whether its receiver needed them; PULL
// asks for rumours, but not for those that it names. Only reliable streams appear.

/// Consecutive messages of one origin.
struct RumourRun: BitwiseCopyable, Equatable {
  var origin: UInt64
  var first: UInt64
  var length: UInt64

  /// Messages in one run at most: a datagram holds no more.
  static let lengthLimit: UInt64 = 1_024
  /// Runs written or read in one message at most. Chosen here.
  static let countLimit: UInt8 = 64
  /// The bytes that a run takes at most, in either message.
  static let bytesLimit = 8 + 10 + 2

  init(origin: UInt64, first: UInt64, length: UInt64) {
    self.origin = origin
    self.first = first
    self.length = length
  }

  /// Whether `sequence` of `origin` comes right behind the run, which can take it.
  func isFollowed(by sequence: UInt64, of origin: UInt64) -> Bool {
    self.origin == origin && sequence == first &+ length && length < Self.lengthLimit
  }

  /// Whether `sequence` of `origin` comes right before the run, which can take it.
  func isPreceded(by sequence: UInt64, of origin: UInt64) -> Bool {
    self.origin == origin && sequence == first &- 1 && length < Self.lengthLimit
  }

  /// Reads a run of a PULL.
  init(from cursor: inout Cursor) throws(DecodeError) {
    origin = try cursor.read(UInt64.self)
    first = try cursor.readVariable(in: 1...UInt64.max / 2)
    length = try cursor.readVariable(in: 1...Self.lengthLimit)
    guard origin != 0 else { throw .outOfRange }
  }

  func write(to writer: inout Writer) {
    writer.write(origin)
    writer.writeVariable(first)
    writer.writeVariable(length)
  }
}

/// What a receiver says of consecutive rumours.
struct RumourVerdict: BitwiseCopyable, Equatable {
  var run: RumourRun
  var isNeeded: Bool

  init(run: RumourRun, isNeeded: Bool) {
    self.run = run
    self.isNeeded = isNeeded
  }

  /// Reads a run of a FEEDBACK.
  init(from cursor: inout Cursor) throws(DecodeError) {
    let origin = try cursor.read(UInt64.self)
    let first = try cursor.readVariable(in: 1...UInt64.max / 2)
    let verdict = try cursor.readVariable(in: 2...2 * RumourRun.lengthLimit + 1)
    guard origin != 0 else { throw .outOfRange }
    run = RumourRun(origin: origin, first: first, length: verdict >> 1)
    isNeeded = verdict & 1 != 0
  }

  func write(to writer: inout Writer) {
    writer.write(run.origin)
    writer.writeVariable(run.first)
    writer.writeVariable(run.length << 1 | (isNeeded ? 1 : 0))
  }
}

/// The number of runs that follow in a FEEDBACK or PULL.
enum RumourCount {
  static func read(from cursor: inout Cursor) throws(DecodeError) -> UInt8 {
    let count = try cursor.read(UInt8.self)
    guard count <= RumourRun.countLimit else { throw .outOfRange }
    return count
  }
}
