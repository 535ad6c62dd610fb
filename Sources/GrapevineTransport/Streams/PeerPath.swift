// Whether datagrams to one peer go by UDP or by stream.
//
// UDP that is blocked shows as silence. The silence may be of one direction alone, and only the peer knows whether
// this side's datagrams arrive; so both tell each other, over the stream, what they hear, and both go back to UDP
// when both hear.

import GrapevineCore

/// What is known of the way to one peer.
struct PeerPath {
  /// What to do about a datagram.
  enum Decision {
    case udp
    case stream
  }

  /// Whether datagrams go by stream, as far as there is one.
  private(set) var usesStream = false
  /// When the last datagram went to the peer, by whatever way.
  private(set) var lastSent: Instant
  /// When the last one came from it by UDP.
  private(set) var lastHeard: Instant?
  /// When it was last tried, and told, what comes through by UDP.
  private var lastProbe: Instant?
  /// Whether the peer said that this side's UDP comes through.
  private var peerHears = false
  /// Since when datagrams were sent and nothing came, and how many.
  private var silentSince: Instant
  private var silentCount = 0

  /// How long a peer may be silent. Chosen here: several round trips of the slowest usual path.
  static let silence: Nanoseconds = 1_000_000_000
  /// Datagrams without an answer that make silence. Chosen here: some are never answered.
  static let silentDatagrams = 3
  /// As above for a peer that was never heard by UDP, which costs an attempt to connect at most. Chosen here: the
  /// second attempt of a node to join goes both ways.
  static let firstSilence: Nanoseconds = 200_000_000
  static let firstSilentDatagrams = 2
  /// A pause after which silence is counted anew. Chosen here: in a pause nobody is expected to answer.
  static let pause: Nanoseconds = 5_000_000_000
  /// How often UDP is tried while a stream is used. Chosen here: a datagram a second costs next to nothing.
  static let probeInterval: Nanoseconds = 1_000_000_000
  /// How long what was heard counts. Chosen here: two probes may be lost.
  static let memory: Nanoseconds = 3_500_000_000

  init(now: Instant) {
    lastSent = now
    silentSince = now
  }

  /// Notes a datagram that is about to be sent, and says how.
  ///
  /// - Parameter hasStream: Whether a stream with the peer is open.
  mutating func decide(hasStream: Bool, now: Instant) -> Decision {
    let sinceLast = now.since(lastSent)
    lastSent = now
    if usesStream { return .stream }
    if hasStream, lastHeard == nil {
      // It has come by stream and never by UDP.
      fall()
      return .stream
    }
    if silentCount == 0 || sinceLast >= Self.pause {
      silentCount = 0
      silentSince = now
    }
    silentCount += 1
    let isKnown = lastHeard != nil
    if silentCount >= (isKnown ? Self.silentDatagrams : Self.firstSilentDatagrams),
      now.since(silentSince) >= (isKnown ? Self.silence : Self.firstSilence)
    {
      fall()
    }
    return usesStream ? .stream : .udp
  }

  private mutating func fall() {
    usesStream = true
    peerHears = false
    lastProbe = nil
  }

  private mutating func goBack() {
    usesStream = false
    silentCount = 0
  }

  /// Whether the peer's UDP has come through lately.
  func hears(now: Instant) -> Bool { lastHeard.map { now.since($0) <= Self.memory } ?? false }

  /// Whether it is time to try UDP, and to tell the peer what of its own comes through.
  mutating func takeProbe(now: Instant) -> Bool {
    if let lastProbe, now.since(lastProbe) < Self.probeInterval { return false }
    lastProbe = now
    return true
  }

  /// Notes a datagram that came by UDP; true when the peer should be told now.
  mutating func hear(hasStream: Bool, now: Instant) -> Bool {
    let isNews = !hears(now: now)
    lastHeard = now
    silentCount = 0
    guard usesStream else { return false }
    if peerHears || !hasStream { goBack() }
    return hasStream && (isNews || !usesStream)
  }

  /// Notes what the peer says of this side's UDP; true when it should be told the same of its own.
  mutating func learn(peerHears heard: Bool, now: Instant) -> Bool {
    guard heard else {
      if !usesStream { fall() }
      peerHears = false
      return false
    }
    peerHears = true
    guard usesStream, hears(now: now) else { return false }
    goBack()
    return true
  }
}
