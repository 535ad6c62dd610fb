// Whom we know: one record an address.

import GrapevineCore

/// One known member.
struct MemberRecord: BitwiseCopyable {
  var member: PittacusMember
  /// When it became known.
  var knownSince: Instant
  /// When it last sent something that nobody had asked it for: then it has us among its members.
  var spokeAt: Instant
  /// When the first datagram left that it should have answered and did not; never when there is none.
  var awaitingSince: Instant
  /// When it was last sent a HELLO.
  var greetedAt: Instant
  /// Whether a datagram came from its address.
  var isHeard = false
  /// Whether it answered something of ours from its address, so that it receives there.
  var isProven = false
  /// Whether the others are still to be told of it.
  var isUnannounced = false
}

/// The members, in places that do not move, and in the order in which they were met.
struct MemberTable: ~Copyable {
  private let records: FixedTable<MemberRecord>
  private let order: FixedTable<UInt16>
  private let free: FixedTable<UInt16>
  private let index: PlaceIndex
  private let key: SecretKey
  private var freeCount = 0
  /// Places that were ever used.
  private var used = 0
  /// The number of members.
  private(set) var count = 0

  init(capacity: Int, key: SecretKey) {
    records = FixedTable(count: capacity)
    order = FixedTable(count: capacity)
    free = FixedTable(count: capacity)
    index = PlaceIndex(capacity: capacity)
    self.key = key
  }

  static func bytes(capacity: Int) -> Int {
    capacity * (MemoryLayout<MemberRecord>.stride + 4) + PlaceIndex.bytes(capacity: capacity)
  }

  var isFull: Bool { count == records.count }

  /// The place of the member that is known for longest of those that nothing ever came from.
  var firstUnheard: Int? {
    for number in 0..<count where !records[place(number)].isHeard { return place(number) }
    return nil
  }

  /// The place of the `number`th member in the order of meeting; `number` is below `count`.
  func place(_ number: Int) -> Int { Int(order[number]) }

  subscript(place: Int) -> MemberRecord {
    @inline(__always) _read { yield records[place] }
    @inline(__always) nonmutating _modify { yield &records[place] }
  }

  /// The record at a place that may have been left since; nil when it is empty.
  func member(at place: Int) -> PittacusMember? {
    guard place >= 0, place < used else { return nil }
    let member = records[place].member
    return find(member.endpoint) == place ? member : nil
  }

  /// The place of the member at an address.
  func find(_ endpoint: Endpoint) -> Int? {
    index.find(hash(endpoint)) { records[$0].member.endpoint == endpoint }
  }

  /// Adds a member whose address is not there yet; nil when there is no room.
  mutating func add(_ member: PittacusMember, now: Instant) -> Int? {
    guard !isFull else { return nil }
    let place: Int
    if freeCount > 0 {
      freeCount -= 1
      place = Int(free[freeCount])
    } else {
      place = used
      used += 1
    }
    records[place] = MemberRecord(
      member: member, knownSince: now, spokeAt: now, awaitingSince: .never, greetedAt: Instant())
    index.enter(place, hash(member.endpoint))
    order[count] = UInt16(truncatingIfNeeded: place)
    count += 1
    return place
  }

  mutating func remove(_ place: Int) {
    guard let position = (0..<count).first(where: { Int(order[$0]) == place }) else { return }
    index.leave(place) { hash(records[$0].member.endpoint) }
    for next in position + 1..<max(position + 1, count) { order[next - 1] = order[next] }
    count -= 1
    free[freeCount] = UInt16(truncatingIfNeeded: place)
    freeCount += 1
  }

  mutating func removeAll() {
    index.removeAll()
    (count, used, freeCount) = (0, 0, 0)
  }

  private func hash(_ endpoint: Endpoint) -> UInt64 {
    var hash = SipHash(key: key)
    hash.add(endpoint)
    return hash.finish()
  }
}
