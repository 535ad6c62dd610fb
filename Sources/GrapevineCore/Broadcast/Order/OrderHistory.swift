// What a newcomer will never have of what was before it.
//
// A node that joins takes what its neighbours' logs still hold and gives up the rest as history. What a forgotten
// message came after nobody can tell it: a message that names it may so come after others that are still on their way.
// It waits until all is here that neighbours had shown when that was given up, and then goes on with an event that
// names what it came after and will not come (see `Event.orderGap`).

/// What was given up of a stream as history.
struct StreamHistory: BitwiseCopyable {
  /// All up to here, and from one number to another beyond that: what lies between two holes counts as given up.
  var end: UInt64 = 0
  var holeFirst: UInt64 = 0
  var holeLast: UInt64 = 0
  /// A causal message after all of that went on: those after it come after nothing of it that was not announced.
  var isSettled = false
  /// Whether the application was told of it.
  var isNamed = false

  init() {}

  /// The last number that was given up; 0 when none was.
  var last: UInt64 { max(end, holeLast) }

  func contains(_ sequence: UInt64) -> Bool {
    sequence <= end || (holeFirst != 0 && sequence >= holeFirst && sequence <= holeLast)
  }

  /// Adds what comes after all that was given up before.
  mutating func add(_ range: ClosedRange<UInt64>) {
    isSettled = false
    isNamed = false
    if range.lowerBound == end &+ 1 {
      end = range.upperBound
    } else {
      if holeFirst == 0 { holeFirst = range.lowerBound }
      holeLast = range.upperBound
    }
  }
}

/// What was given up of all streams as history, and what is to come before messages that name some of it.
struct OrderHistory: ~Copyable {
  /// By the place of the stream.
  let streams: FixedTable<StreamHistory>
  /// By the place of the stream: the number up to which neighbours showed messages when something was given up.
  let shown: FixedTable<UInt64>
  /// Whether there is any.
  private(set) var isEmpty = true
  /// Whether what names some of it waits for what neighbours had shown.
  var isCatchingUp = false
  /// Until when this node is a newcomer, and whether what is to happen at the end of that has yet to happen.
  private(set) var newcomerUntil = Instant.never
  private(set) var isNewcomer = true

  init(streams capacity: Int) {
    streams = FixedTable(count: capacity)
    shown = FixedTable(count: capacity)
  }

  static func bytes(streams: Int) -> Int { streams * (MemoryLayout<StreamHistory>.stride + 8) }

  /// Notes what was given up.
  mutating func add(_ range: ClosedRange<UInt64>, at place: Int) {
    isEmpty = false
    isCatchingUp = true
    streams[place].add(range)
  }

  /// Whether a message was given up.
  func contains(_ sequence: UInt64, at place: Int) -> Bool { !isEmpty && streams[place].contains(sequence) }

  /// Whether a message that comes after all of a stream's comes after some that was given up, and after none that
  /// says so in its place.
  func isOpen(at place: Int) -> Bool { !isEmpty && streams[place].last > 0 && !streams[place].isSettled }

  /// Notes that the application is told what was given up of a stream.
  ///
  /// - Returns: False when it has been told before.
  mutating func name(_ place: Int) -> Bool {
    defer { streams[place].isNamed = true }
    return !streams[place].isNamed
  }

  /// A causal message went on.
  mutating func note(_ sequence: UInt64, at place: Int) {
    guard !isEmpty, streams[place].last > 0, sequence > streams[place].last else { return }
    streams[place].isSettled = true
  }

  /// The node joined.
  mutating func begin(until: Instant) {
    newcomerUntil = until
    isNewcomer = true
  }

  /// The node is a newcomer no longer.
  mutating func endNewcomer() { isNewcomer = false }

  /// Forgets a stream.
  mutating func forget(_ place: Int) {
    streams[place] = StreamHistory()
    shown[place] = 0
  }
}
