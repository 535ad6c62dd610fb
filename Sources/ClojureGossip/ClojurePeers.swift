// What is remembered of other peers: who holds this one, who subscribed when, and who sends how much.

import GrapevineCore

/// So much per second, and as much at once.
struct ClojureBudget {
  private var tokens: Double
  private var at: Instant

  init(rate: Int, now: Instant) {
    (tokens, at) = (Double(max(1, rate)), now)
  }

  /// Takes one; false when there is none.
  mutating func pay(rate: Int, now: Instant) -> Bool {
    let rate = Double(max(1, rate))
    tokens = min(rate, tokens + Double(now.since(at)) / 1e9 * rate)
    at = now
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
  }
}

/// Another peer, as a sender or as a subscriber.
struct ClojurePeer {
  let endpoint: Endpoint
  var touchedAt: Instant
  /// When it last sent what a peer sends to the members of its view.
  var holdsAt: Instant?
  /// When its subscription was last treated here.
  var subscribedAt: Instant?
  /// How often its subscription was passed on since `sightedAt`.
  var sightings = 0
  var sightedAt = Instant()
  /// What may still be taken from it.
  var budget: ClojureBudget
}

/// The peers that anything is remembered of; what was not heard of for longest makes room.
struct ClojurePeers {
  private(set) var all: [ClojurePeer] = []
  private var places: [Endpoint: Int] = [:]
  private let limit: Int
  private let rate: Int

  init(limit: Int, rate: Int) {
    self.limit = max(1, limit)
    self.rate = rate
  }

  subscript(endpoint: Endpoint) -> ClojurePeer? { places[endpoint].map { all[$0] } }

  /// Changes what is remembered of a peer, which becomes known.
  mutating func update<Result>(
    _ endpoint: Endpoint, now: Instant, _ body: (inout ClojurePeer) -> Result
  ) -> Result {
    let place = places[endpoint] ?? add(endpoint, now: now)
    all[place].touchedAt = now
    return body(&all[place])
  }

  private mutating func add(_ endpoint: Endpoint, now: Instant) -> Int {
    let peer = ClojurePeer(endpoint: endpoint, touchedAt: now, budget: ClojureBudget(rate: rate, now: now))
    var place = all.count
    if all.count < limit {
      all.append(peer)
    } else {
      place = all.indices.min { all[$0].touchedAt < all[$1].touchedAt } ?? 0
      places[all[place].endpoint] = nil
      all[place] = peer
    }
    places[endpoint] = place
    return place
  }

  /// Whether one more message may be taken from a peer.
  mutating func pay(_ endpoint: Endpoint, now: Instant) -> Bool {
    let rate = rate
    return update(endpoint, now: now) { $0.budget.pay(rate: rate, now: now) }
  }

  /// Those who hold this peer and said so since `since`.
  func holders(since: Instant) -> [Endpoint] {
    all.filter { $0.holdsAt.map { $0 >= since } ?? false }.map(\.endpoint)
  }
}
