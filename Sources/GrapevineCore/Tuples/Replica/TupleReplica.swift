// The map of tuples over links that lose nothing: no overlay, no members, no broadcasts.
//
// A version that is new somewhere goes at once over every link whose other end does not get it otherwise; what that
// leaves out, because a link broke or was too slow, is found by comparing maps, as between neighbours of a cluster.

/// One replica of a map of tuples, with up to 64 links to other replicas or to readers.
///
/// Links are reliable and ordered (TCP, local sockets); the driver owns them. It says when one is up or down, gives
/// `receive` what comes, and sends what `write` and `nextTuple` give, whenever a link takes more. `advance` is to be
/// called at `nextDeadline`, which may have changed after every other call.
///
/// Replicas trust each other as members of a cluster do (Docs/tuples.md); what is malformed harms nobody.
public struct TupleReplica: ~Copyable {
  let identity: MemberID
  let messageLimit: Int
  var map: TupleMap
  /// The replicas at the other ends; 0 for none.
  let peers: FixedTable<UInt64>
  /// Links to replicas, the second one to the same replica among them.
  var replicas: SlotMask = 0
  /// When all neighbours are to be asked how their maps compare, and when that is put off no longer.
  var askAt = Instant.never
  var askBy = Instant.never
  /// When memories of removals are looked through while there never was another replica.
  var forgetAt = Instant()
  var wasLinked = false
  /// Links whose other end compares, and for which the sketch is kept as it is.
  var comparers: SlotMask = 0
  /// Links on which the next message begins with news rather than with what was asked for.
  var newsFirst: SlotMask = 0
  /// What was due by then is known to the driver.
  var present = Instant()

  /// Counts since the replica was created; of messages as of datagrams.
  public internal(set) var counters = Counters()

  /// News remembered for links that do not keep up; those that are further behind are compared with. A power of two.
  /// Chosen here: a second of 65,536 writes; 1.5 MiB when all are used.
  static var newsSize: Int { 1 << 16 }

  /// Creates a replica without links.
  ///
  /// - Parameters:
  ///   - identity: This run, drawn at random; the writer of what is published here.
  ///   - rules: The limits and times.
  ///   - links: Links at once at most; 1 to 64.
  ///   - messageLimit: The longest message, in bytes, from 2,048 on; larger values travel apart, in pieces.
  ///   - seed: For what is decided by chance.
  public init(
    identity: MemberID, rules: TupleRules = TupleRules(), links: Int = 64, messageLimit: Int = 65_536,
    seed: UInt64
  ) {
    self.init(
      identity: identity, rules: rules, links: links, messageLimit: messageLimit, newsSize: Self.newsSize,
      seed: seed)
  }

  init(
    identity: MemberID, rules: TupleRules, links: Int, messageLimit: Int, newsSize: Int, seed: UInt64
  ) {
    precondition((1...64).contains(links), "a replica has 1 to 64 links")
    precondition(messageLimit >= 2_048, "messages of replicas may be no shorter than 2,048 bytes")
    self.identity = identity
    self.messageLimit = messageLimit
    map = TupleMap(
      identity: identity, rules: rules, links: links, members: 0,
      recordLimit: messageLimit - TupleNewsHeader.lengthLimit, scratch: 0, news: newsSize, seed: seed)
    peers = FixedTable(count: links)
  }

  /// Says what time of day it is: writes are dated by it, and tuples expire by it.
  ///
  /// - Parameter milliseconds: Since 1970 (UTC).
  public mutating func setTimeOfDay(milliseconds: UInt64, now: Instant) {
    map.clock.set(milliseconds: milliseconds, now: now)
  }
}

// Links.
extension TupleReplica {
  /// Says that a link is up whose other end is a replica; the maps are compared.
  ///
  /// Of several links to one replica, the first is used for as long as it is up.
  public mutating func linkUp(_ slot: Int, peer: MemberID, now: Instant) {
    linkDown(slot, now: now)
    let isSecond = slots(of: peer.value) != 0 || peer == identity
    peers[slot] = peer.value
    replicas |= 1 << SlotMask(slot)
    wasLinked = true
    map.linkUp(slot, peer: peer.value, now: now)
    if isSecond {
      map.links[slot].summaryAt = .never
    } else {
      map.news.join(slot, isReader: false)
    }
  }

