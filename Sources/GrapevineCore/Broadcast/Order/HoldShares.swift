// Who takes how much of the hold-back buffer.
//
// When the buffer is full, the one that gives way is the oldest message of the origin that takes the most of it. So
// each origin has a share that nobody else can take: as much as all others, when it wants that much (max-min fairness;
// Demers, Keshav, Shenker, "Analysis and Simulation of a Fair Queueing Algorithm", SIGCOMM 1989, drop from the longest
// queue). An origin alone may still take all. Finding it costs the same however many there are: origins lie in lists
// by the weight of what they have here.

/// What the buffer holds of one origin.
struct HoldShare: BitwiseCopyable {
  /// 0 when the place is free.
  var origin: UInt64 = 0
  var weight: UInt32 = 0
  /// Its first and its last message in the order of their coming; one more than the place, 0 for none.
  var oldest: UInt32 = 0
  var newest: UInt32 = 0
  /// The origins before and after it in the list of its weight, or the next free place; one more than the place.
  var previous: UInt32 = 0
  var next: UInt32 = 0

  init() {}
}

/// All origins of which something is held.
struct HoldShares: ~Copyable {
  private let shares: FixedTable<HoldShare>
  /// By weight: the first and the last origin of that weight; one more than the place, 0 for none.
  private let firsts: FixedTable<UInt32>
  private let lasts: FixedTable<UInt32>
  private let index: PlaceIndex
  private let key: SecretKey
  private var placesUsed = 0
  private var free: UInt32 = 0
  private var mostWeight = 0

  /// - Parameter messages: The messages held at most; all together weigh twice as much at most.
  init(messages: Int, key: SecretKey) {
    self.key = key
    shares = FixedTable(count: messages)
    firsts = FixedTable(count: 2 * messages + 1)
    lasts = FixedTable(count: 2 * messages + 1)
    index = PlaceIndex(capacity: messages)
  }

  static func bytes(messages: Int) -> Int {
    messages * MemoryLayout<HoldShare>.stride + 2 * (2 * messages + 1) * MemoryLayout<UInt32>.stride
      + PlaceIndex.bytes(capacity: messages)
  }

  /// The share at a place; its messages may be changed, and nothing else.
  subscript(place: Int) -> HoldShare {
    @inline(__always) _read { yield shares[place] }
    @inline(__always) nonmutating _modify { yield &shares[place] }
  }

  private func hash(_ origin: UInt64) -> UInt64 {
    var hash = SipHash(key: key)
    hash.add(origin)
    return hash.finish()
  }

  /// The place of an origin of which something is held.
  func find(_ origin: UInt64) -> Int? { index.find(hash(origin)) { shares[$0].origin == origin } }

  /// An origin of those that take the most: the one that does so longest.
  var heaviest: Int? { mostWeight == 0 ? nil : Int(firsts[mostWeight]) - 1 }

  /// A message of an origin is held from now on.
  ///
  /// - Returns: The place of the origin.
  mutating func add(_ origin: UInt64, weight: Int) -> Int {
    let place = find(origin) ?? enter(origin)
    move(place, to: Int(shares[place].weight) + weight)
    return place
  }

  private mutating func enter(_ origin: UInt64) -> Int {
    var place = placesUsed
    if free != 0 {
      place = Int(free) - 1
      free = shares[place].next
    } else {
      placesUsed += 1
    }
    shares[place] = HoldShare()
    shares[place].origin = origin
    index.enter(place, hash(origin))
    return place
  }

  /// A message of the origin at a place is not held any more; the place is free when it was the last one.
  mutating func remove(_ place: Int, weight: Int) {
    move(place, to: Int(shares[place].weight) - weight)
    guard shares[place].weight == 0 else { return }
    index.leave(place) { hash(shares[$0].origin) }
    shares[place] = HoldShare()
    shares[place].next = free
    free = UInt32(truncatingIfNeeded: place + 1)
  }

  /// Moves an origin from the list of its weight to the end of another one.
  private mutating func move(_ place: Int, to weight: Int) {
    let share = shares[place]
    let link = UInt32(truncatingIfNeeded: place + 1)
    let old = Int(share.weight)
    if old > 0 {
      if share.previous != 0 {
        shares[Int(share.previous) - 1].next = share.next
      } else {
        firsts[old] = share.next
      }
      if share.next != 0 {
        shares[Int(share.next) - 1].previous = share.previous
      } else {
        lasts[old] = share.previous
      }
    }
    shares[place].weight = UInt32(truncatingIfNeeded: weight)
    shares[place].next = 0
    shares[place].previous = 0
    if weight > 0 {
      shares[place].previous = lasts[weight]
      if lasts[weight] != 0 { shares[Int(lasts[weight]) - 1].next = link } else { firsts[weight] = link }
      lasts[weight] = link
    }
    mostWeight = max(mostWeight, weight)
    // No more steps than the origin lost weight, which it had gained before.
    while mostWeight > 0, firsts[mostWeight] == 0 { mostWeight -= 1 }
  }
}
