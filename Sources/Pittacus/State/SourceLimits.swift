// How much one address may make us send, whether it is a member's or a stranger's.

import GrapevineCore

/// What one address, or those few that share a place, may still have.
struct SourceLimit: BitwiseCopyable {
  var refilledAt: Instant
  /// When it was last answered with a STATUS because of an originator that we do not know.
  var statusAt: Instant
  /// Thousandths of a datagram.
  var dataTokens: UInt32
  var statusTokens: UInt32
  var helloTokens: UInt32
  var isUsed: Bool
}

/// Token buckets, found by a hash of the address. Addresses that collide share one: nobody can make us forget a
/// bucket by sending from many.
struct SourceLimits: ~Copyable {
  private let buckets: FixedTable<SourceLimit>
  private let key: SecretKey
  private let dataRate: UInt32
  private let statusRate: UInt32

  private static let size = 1_024
  /// HELLOs of one address that are answered in a second, and at once.
  private static let helloRate: UInt32 = 4
  private static let unit: UInt32 = 1_000

  static let bytes = size * MemoryLayout<SourceLimit>.stride

  init(dataRate: Int, statusRate: Int, key: SecretKey) {
    buckets = FixedTable(count: Self.size)
    self.key = key
    self.dataRate = UInt32(clamping: dataRate)
    self.statusRate = UInt32(clamping: statusRate)
  }

  /// The bucket of an address, filled up to now.
  func bucket(of endpoint: Endpoint, now: Instant) -> Int {
    var hash = SipHash(key: key)
    hash.add(endpoint)
    let place = Int(truncatingIfNeeded: hash.finish() % UInt64(Self.size))
    var limit = buckets[place]
    if limit.isUsed {
      // In a second every bucket is full again, so nothing is gained by counting more.
      let milliseconds = UInt32(truncatingIfNeeded: min(now.since(limit.refilledAt) / 1_000_000, 1_000))
      guard milliseconds > 0 else { return place }
      limit.dataTokens = min(limit.dataTokens + milliseconds * dataRate, dataRate * Self.unit)
      limit.statusTokens = min(limit.statusTokens + milliseconds * statusRate, statusRate * Self.unit)
      limit.helloTokens = min(limit.helloTokens + milliseconds * Self.helloRate, Self.helloRate * Self.unit)
    } else {
      limit = SourceLimit(
        refilledAt: now, statusAt: Instant(), dataTokens: dataRate * Self.unit,
        statusTokens: statusRate * Self.unit, helloTokens: Self.helloRate * Self.unit, isUsed: true)
    }
    limit.refilledAt = now
    buckets[place] = limit
    return place
  }

  subscript(bucket: Int) -> SourceLimit {
    @inline(__always) _read { yield buckets[bucket] }
    @inline(__always) nonmutating _modify { yield &buckets[bucket] }
  }

  /// Takes a message for repair; false when there is none left.
  func takeData(of bucket: Int) -> Bool { Self.take(&buckets[bucket].dataTokens) }

  /// Takes a STATUS as an answer; false when there is none left.
  func takeStatus(of bucket: Int) -> Bool { Self.take(&buckets[bucket].statusTokens) }

  /// Takes the answer to a HELLO; false when there is none left.
  func takeHello(of bucket: Int) -> Bool { Self.take(&buckets[bucket].helloTokens) }

  private static func take(_ tokens: inout UInt32) -> Bool {
    guard tokens >= unit else { return false }
    tokens -= unit
    return true
  }
}
