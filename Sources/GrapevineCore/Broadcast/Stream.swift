// What a node knows of one origin's messages of one level.

/// The state of a stream; all zero when the place is free.
struct Stream: BitwiseCopyable {
  /// The member whose messages these are; 0 when the place is free.
  var origin: UInt64 = 0
  var level: DeliveryLevel = .reliable
  /// Whether the stream is in the list of those with something missing.
  var isIncomplete = false
  /// Whether the request for what is missing is still to be written.
  var isRequestDue = false
  /// The slot that the last new message came on.
  var parent: UInt8 = MessageLog.ownSource
  /// The slot of the neighbour asked, and how often in a row without success.
  var requestSlot: UInt8 = 0
  var fruitlessRequests: UInt8 = 0

  /// Reliable: every message up to here was delivered or given up. Best effort: the highest number delivered.
  var floor: UInt64 = 0
  /// Numbers delivered above `floor`.
  var ahead: UInt32 = 0
  /// Messages of the stream in the log.
  var logged: UInt32 = 0
  /// The highest number that somebody is known to hold.
  var knownHigh: UInt64 = 0
  /// The highest number that has left the log.
  var evictedHigh: UInt64 = 0
  /// The last number asked for.
  var requestedThrough: UInt64 = 0
  /// Since when the first missing message is missing.
  var missingSince = Instant()
  /// When to ask next.
  var requestAt = Instant()
  /// Since when nobody offers the first missing message; zero when somebody does.
  var unsuppliedSince = Instant()
  var lastActive = Instant()

  init() {}
}

/// What a neighbour holds of a stream, as far as it told or showed.
struct LinkProgress: BitwiseCopyable {
  /// It holds or has given up everything up to here.
  var floor: UInt64 = 0
  /// The highest number it showed to hold.
  var high: UInt64 = 0
  /// The lowest number it can supply without a gap up to `floor`.
  var low: UInt64 = 0

  init() {}
}

/// What is kept of a stream that was forgotten.
struct ForgottenStream: BitwiseCopyable {
  var origin: UInt64 = 0
  var floor: UInt64 = 0
  var level: DeliveryLevel = .reliable
}

/// All streams of a node, found by origin and level.
///
/// An open-addressed index with a secret seed, since peers choose the origins, over places that do not move.
struct StreamTable: ~Copyable {
  let streams: FixedTable<Stream>
  /// Floors of forgotten streams, each at the one place that its name gives it; a later one takes the place
  /// over.
  private let memories: FixedTable<ForgottenStream>
  private let index: PlaceIndex
  private let seed: UInt64
  private(set) var count = 0
  /// Places from here on were never used.
  private(set) var placesUsed = 0
  private var lastFound = 0

  /// Streams idle for less than this are not forgotten. Chosen here: what a repair may take to arrive late.
  static var retention: Nanoseconds { 60_000_000_000 }

  init(capacity: Int, seed: UInt64) {
    streams = FixedTable(count: capacity)
    index = PlaceIndex(capacity: capacity)
    memories = FixedTable(count: PlaceIndex.size(capacity: capacity))
    self.seed = seed | 1
  }

  /// Bytes of the index and the memories.
  static func indexBytes(capacity: Int) -> Int {
    PlaceIndex.bytes(capacity: capacity)
      + PlaceIndex.size(capacity: capacity) * MemoryLayout<ForgottenStream>.stride
  }

  subscript(place: Int) -> Stream {
    @inline(__always) _read { yield streams[place] }
    @inline(__always) nonmutating _modify { yield &streams[place] }
  }

  private func hash(_ origin: UInt64, _ level: DeliveryLevel) -> UInt64 {
    let product = (origin ^ seed).multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15 ^ seed << 1)
    return (product.high ^ product.low) &+ UInt64(level.rawValue)
  }

  private func hash(at place: Int) -> UInt64 { hash(streams[place].origin, streams[place].level) }

  /// The place of a stream's memory.
  private func memory(_ origin: UInt64, _ level: DeliveryLevel) -> Int {
    Int(truncatingIfNeeded: hash(origin, level)) & (memories.count - 1)
  }

  /// Up to which number everything of a stream that was forgotten was taken, as far as that is remembered.
  func rememberedFloor(_ origin: UInt64, _ level: DeliveryLevel) -> UInt64 {
    let memory = memories[memory(origin, level)]
    return memory.origin == origin && memory.level == level ? memory.floor : 0
  }

  /// The place of a stream, or nil.
  @inline(__always)
  mutating func find(_ origin: UInt64, _ level: DeliveryLevel) -> Int? {
    if streams[lastFound].origin == origin && streams[lastFound].level == level { return lastFound }
    return findByIndex(origin, level)
  }

  private mutating func findByIndex(_ origin: UInt64, _ level: DeliveryLevel) -> Int? {
    let found = place(of: origin, level)
    if let found { lastFound = found }
    return found
  }

  /// The place of a stream, or nil, without remembering that it was asked for.
  func place(of origin: UInt64, _ level: DeliveryLevel) -> Int? {
    index.find(hash(origin, level)) { place in
      streams[place].origin == origin && streams[place].level == level
    }
  }

  /// Adds a stream that is not there yet.
  ///
  /// - Returns: Its place, or nil when the table is full.
  mutating func add(_ origin: UInt64, _ level: DeliveryLevel, now: Instant) -> Int? {
    guard count < streams.count else { return nil }
    var place = placesUsed
    if place == streams.count {
      guard let free = (0..<streams.count).first(where: { streams[$0].origin == 0 }) else { return nil }
      place = free
    } else {
      placesUsed += 1
    }
    var stream = Stream()
    stream.origin = origin
    stream.level = level
    stream.lastActive = now
    let memory = memories[memory(origin, level)]
    if memory.origin == origin && memory.level == level {
      // What was delivered before the stream was forgotten must not be delivered again.
      stream.floor = memory.floor
      stream.knownHigh = memory.floor
      stream.evictedHigh = memory.floor
    }
    streams[place] = stream
    index.enter(place, hash(origin, level))
    count += 1
    return place
  }

  /// The stream idle longest that nothing depends on, or nil when all are in use.
  func forgettable(now: Instant, own: UInt64) -> Int? {
    var oldest: Int?
    for place in 0..<placesUsed {
      let stream = streams[place]
      guard stream.origin != 0, stream.origin != own, stream.logged == 0, !stream.isIncomplete,
        now >= stream.lastActive + Self.retention
      else { continue }
      if let best = oldest, streams[best].lastActive <= stream.lastActive { continue }
      oldest = place
    }
    return oldest
  }

  /// Forgets the stream at `place` but for its floor, closing the gap that it leaves in the index.
  mutating func remove(_ place: Int) {
    let (origin, level, floor) = (streams[place].origin, streams[place].level, streams[place].floor)
    if floor > 0 {
      memories[memory(origin, level)] = ForgottenStream(origin: origin, floor: floor, level: level)
    }
    index.leave(place, hashOf: { hash(at: $0) })
    streams[place] = Stream()
    count -= 1
  }
}
