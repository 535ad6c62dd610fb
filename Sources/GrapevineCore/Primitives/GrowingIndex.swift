// Finding a place in a large table of which little may be used.

/// A hash index over the places of a table that grows by one bucket with each entry: linear hashing (Litwin, VLDB
/// 1980), with chains.
///
/// It takes 12 bytes an entry whatever the table's capacity, and no entry ever waits for a rehash of all. 32 bits of
/// each hash are kept beside the chains: what the table has is looked at only where it is most likely the one that is
/// looked for, and never to move an entry to another bucket.
struct GrowingIndex: ~Copyable {
  /// The first place of each bucket's chain, plus 1, and what is known of each place.
  private let heads: FixedTable<UInt32>
  private let links: FixedTable<GrowingLink>
  private var count = 0
  private var buckets = GrowingIndex.leastBuckets
  /// The greatest power of two that is not above `buckets`, minus 1.
  private var mask: UInt64 = UInt64(GrowingIndex.leastBuckets - 1)

  private static var leastBuckets: Int { 16 }

  /// An empty index for a table of `capacity` places.
  init(capacity: Int) {
    heads = FixedTable(count: max(capacity, Self.leastBuckets))
    links = FixedTable(count: capacity)
  }

  /// Bytes of the index of a full table of `capacity` places.
  static func bytes(capacity: Int) -> Int {
    max(capacity, leastBuckets) * MemoryLayout<UInt32>.stride + capacity * MemoryLayout<GrowingLink>.stride
  }

  /// The bucket of a hash, or of the part of it that is kept: there are never 2^32 buckets.
  @inline(__always)
  private func bucket(_ hash: UInt64) -> Int {
    let wide = Int(truncatingIfNeeded: hash & (mask << 1 | 1))
    return wide < buckets ? wide : Int(truncatingIfNeeded: hash & mask)
  }

  /// The place of the given hash for which `isIt` says so; nil when there is none.
  @inline(__always)
  func find(_ hash: UInt64, _ isIt: (Int) -> Bool) -> Int? {
    var next = heads[bucket(hash)]
    while next != 0 {
      let place = Int(next) - 1
      let link = links[place]
      if link.hash == UInt32(truncatingIfNeeded: hash), isIt(place) { return place }
      next = link.next
    }
    return nil
  }

  /// Enters a place that is not there yet.
  mutating func enter(_ place: Int, _ hash: UInt64) {
    if count >= buckets, buckets < heads.count { split() }
    links[place].hash = UInt32(truncatingIfNeeded: hash)
    link(place, to: bucket(hash))
    count += 1
  }

  /// Takes a place out that was entered with the given hash.
  mutating func leave(_ place: Int, _ hash: UInt64) {
    let bucket = bucket(hash)
    var next = heads[bucket]
    var before: Int?
    while next != 0 {
      let found = Int(next) - 1
      next = links[found].next
      if found == place {
        if let before { links[before].next = next } else { heads[bucket] = next }
        links[found].next = 0
        count -= 1
        return
      }
      before = found
    }
  }

  @inline(__always)
  private func link(_ place: Int, to bucket: Int) {
    links[place].next = heads[bucket]
    heads[bucket] = UInt32(truncatingIfNeeded: place + 1)
  }

  /// Adds a bucket, and moves there what belongs to it out of the one that it is split from.
  private mutating func split() {
    let old = buckets - Int(truncatingIfNeeded: mask) - 1
    buckets += 1
    if UInt64(buckets) == (mask + 1) << 1 { mask = mask << 1 | 1 }
    var next = heads[old]
    heads[old] = 0
    while next != 0 {
      let place = Int(next) - 1
      next = links[place].next
      link(place, to: bucket(UInt64(links[place].hash)))
    }
  }
}

/// A place in its bucket's chain: the next one, plus 1, and the low bits of its hash.
struct GrowingLink: BitwiseCopyable {
  var next: UInt32 = 0
  var hash: UInt32 = 0

  init() {}
}
