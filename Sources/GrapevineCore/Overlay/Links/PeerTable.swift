// Members known by address, without a link: the passive view, and those that were lost.

/// A member that is not a neighbour.
struct Peer: BitwiseCopyable {
  var id: UInt64
  var endpoint: Endpoint
  /// Not to be tried before this.
  var notBefore: Instant
  /// Attempts in vain.
  var failures: UInt8 = 0
}

/// A bounded set of peers, by endpoint. When it is full, a newcomer takes the place of a random one, so that
/// whoever sends many addresses displaces some of what is known and never all in one stroke.
struct PeerTable: ~Copyable {
  private let peers: FixedTable<Peer>
  private(set) var count = 0

  init(capacity: Int) {
    peers = FixedTable(count: capacity)
  }

  subscript(index: Int) -> Peer {
    precondition(index < count, "peer index out of range")
    return peers[index]
  }

  func index(of endpoint: Endpoint) -> Int? {
    for index in 0..<count where peers[index].endpoint == endpoint { return index }
    return nil
  }

  /// Inserts a peer, or renews the id of one with the same endpoint.
  mutating func insert(_ record: PeerRecord, notBefore: Instant, using generator: inout Generator) {
    if let known = index(of: record.endpoint) {
      peers[known].id = record.id
      return
    }
    let peer = Peer(id: record.id, endpoint: record.endpoint, notBefore: notBefore)
    if count < peers.count {
      peers[count] = peer
      count += 1
    } else {
      peers[generator.below(count)] = peer
    }
  }

  mutating func remove(_ endpoint: Endpoint) {
    guard let index = index(of: endpoint) else { return }
    count -= 1
    peers[index] = peers[count]
  }

  /// Notes an attempt in vain: the next comes later each time, and none after the last.
  mutating func fail(_ endpoint: Endpoint, now: Instant) {
    guard let index = index(of: endpoint) else { return }
    peers[index].failures += 1
    guard peers[index].failures < Self.failureLimit else { return remove(endpoint) }
    peers[index].notBefore = now + Self.firstPause << UInt64(peers[index].failures - 1)
  }

  /// Attempts after which a lost member is forgotten, and the pause behind the first, which doubles. Chosen
  /// here: tried for some three hours.
  private static var failureLimit: UInt8 { 11 }
  private static var firstPause: Nanoseconds { 10_000_000_000 }

  func delay(_ endpoint: Endpoint, until instant: Instant) {
    guard let index = index(of: endpoint) else { return }
    peers[index].notBefore = instant
  }

  /// A random peer that may be tried at `now`.
  func pick(now: Instant, using generator: inout Generator) -> Peer? {
    guard count > 0 else { return nil }
    let start = generator.below(count)
    for step in 0..<count {
      let peer = peers[(start + step) % count]
      if peer.notBefore <= now { return peer }
    }
    return nil
  }

  /// The earliest time at which a peer may be tried; `never` when there is none.
  var firstEligible: Instant {
    var first = Instant.never
    for index in 0..<count { first = min(first, peers[index].notBefore) }
    return first
  }
}
