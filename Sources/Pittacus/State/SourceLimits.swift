// How much one address may make us send: a member's, or all ports of a stranger's host together.

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

/// What a bucket gets in a second, and holds.
struct SourceRates {
  let data: UInt32
  let status: UInt32
  let hello: UInt32

  /// Messages in a second that all strangers of one host are sent for repair: the latest of three originators for
  /// each of four STATUS.
  static let strangerData: UInt32 = 12
}

/// Token buckets, found by a hash of the address. Addresses that collide share one: nobody can make us forget a
/// bucket by sending from many. Members that have shown that they receive have buckets apart, which strangers cannot
/// empty.
struct SourceLimits: ~Copyable {
  private let buckets: FixedTable<SourceLimit>
  private let key: SecretKey
  private let member: SourceRates
  private let stranger: SourceRates

  /// Buckets of each kind.
  private static let size = 1_024
  private static let unit: UInt32 = 1_000

  static let bytes = 2 * size * MemoryLayout<SourceLimit>.stride

  init(dataRate: Int, statusRate: Int, key: SecretKey) {
    buckets = FixedTable(count: 2 * Self.size)
    self.key = key
    member = SourceRates(data: UInt32(clamping: dataRate), status: UInt32(clamping: statusRate), hello: 4)
    // Hosts with many peers join at once: their HELLOs share a bucket.
    stranger = SourceRates(
      data: min(member.data, SourceRates.strangerData), status: member.status, hello: 32)
  }

  /// The bucket of an address, filled up to now; that of its host unless it is a member that has shown that it
  /// receives there, because a forger has all ports of a host for nothing.
  func bucket(of endpoint: Endpoint, isProven: Bool, now: Instant) -> Int {
    var address = endpoint
    if !isProven { (address.port, address.scope) = (0, 0) }
    var hash = SipHash(key: key)
    hash.add(address)
    let place = Int(truncatingIfNeeded: hash.finish() % UInt64(Self.size)) + (isProven ? Self.size : 0)
    let rates = isProven ? member : stranger
    var limit = buckets[place]
    if limit.isUsed {
      // In a second every bucket is full again, so nothing is gained by counting more.
      let milliseconds = UInt32(truncatingIfNeeded: min(now.since(limit.refilledAt) / 1_000_000, 1_000))
      guard milliseconds > 0 else { return place }
      limit.dataTokens = min(limit.dataTokens + milliseconds * rates.data, rates.data * Self.unit)
      limit.statusTokens = min(limit.statusTokens + milliseconds * rates.status, rates.status * Self.unit)
      limit.helloTokens = min(limit.helloTokens + milliseconds * rates.hello, rates.hello * Self.unit)
    } else {
      limit = SourceLimit(
        refilledAt: now, statusAt: Instant(), dataTokens: rates.data * Self.unit,
        statusTokens: rates.status * Self.unit, helloTokens: rates.hello * Self.unit, isUsed: true)
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

  /// Takes the comparison with a STATUS and its answer; false when there is none left.
  func takeStatus(of bucket: Int) -> Bool { Self.take(&buckets[bucket].statusTokens) }

  /// Takes the answer to a HELLO; false when there is none left.
  func takeHello(of bucket: Int) -> Bool { Self.take(&buckets[bucket].helloTokens) }

  private static func take(_ tokens: inout UInt32) -> Bool {
    guard tokens >= unit else { return false }
    tokens -= unit
    return true
  }
}
