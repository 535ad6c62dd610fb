// Messages that are here and must wait for others.
//
// Each waits for one message at a time: the first that it finds missing of those that it has to come after. When that
// one has come and been delivered, it looks on from there: what was once found to be here stays so. So what arrives costs
// nothing but a look into an index, however many wait, and a message costs one look at each that it names.

/// What a message has to come after, and how much of that was found to be here.
struct OrderScan: BitwiseCopyable {
  /// See `OrderedMessage`.
  var predecessor = OrderedMessage.Predecessor.none
  /// Where in its bytes the next dependency to look at lies, and where they end.
  var position: UInt32 = 0
  var end: UInt32 = 0
  var isPastPredecessor = false
  var isCausal = false
  /// Some of what was found to be here is not, and will not come: it was forgotten before this node joined.
  var namesHistory = false

  init() {}

  /// Nothing was looked at.
  init(_ message: OrderedMessage) {
    predecessor = message.predecessor
    isCausal = message.order == .causal
    position = UInt32(truncatingIfNeeded: message.headLength - message.dependencies.count)
    end = UInt32(truncatingIfNeeded: message.headLength)
  }
}

/// A message that waits.
struct HeldMessage: BitwiseCopyable {
  /// What it is; the origin is 0 when the place is free.
  var origin: UInt64 = 0
  var sequence: UInt64 = 0
  /// What it waits for; the origin is 0 when it is ready.
  var awaitedOrigin: UInt64 = 0
  var awaitedSequence: UInt64 = 0
  var heldAt = Instant()
  var scan = OrderScan()
  /// Where its bytes lie.
  var offset: UInt32 = 0
  var length: UInt32 = 0
  /// The places of those held before and after it, of the next that waits for the same or is ready as well, or of the
  /// next free place; each one more than the place, 0 for none.
  var older: UInt32 = 0
  var newer: UInt32 = 0
  var next: UInt32 = 0
  /// The place of its origin's share, and the places of those of that origin that are held before and after it.
  var share: UInt32 = 0
  var olderOfOrigin: UInt32 = 0
  var newerOfOrigin: UInt32 = 0
  var hops: UInt8 = 0
  /// Nobody here wants it: it is held for the sake of what comes after it, without its body.
  var isGhost = false
  /// It announces a large message, and waits for all of that too.
  var isLarge = false
  /// It waits no longer, whatever is missing.
  var isForced = false

  init() {}
}

/// A bounded buffer of messages that wait.
struct HoldBack: ~Copyable {
  private let messages: FixedTable<HeldMessage>
  private let bytes: FixedTable<UInt8>
  private let byName: PlaceIndex
  /// Of all that wait for one message, the first.
  private let byAwaited: PlaceIndex
  private let key: SecretKey
  private let byteLimit: Int
  private var shares: HoldShares
  private(set) var count = 0
  private(set) var bytesHeld = 0
  private var bytesEnd = 0
  private var placesUsed = 0
  private var free: UInt32 = 0
  /// In the order of their coming.
  private var oldestLink: UInt32 = 0
  private var newestLink: UInt32 = 0
  /// Those that may be ready, in the order in which they became so.
  private var readyFirst: UInt32 = 0
  private var readyLast: UInt32 = 0

  init(_ rules: OrderRules, key: SecretKey) {
    self.key = key
    byteLimit = rules.holdBackBytes
    messages = FixedTable(count: rules.holdBackMessages)
    // Twice as many as are held, so that they are moved together no more often than all of them are replaced.
    bytes = FixedTable(count: 2 * rules.holdBackBytes)
    byName = PlaceIndex(capacity: rules.holdBackMessages)
    byAwaited = PlaceIndex(capacity: rules.holdBackMessages)
    shares = HoldShares(messages: rules.holdBackMessages, key: key)
  }

  static func bytes(_ rules: OrderRules) -> Int {
    rules.holdBackMessages * MemoryLayout<HeldMessage>.stride + 2 * rules.holdBackBytes
      + 2 * PlaceIndex.bytes(capacity: rules.holdBackMessages)
      + HoldShares.bytes(messages: rules.holdBackMessages)
  }

  subscript(place: Int) -> HeldMessage { messages[place] }

  private func hash(_ origin: UInt64, _ sequence: UInt64) -> UInt64 {
    var hash = SipHash(key: key)
    hash.add(origin)
    hash.add(sequence)
    return hash.finish()
  }

  func contains(_ origin: UInt64, _ sequence: UInt64) -> Bool {
    guard count > 0 else { return false }
    return byName.find(hash(origin, sequence)) { place in
      messages[place].sequence == sequence && messages[place].origin == origin
    } != nil
  }

