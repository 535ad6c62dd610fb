// What is remembered of other peers: who holds this one, who subscribed when, and who sends how much.

import GrapevineCore

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
  /// What may still be taken from it, in messages.
  var tokens: Double
  var tokensAt: Instant
}

/// The peers that anything is remembered of; what was not heard of for longest makes room.
struct ClojurePeers {
  private(set) var all: [ClojurePeer] = []
  private var places: [Endpoint: Int] = [:]
  private let limit: Int
  private let rate: Double

  init(limit: Int, rate: Int) {
    self.limit = max(1, limit)
    self.rate = Double(max(1, rate))
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
    let peer = ClojurePeer(endpoint: endpoint, touchedAt: now, tokens: rate, tokensAt: now)
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
    return update(endpoint, now: now) { peer in
      peer.tokens = min(rate, peer.tokens + Double(now.since(peer.tokensAt)) / 1e9 * rate)
      peer.tokensAt = now
      guard peer.tokens >= 1 else { return false }
      peer.tokens -= 1
      return true
    }
  }

  /// Those who hold this peer and said so since `since`.
  func holders(since: Instant) -> [Endpoint] {
    all.filter { $0.holdsAt.map { $0 >= since } ?? false }.map(\.endpoint)
  }
}
