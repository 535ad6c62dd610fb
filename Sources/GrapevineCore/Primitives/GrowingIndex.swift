// Finding a place in a large table of which little may be used.

/// A hash index over the places of a table that grows by one bucket with each entry: linear hashing (Litwin, VLDB
/// 1980), with chains.
///
/// It takes 8 bytes an entry whatever the table's capacity, and no entry ever waits for a rehash of all.
struct GrowingIndex: ~Copyable {
  /// The first place of each bucket's chain, plus 1, and the next one of each place.
  private let heads: FixedTable<UInt32>
  private let nexts: FixedTable<UInt32>
  private var count = 0
  private var buckets = GrowingIndex.leastBuckets
  /// The greatest power of two that is not above `buckets`, minus 1.
  private var mask: UInt64 = UInt64(GrowingIndex.leastBuckets - 1)

  private static var leastBuckets: Int { 16 }

  /// An empty index for a table of `capacity` places.
  init(capacity: Int) {
    heads = FixedTable(count: max(capacity, Self.leastBuckets))
    nexts = FixedTable(count: capacity)
  }

  /// Bytes of the index of a full table of `capacity` places.
  static func bytes(capacity: Int) -> Int { 2 * max(capacity, leastBuckets) * MemoryLayout<UInt32>.stride }

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
      if isIt(place) { return place }
      next = nexts[place]
    }
    return nil
  }

  /// Enters a place that is not there yet; `hashOf` gives the hash of every place that is.
  mutating func enter(_ place: Int, _ hash: UInt64, hashOf: (Int) -> UInt64) {
    if count >= buckets, buckets < heads.count { split(hashOf: hashOf) }
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
      next = nexts[found]
      if found == place {
        if let before { nexts[before] = next } else { heads[bucket] = next }
        nexts[found] = 0
        count -= 1
        return
      }
      before = found
    }
  }

  @inline(__always)
  private func link(_ place: Int, to bucket: Int) {
    nexts[place] = heads[bucket]
    heads[bucket] = UInt32(truncatingIfNeeded: place + 1)
  }

  /// Adds a bucket, and moves there what belongs to it out of the one that it is split from.
  private mutating func split(hashOf: (Int) -> UInt64) {
    let old = buckets - Int(truncatingIfNeeded: mask) - 1
    buckets += 1
    if UInt64(buckets) == (mask + 1) << 1 { mask = mask << 1 | 1 }
    var next = heads[old]
    heads[old] = 0
    while next != 0 {
      let place = Int(next) - 1
      next = nexts[place]
      link(place, to: bucket(hashOf(place)))
    }
  }
}
