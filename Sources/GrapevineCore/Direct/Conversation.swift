// What is kept of another member that was spoken with: enough to deliver everything once.

/// Numbers in both directions between this node's run and one run of another member; all zero when free.
struct Conversation: BitwiseCopyable {
  /// Numbers above the floor that are told apart.
  static let width = 64
  /// Messages that wait for their confirmation by one member at most: half of what is told apart, so that the
  /// oldest of them is always within it.
  static let window = 32

  /// The other one's run; 0 when the place is free.
  var run: UInt64 = 0
  var id: UInt64 = 0
  var endpoint = Endpoint.zero

  // Of ours.
  /// The number to come. It begins at the time of the first message, so that a conversation that was forgotten
  /// goes on above its former numbers.
  var next: UInt64 = 0
  /// Messages of ours that wait for their confirmation.
  var waiting: UInt16 = 0
  /// The smoothed round trip and its mean deviation (RFC 6298 §2); 0 while nothing was measured.
  var roundTrip: Nanoseconds = 0
  var deviation: Nanoseconds = 0

  // Of theirs.
  /// Everything up to here arrived, or is not waited for any more; 0 before the first.
  var floor: UInt64 = 0
  /// Which of the numbers from `floor + 1` on arrived.
  var mask: UInt64 = 0
  /// A confirmation is to be written.
  var owesHeard = false

  var lastUsed = Instant()

  init() {}

  enum Verdict { case new, duplicate, tooFarAhead }

  /// Moves the floor up to just below the oldest number that the other end still waits for, and says whether a
  /// number has come before.
  mutating func judge(_ number: UInt64, behind: UInt64) -> Verdict {
    raiseFloor(to: number &- behind &- 1)
    if number <= floor { return .duplicate }
    let ahead = number &- floor &- 1
    guard ahead < UInt64(Self.width) else { return .tooFarAhead }
    return mask & 1 << ahead == 0 ? .new : .duplicate
  }

  private mutating func raiseFloor(to newFloor: UInt64) {
    guard newFloor > floor else { return }
    let step = newFloor &- floor
    mask = step < UInt64(Self.width) ? mask >> step : 0
    floor = newFloor
    settle()
  }

  /// Notes that a number arrived that was judged new.
  mutating func insert(_ number: UInt64) {
    mask |= 1 << (number &- floor &- 1)
    settle()
  }

  private mutating func settle() {
    let run = mask == .max ? Self.width : (~mask).trailingZeroBitCount
    floor &+= UInt64(run)
    mask = run == Self.width ? 0 : mask >> UInt64(run)
  }

  /// The time after which a message is sent again for the first time.
  func patience(_ usual: Nanoseconds) -> Nanoseconds {
    roundTrip == 0 ? usual : max(20_000_000, roundTrip &+ 4 &* deviation)
  }

  /// Takes a round trip.
  mutating func measure(_ sample: Nanoseconds) {
    SmoothedRoundTrip.add(sample, to: &roundTrip, &deviation)
  }
}

/// The conversations of a node, found by the other end's run.
struct ConversationTable: ~Copyable {
  private let entries: FixedTable<Conversation>
  private let index: PlaceIndex
  private let key: SecretKey
  private(set) var placesUsed = 0
  private(set) var count = 0
  /// Where the search for a place goes on.
  private var hand = 0

  init(capacity: Int, using generator: inout Generator) {
    entries = FixedTable(count: capacity)
    index = PlaceIndex(capacity: capacity)
    key = SecretKey(using: &generator)
  }

  static func bytes(capacity: Int) -> Int {
    capacity * MemoryLayout<Conversation>.stride + PlaceIndex.bytes(capacity: capacity)
  }

  subscript(place: Int) -> Conversation {
    @inline(__always) _read { yield entries[place] }
    @inline(__always) nonmutating _modify { yield &entries[place] }
  }

  private func hash(_ run: UInt64) -> UInt64 {
    var hash = SipHash(key: key)
    hash.add(run)
    return hash.finish()
  }

  func find(_ run: UInt64) -> Int? { index.find(hash(run)) { entries[$0].run == run } }

  /// Begins a conversation.
  ///
  /// - Parameter idleSince: One that nobody waits in and that was last used before this is forgotten when there is no
  ///   other place.
  /// - Returns: Its place; nil when there is none.
  mutating func add(_ conversation: Conversation, idleSince: Instant) -> Int? {
    guard let place = takePlace(idleSince: idleSince) else { return nil }
    entries[place] = conversation
    index.enter(place, hash(conversation.run))
    count += 1
    return place
  }

  private mutating func takePlace(idleSince: Instant) -> Int? {
    if placesUsed < entries.count {
      placesUsed += 1
      return placesUsed - 1
    }
    // A few at a time, in turn: a stranger must not make this node look through all of them again and again.
    for _ in 0..<min(64, entries.count) {
      hand = (hand + 1) % entries.count
      let entry = entries[hand]
      if entry.run == 0 { return hand }
      if entry.waiting == 0, !entry.owesHeard, entry.lastUsed < idleSince {
        remove(hand)
        return hand
      }
    }
    return nil
  }

  mutating func remove(_ place: Int) {
    index.leave(place, hashOf: { hash(entries[$0].run) })
    entries[place] = Conversation()
    count -= 1
  }
}