  /// The number of a message of `origin` that is held and comes before `sequence`; nil when there is none.
  func earlier(of origin: UInt64, than sequence: UInt64) -> UInt64? {
    guard let share = shares.find(origin) else { return nil }
    var link = shares[share].oldest
    while link != 0 {
      let held = messages[Int(link) - 1]
      if held.sequence < sequence { return held.sequence }
      link = held.newerOfOrigin
    }
    return nil
  }

  func hasRoom(for length: Int) -> Bool { count < messages.count && bytesHeld + length <= byteLimit }

  /// What a message weighs: its part of the places and of the bytes, in places.
  private func weight(_ length: Int) -> Int { 1 + length * messages.count / byteLimit }

  /// The message that gives way to another one for which there is no room: the oldest of the origin that takes the
  /// most with that one, which may be its own.
  func victim(for origin: UInt64, length: Int) -> Int? {
    guard let heaviest = shares.heaviest else { return nil }
    if let own = shares.find(origin), Int(shares[own].weight) + weight(length) >= Int(shares[heaviest].weight)
    {
      return Int(shares[own].oldest) - 1
    }
    return Int(shares[heaviest].oldest) - 1
  }

  /// The bytes of a message that is held; valid until another one is.
  func payload(_ place: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: bytes.pointer(at: Int(messages[place].offset)), count: Int(messages[place].length))
  }

  /// Holds a message that is not held yet; call only when `hasRoom(for:)` its bytes.
  ///
  /// - Parameter message: Its name, its scan, its hops and whether it is a ghost; the rest is filled in.
  mutating func hold(
    _ message: HeldMessage, _ payload: UnsafeRawBufferPointer,
    awaiting awaited: (origin: UInt64, sequence: UInt64), now: Instant
  ) {
    precondition(hasRoom(for: payload.count), "no room in the hold-back buffer")
    var place = placesUsed
    if free != 0 {
      place = Int(free) - 1
      free = messages[place].next
    } else {
      placesUsed += 1
    }
    if bytesEnd + payload.count > bytes.count { compact() }
    var held = message
    held.heldAt = now
    held.offset = UInt32(truncatingIfNeeded: bytesEnd)
    held.length = UInt32(truncatingIfNeeded: payload.count)
    held.older = newestLink
    messages[place] = held
    if let source = payload.baseAddress {
      UnsafeMutableRawPointer(bytes.pointer(at: bytesEnd)).copyMemory(from: source, byteCount: payload.count)
    }
    bytesEnd += payload.count
    bytesHeld += payload.count
    let link = UInt32(truncatingIfNeeded: place + 1)
    if newestLink != 0 { messages[Int(newestLink) - 1].newer = link } else { oldestLink = link }
    newestLink = link
    count += 1
    enterShare(place, link)
    byName.enter(place, hash(held.origin, held.sequence))
    wait(for: awaited, place)
  }

  private mutating func enterShare(_ place: Int, _ link: UInt32) {
    let share = shares.add(messages[place].origin, weight: weight(Int(messages[place].length)))
    messages[place].share = UInt32(truncatingIfNeeded: share)
    let before = shares[share].newest
    messages[place].olderOfOrigin = before
    if before != 0 { messages[Int(before) - 1].newerOfOrigin = link } else { shares[share].oldest = link }
    shares[share].newest = link
  }

  private mutating func leaveShare(_ held: HeldMessage) {
    let share = Int(held.share)
    if held.olderOfOrigin != 0 {
      messages[Int(held.olderOfOrigin) - 1].newerOfOrigin = held.newerOfOrigin
    } else {
      shares[share].oldest = held.newerOfOrigin
    }
    if held.newerOfOrigin != 0 {
      messages[Int(held.newerOfOrigin) - 1].olderOfOrigin = held.olderOfOrigin
    } else {
      shares[share].newest = held.olderOfOrigin
    }
    shares.remove(share, weight: weight(Int(held.length)))
  }

  /// Moves all bytes together: they lie in the order in which their messages came.
  private mutating func compact() {
    var end = 0
    var link = oldestLink
    while link != 0 {
      let place = Int(link) - 1
      let held = messages[place]
      UnsafeMutableRawPointer(bytes.pointer(at: end)).copyMemory(
        from: UnsafeRawPointer(bytes.pointer(at: Int(held.offset))), byteCount: Int(held.length))
      messages[place].offset = UInt32(truncatingIfNeeded: end)
      end += Int(held.length)
      link = held.newer
    }
    bytesEnd = end
  }

  /// Notes how much of what a message comes after is here.
  mutating func note(_ scan: OrderScan, _ place: Int) { messages[place].scan = scan }

  private func firstWaiting(for awaited: (origin: UInt64, sequence: UInt64)) -> Int? {
    byAwaited.find(hash(awaited.origin, awaited.sequence)) { place in
      messages[place].awaitedSequence == awaited.sequence && messages[place].awaitedOrigin == awaited.origin
    }
  }

  private func leaveAwaited(_ place: Int) {
    byAwaited.leave(place) { hash(messages[$0].awaitedOrigin, messages[$0].awaitedSequence) }
  }

  /// Lets a message that is not ready, or is no longer, wait for another one.
  mutating func wait(for awaited: (origin: UInt64, sequence: UInt64), _ place: Int) {
    let first = firstWaiting(for: awaited)
    (messages[place].awaitedOrigin, messages[place].awaitedSequence) = awaited
    if let first {
      messages[place].next = messages[first].next
      messages[first].next = UInt32(truncatingIfNeeded: place + 1)
    } else {
      messages[place].next = 0
      byAwaited.enter(place, hash(awaited.origin, awaited.sequence))
    }
  }

  /// A message has come and is not held, or no longer: what waited for it may be ready.
  mutating func wake(_ awaited: (origin: UInt64, sequence: UInt64)) {
    guard let first = firstWaiting(for: awaited) else { return }
    leaveAwaited(first)
    var link = UInt32(truncatingIfNeeded: first + 1)
    while link != 0 {
      let place = Int(link) - 1
      link = messages[place].next
      becomeReady(place)
    }
  }

  /// What is missing of `origin` up to `floor` was given up: what waited for any of that may be ready.
  mutating func wake(origin: UInt64, through floor: UInt64) {
    var link = oldestLink
    while link != 0 {
      let held = messages[Int(link) - 1]
      link = held.newer
      if held.awaitedOrigin == origin, held.awaitedSequence <= floor {
        // Others of its chain become ready with it.
        wake((origin, held.awaitedSequence))
      }
    }
  }

  private mutating func becomeReady(_ place: Int) {
    messages[place].awaitedOrigin = 0
    messages[place].next = 0
    let link = UInt32(truncatingIfNeeded: place + 1)
    if readyLast != 0 { messages[Int(readyLast) - 1].next = link } else { readyFirst = link }
    readyLast = link
  }

  /// The first that may be ready; it stays so until `wait` or `remove` says otherwise.
  var ready: Int? { readyFirst == 0 ? nil : Int(readyFirst) - 1 }

  /// Takes the first off those that may be ready.
  mutating func unready() {
    guard let place = ready else { return }
    readyFirst = messages[place].next
    if readyFirst == 0 { readyLast = 0 }
    messages[place].next = 0
  }

  /// The one held longest.
  var oldest: Int? { oldestLink == 0 ? nil : Int(oldestLink) - 1 }

  /// The one that came after another one; nil for the last.
  func newer(than place: Int) -> Int? { messages[place].newer == 0 ? nil : Int(messages[place].newer) - 1 }

  /// Lets a message wait no longer.
  mutating func force(_ place: Int) {
    guard messages[place].awaitedOrigin != 0 else { return }
    let awaited = (messages[place].awaitedOrigin, messages[place].awaitedSequence)
    let link = UInt32(truncatingIfNeeded: place + 1)
    if let first = firstWaiting(for: awaited), first != place {
      var previous = first
      while messages[previous].next != link, messages[previous].next != 0 {
        previous = Int(messages[previous].next) - 1
      }
      messages[previous].next = messages[place].next
    } else {
      leaveAwaited(place)
      let heir = messages[place].next
      if heir != 0 { byAwaited.enter(Int(heir) - 1, hash(awaited.0, awaited.1)) }
    }
    messages[place].isForced = true
    becomeReady(place)
  }

  /// Frees the place of a message that was taken off those that are ready.
  mutating func remove(_ place: Int) {
    byName.leave(place) { hash(messages[$0].origin, messages[$0].sequence) }
    let held = messages[place]
    if held.older != 0 { messages[Int(held.older) - 1].newer = held.newer } else { oldestLink = held.newer }
    if held.newer != 0 { messages[Int(held.newer) - 1].older = held.older } else { newestLink = held.older }
    leaveShare(held)
    bytesHeld -= Int(held.length)
    count -= 1
    if count == 0 { bytesEnd = 0 }
    messages[place] = HeldMessage()
    messages[place].next = free
    free = UInt32(truncatingIfNeeded: place + 1)
  }
}
