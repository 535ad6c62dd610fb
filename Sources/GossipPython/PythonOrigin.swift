// What is known of one originator: which of its messages came, and the last of them for those who lack them.
//
// Numbers go from 1 to 9,999 and no further, so one bit for each of them is a window that never has to slide:
// an old message that comes late is told from a repeated one, however late it is.

import GrapevineCore

/// An originator.
struct PythonOrigin {
  /// The last number that the wire can carry.
  static let lastSequence = 9_999
  private static let words = lastSequence / 64 + 1
  static let windowBytes = words * 8

  let id: [UInt8]
  let isOwn: Bool
  /// Nothing is missing up to here, or was given up.
  private(set) var floor = 0
  /// The highest number that came.
  private(set) var highest = 0
  /// The highest number that a peer says there is.
  var claimed = 0
  /// Who said so last.
  var claimant: Endpoint?
  /// When it was last heard of.
  var heardAt: Instant
  /// Since when the first missing number is missed.
  private(set) var missingSince: Instant
  /// Messages before this one are in no log any more, a peer says.
  private(set) var evictedBelow = 0
  /// How often it was asked for without anything coming.
  var vainAsks = 0
  private var seen: [UInt64]
  private var log: [(sequence: Int, payload: [UInt8])?]

  init(id: [UInt8], isOwn: Bool, logLimit: Int, now: Instant) {
    (self.id, self.isOwn) = (id, isOwn)
    (heardAt, missingSince) = (now, now)
    seen = Array(repeating: 0, count: Self.words)
    log = Array(repeating: nil, count: max(1, logLimit))
  }

  /// Whether messages are missing that there are.
  var isBehind: Bool { floor < max(claimed, highest) }

  func contains(_ sequence: Int) -> Bool {
    sequence <= floor || seen[sequence >> 6] & 1 << UInt64(sequence & 63) != 0
  }

  /// Takes a message that did not come before; `sequence` is from 1 to `lastSequence`.
  mutating func insert(_ sequence: Int, _ payload: [UInt8], now: Instant) {
    // What is only claimed may have been missed for long: a gap among what came has its own time.
    if highest <= floor { missingSince = now }
    seen[sequence >> 6] |= 1 << UInt64(sequence & 63)
    highest = max(highest, sequence)
    vainAsks = 0
    let place = sequence % log.count
    if sequence >= log[place]?.sequence ?? 0 { log[place] = (sequence, payload) }
    raiseFloor(now: now)
  }

  private mutating func raiseFloor(now: Instant) {
    while floor < highest, seen[(floor + 1) >> 6] & 1 << UInt64((floor + 1) & 63) != 0 {
      floor += 1
      missingSince = now
    }
  }

  /// Notes that a peer has this message, and that those before it have left its log. Of an originator of whom
  /// nothing was ever missed they are from before our time, and no gap.
  mutating func noteEviction(before sequence: Int, now: Instant) {
    evictedBelow = max(evictedBelow, sequence)
    guard floor == 0, sequence > 1 else { return }
    floor = sequence - 1
    raiseFloor(now: now)
  }

  /// Up to where nothing is missing that logs still have: what to ask from.
  var resume: Int {
    guard evictedBelow > floor else { return floor }
    var last = evictedBelow - 1
    while last < highest, contains(last + 1) { last += 1 }
    return last
  }

  /// Notes that a peer has messages up to `sequence`.
  mutating func claim(_ sequence: Int, by peer: Endpoint, now: Instant) {
    if !isBehind { missingSince = now }
    if sequence > floor { claimant = peer }
    claimed = max(claimed, sequence)
  }

  /// Gives up what is missing before the next message that came, or what only claims say there is. Those never
  /// raise the floor: a message that comes after all is taken, whatever a peer said before.
  mutating func giveUp(now: Instant) {
    var next = floor + 1
    while next <= highest, !contains(next) { next += 1 }
    floor = max(floor, next <= highest ? next - 1 : highest)
    if floor >= highest { claimed = highest }
    (missingSince, vainAsks) = (now, 0)
    raiseFloor(now: now)
  }

  /// The payload of a message, while it is in the log.
  func payload(_ sequence: Int) -> [UInt8]? {
    guard let entry = log[sequence % log.count], entry.sequence == sequence else { return nil }
    return entry.payload
  }

  /// Whether what came before a number has left the log.
  func hasEvicted(before sequence: Int) -> Bool { sequence > 1 && sequence <= highest - log.count + 1 }

  /// The lowest number after `sequence` that is in the log.
  func nextLogged(after sequence: Int) -> Int? {
    var next = max(sequence, highest - log.count) + 1
    while next <= highest {
      if payload(next) != nil { return next }
      next += 1
    }
    return nil
  }
}

/// All originators, the one that this peer is included.
struct PythonOrigins {
  private(set) var all: [PythonOrigin] = []
  /// The place of the originator that this peer is now.
  private(set) var own: Int?
  private var places: [[UInt8]: Int] = [:]
  private let limit: Int
  private let idle: Nanoseconds
  private let logLimit: Int

  init(_ configuration: GossipPythonConfiguration) {
    limit = max(1, configuration.originLimit)
    idle = configuration.originIdle.asNanoseconds
    logLimit = configuration.logLimit
  }

  subscript(place: Int) -> PythonOrigin {
    get { all[place] }
    _modify { yield &all[place] }
  }

  func place(of id: [UInt8]) -> Int? { places[id] }

  /// The place of an originator, which becomes known when there is room; the one that was idle for longest makes
  /// room when that is long enough, and one without messages at once.
  mutating func place(ofOther id: [UInt8], now: Instant) -> Int? {
    if let place = places[id] { return place }
    return add(PythonOrigin(id: id, isOwn: false, logLimit: logLimit, now: now), patience: idle, now: now)
  }

  /// Enters the originator that this peer is from now on. It keeps its place until there is another; a name that
  /// this peer had before is kept no longer than others' are.
  mutating func addOwn(_ id: [UInt8], now: Instant) {
    let former = own
    own = nil
    let origin = PythonOrigin(id: id, isOwn: true, logLimit: logLimit, now: now)
    own = add(origin, patience: 0, now: now) ?? former
  }

  /// - Parameter patience: How long the one that makes room must have been idle.
  private mutating func add(_ origin: PythonOrigin, patience: Nanoseconds, now: Instant) -> Int? {
    // This peer's own name takes none of the room.
    if all.count <= limit {
      all.append(origin)
      places[origin.id] = all.count - 1
      return all.count - 1
    }
    var oldest: Int?
    for place in all.indices where place != own {
      guard let other = oldest else {
        oldest = place
        continue
      }
      let (isEmpty, isOtherEmpty) = (all[place].highest == 0, all[other].highest == 0)
      let isOlder = all[place].heardAt < all[other].heardAt
      if isEmpty == isOtherEmpty ? isOlder : isEmpty { oldest = place }
    }
    guard let place = oldest,
      all[place].highest == 0 || now.since(all[place].heardAt) >= patience
    else { return nil }
    places[all[place].id] = nil
    all[place] = origin
    places[origin.id] = place
    return place
  }
}
