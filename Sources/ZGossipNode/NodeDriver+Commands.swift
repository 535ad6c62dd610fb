// What the actor asks of the driver, on the loop's thread.

import GrapevineCore
import GrapevineTransport
import ZGossip
import ZeroMQ

extension NodeDriver {
  /// Whether `close` was called.
  var isEnding: Bool { if case .running = phase { false } else { true } }

  private func checkRunning() throws(ZGossipNodeError) {
    guard !isEnding else { throw .closed }
  }

  func bind(_ endpoint: String, _ security: ZGossipServerSecurity) throws -> String {
    try checkRunning()
    let listener: Listener
    if let present = self.listener {
      listener = present
    } else {
      listener = try Listener(settings, poller: poller)
      self.listener = listener
    }
    return try listener.bind(endpoint, security)
  }

  func unbind(_ endpoint: String) throws {
    try checkRunning()
    guard let listener else { throw ZeroMQError.noSuchEndpoint(endpoint) }
    try listener.socket.unbind(endpoint)
  }

  func connect(_ endpoint: String, _ security: ZGossipClientSecurity) throws {
    try checkRunning()
    guard !upstreams.contains(where: { $0.endpoint == endpoint }) else { return }
    let upstream = Upstream(endpoint, security: security, number: nextUpstream)
    nextUpstream = nextUpstream % (1 << 30) + 1
    try upstream.open(settings, poller: poller)
    upstreams.append(upstream)
  }

  func disconnect(_ endpoint: String) -> Bool {
    guard case .running = phase, let index = upstreams.firstIndex(where: { $0.endpoint == endpoint }) else {
      return false
    }
    let upstream = upstreams.remove(at: index)
    close(upstream, now: MonotonicClock.now())
    upstream.close(poller: poller)
    return true
  }

  /// Publishes; false when it must wait for room.
  func publish(
    _ key: [UInt8], _ value: [UInt8], lifetime: TupleLifetime, if condition: TupleCondition?
  ) throws -> Bool {
    try checkRunning()
    let now = MonotonicClock.now()
    // What was posted before comes before; and readers are waited for here too.
    guard !isPaused(now: now) else { return false }
    takeStaged(now: now)
    guard hasTakenAll else { return false }
    tellIfNeeded()
    do {
      try key.withUnsafeBytes { key in
        try value.withUnsafeBytes { value in
          _ = try engine.publish(
            value, at: key, lifetime: lifetime, if: condition, now: now, into: &changes)
        }
      }
    } catch ZGossipError.tuple(.wouldBlock) {
      return false
    }
    return true
  }

  /// Removes; nil when it must wait for room.
  func unpublish(_ key: [UInt8]) throws -> Bool? {
    try checkRunning()
    let now = MonotonicClock.now()
    takeStaged(now: now)
    guard hasTakenAll else { return nil }
    tellIfNeeded()
    do {
      return try key.withUnsafeBytes { key in try engine.unpublish(key, now: now, into: &changes) }
    } catch ZGossipError.tuple(.wouldBlock) {
      return nil
    }
  }

  /// Takes a version of another cluster; nil when it must wait for room.
  func merge(_ stored: StoredTuple) throws -> Bool? {
    try checkRunning()
    tellIfNeeded()
    do {
      return try engine.merge(stored, now: MonotonicClock.now(), into: &changes)
    } catch ZGossipError.tuple(.wouldBlock) {
      return nil
    }
  }

  /// The counts with what is counted elsewhere.
  var currentCounters: ZGossipNodeCounters {
    var result = counters
    result.engine = engine.counters
    for owner in owners {
      switch owner {
      case .none: break
      case .client: result.clients += 1
      case .upstream: result.servers += 1
      }
    }
    return result
  }
}