  /// Says that a link is up whose other end takes plain tuples: all that are there, and then what is new.
  public mutating func readerUp(_ slot: Int) {
    linkDown(slot, now: present)
    map.news.join(slot, isReader: true)
  }

  /// Has a reader told everything again.
  public mutating func rewindReader(_ slot: Int) {
    guard map.news.readers & bit(slot) != 0 else { return }
    map.news.join(slot, isReader: true)
  }

  /// Says that a link is gone.
  public mutating func linkDown(_ slot: Int, now: Instant) {
    let wasFirst = map.news.replicas & bit(slot) != 0
    map.news.leave(slot)
    guard replicas & bit(slot) != 0 else { return }
    replicas &= ~bit(slot)
    newsFirst &= ~bit(slot)
    didCompare(slot, now: now)
    let peer = peers[slot]
    peers[slot] = 0
    map.linkDown(slot, now: now, up: replicas)
    // What others left to it may have got lost on it.
    askAll(now: now)
    let rest = slots(of: peer)
    guard wasFirst, rest != 0, peer != identity.value else { return }
    map.news.join(rest.trailingZeroBitCount, isReader: false)
    map.askSummary(rest.trailingZeroBitCount, at: now)
  }

  @inline(__always)
  func bit(_ slot: Int) -> SlotMask { 1 << SlotMask(slot) }

  /// The links to a replica.
  func slots(of peer: UInt64) -> SlotMask {
    var found: SlotMask = 0
    var rest = replicas
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      if peers[slot] == peer { found |= bit(slot) }
    }
    return found
  }
}

// What is there.
extension TupleReplica {
  /// The value of a key, valid until the next mutating call, and its version; nil when there is none.
  public func find(_ key: UnsafeRawBufferPointer) -> (value: UnsafeRawBufferPointer, version: TupleVersion)? {
    guard let place = map.table.find(key), map.table.isVisible(place) else { return nil }
    return (map.table.value(place), map.table[place].version)
  }

  /// The tuple of a key; nil when there is none.
  public func tuple(at key: UnsafeRawBufferPointer) -> Tuple? {
    guard let place = map.table.find(key), map.table.isVisible(place) else { return nil }
    return map.table.tuple(place)
  }

  /// One of the tuples, valid until the next mutating call; nil when there is none.
  public func anyTuple() -> (key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)? {
    for place in 0..<map.table.placesUsed where !map.table[place].isFree && map.table.isVisible(place) {
      return (map.table.key(place), map.table.value(place))
    }
    return nil
  }

  /// Whether there is the memory of a key's removal.
  public func remembersRemoval(_ key: UnsafeRawBufferPointer) -> Bool {
    map.table.find(key).map { map.table.traits($0).contains(.tombstone) } ?? false
  }

  /// The tuple of a key, or the memory of its removal; nil when there is neither.
  public func storedTuple(at key: UnsafeRawBufferPointer) -> StoredTuple? {
    map.table.find(key).map { map.table.stored($0) }
  }

  /// All tuples and memories of removals, in no order.
  public func storedTuples() -> [StoredTuple] {
    (0..<map.table.placesUsed).filter { !map.table[$0].isFree }.map { map.table.stored($0) }
  }

  /// The tuples whose keys begin with `prefix`, in order of their keys.
  public func tuples(prefix: [UInt8] = []) -> [Tuple] { map.table.tuples(prefix: prefix) }

  /// The number of tuples that have a value.
  public var tupleCount: Int { map.table.visibleCount }

  /// The number of removals that are remembered.
  public var tombstoneCount: Int { map.table.tombstoneCount }

  /// A number that is the same on replicas whose maps are, removals that are remembered among them.
  public var fingerprint: UInt64 { map.table.fingerprint }
}
