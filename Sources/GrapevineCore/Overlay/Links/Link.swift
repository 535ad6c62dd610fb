// One neighbour, or one that may become it: the state of a link and its flow control.
//
// Frames on a link are numbered. The receiver says now and then which number is the highest it saw and how
// many frames it saw in all; from these two the sender knows what is still under way and how much was lost,
// and keeps no more frames under way than the receiver's buffer and the path take. Nothing is retransmitted
// here: what a member lacks, it learns from digests and asks for.

/// The state of one link slot; all zero when free.
struct Link: BitwiseCopyable {
  enum Phase: UInt8 {
    case free = 0
    /// HELLO sent, waiting for CHALLENGE.
    case greeting
    /// CONNECT sent, waiting for ACCEPT or REFUSE.
    case connecting
    /// Both ends have the keys.
    case up
  }

  // What every step looks at stands first: a node's links are then few lines of the processor's cache.
  var phase: Phase = .free
  /// How much this handshake of ours needs the link.
  var need = LinkNeed.low
  /// Whether the endpoint is one of the configured contacts.
  var isContact = false
  /// Whether this handshake of ours was begun because a walk ended here.
  var isAdopted = false
  var attempts: UInt8 = 0
  /// Whether frames that call for an acknowledgement are under way.
  var isWaiting = false
  /// How often in a row frames under way were given up.
  var forgiven: UInt8 = 0
  /// Whether one of them is timed.
  var isTiming = false
  /// Probes sent since anything was last heard.
  var probes: UInt8 = 0
  /// A probe is to be sent.
  var owesProbe = false
  var endpoint = Endpoint(high: 0, low: 0, port: 0)
  var lastHeard = Instant()
  var lastSent = Instant()
  var lastProgress = Instant()
  var nextProbe = Instant.never
  var acknowledgeAt = Instant.never
  /// The smoothed round-trip time and its mean deviation; 0 while nothing was measured.
  var roundTrip: Nanoseconds = 0
  var deviation: Nanoseconds = 0
  var nextAttempt = Instant()

  // Frames of ours.
  var nextNumber: UInt16 = 0
  var lastEliciting: UInt16 = 0
  var acknowledged: UInt16 = 0
  var reportedCount: UInt16 = 0
  var reportedHighest: UInt16 = 0
  var timedNumber: UInt16 = 0
  // Frames of theirs.
  var highestReceived: UInt16 = 0
  var receivedCount: UInt16 = 0
  var framesOwed: UInt16 = 0
  /// Frames of any kind that arrived since the last acknowledgement.
  var framesUnreported: UInt16 = 0

  var window: Int32 = 0
  var peerWindow: Int32 = 0
  var threshold: Int32 = 0
  /// The smoothed share of our frames that is lost, of 65,536.
  var lossShare: UInt32 = 0
  var lastCut = Instant()
  /// The least round trip, which is that of an empty path, and the last one measured.
  var leastRoundTrip: Nanoseconds = 0
  var lastRoundTrip: Nanoseconds = 0
  /// Up to when the fragments that were sent use what may be sent of them.
  var fragmentsPaidUntil = Instant()
  /// Up to when the walks that came use what the other end may send of them.
  var walksPaidUntil = Instant()
  /// Tables of members that the other end may compare.
  var comparisons = Allowance()
  var timedAt = Instant()
  var upSince = Instant()

  var sendKey: UInt64 = 0
  var receiveKey: UInt64 = 0
  var peer: UInt64 = 0
  var nonce: UInt64 = 0
  var cookie: UInt64 = 0

  // Arcs of a directed overlay; see `Scamp`.
  /// The other end is in our partial view; on a handshake of ours, it will be.
  var isOut = false
  /// We are in the other end's partial view.
  var isIn = false
  /// When the other end's subscription expires; zero when it does not.
  var leaseUntil = Instant()
  /// The number of our last errand on the link.
  var errandNumber: UInt16 = 0
  /// The highest number of theirs, and which of the 64 up to it arrived.
  var errandHighest: UInt16 = 0
  var errandsSeen: UInt64 = 0
  /// The number of their last word on whether they hold us.
  var arcNumber: UInt16 = 0
  /// Up to when the errands of theirs that were taken use what they may.
  var errandsPaidUntil = Instant()
  /// When they may subscribe here again.
  var subscribableAt = Instant()

  init() {}
}

extension Link {
  /// Frames that may be under way before anything was measured: RFC 6928's ten, and room for small frames.
  private static var initialWindow: Int32 { 32 }
  /// The window after the worst loss. Chosen here: two acknowledgements' worth.
  private static var leastWindow: Int32 { 32 }
  /// Frames after which an acknowledgement is sent at once. Chosen here: a quarter of a receive batch.
  static var framesPerAcknowledgement: UInt16 { 16 }
  /// Times in a row after which the round trip is taken to have grown. Chosen here.
  private static var forgivenLimit: UInt8 { 8 }
  /// The time after which a timed frame is given up: longer than any round trip that links live with.
  private static var timingLimit: Nanoseconds { 5_000_000_000 }
  /// The shortest time after which frames without acknowledgement count as lost; above the delayed
  /// acknowledgement. Chosen here.
  private static var leastRetryTime: Nanoseconds { 100_000_000 }

  /// Whether the next frame must carry an acknowledgement. Also after many frames that did not ask for one:
  /// the numbers have 16 bits, and a report is understood only within half of them.
  var owesAcknowledgement: Bool { framesOwed > 0 || framesUnreported >= 256 }

  /// Whether an errand of this number has not come before. One that is too old to tell has.
  func isNewErrand(_ number: UInt16) -> Bool {
    let age = Int(Int16(bitPattern: errandHighest &- number))
    return age < 0 || age < 64 && errandsSeen & 1 << UInt64(age) == 0
  }

  /// Notes that an errand of this number came.
  mutating func didReceiveErrand(_ number: UInt16) {
    let age = Int(Int16(bitPattern: errandHighest &- number))
    if age < 0 {
      errandsSeen = age > -64 ? errandsSeen << UInt64(-age) | 1 : 1
      errandHighest = number
    } else if age < 64 {
      errandsSeen |= 1 << UInt64(age)
    }
  }

  /// Makes the slot an established link.
  mutating func establish(peerWindow: UInt64, now: Instant) {
    phase = .up
    upSince = now
    lastHeard = now
    lastSent = now
    self.peerWindow = Int32(min(max(peerWindow, 16), 16_384))
    window = min(Self.initialWindow, self.peerWindow)
    threshold = .max
    nextNumber = 1
    acknowledged = 0
  }

  /// Frames under way that call for an acknowledgement.
  var inFlight: Int {
    isWaiting ? Int(nextNumber &- 1 &- acknowledged) : 0
  }

  /// Whether a frame with payload may leave now.
  var mayPush: Bool { inFlight < Int(min(window, peerWindow)) }

  /// The time after which silence means loss: RFC 6298 §2's smoothed round trip and four deviations, with a
  /// floor.
  var retryTime: Nanoseconds { max(Self.leastRetryTime, roundTrip &+ 4 &* deviation) }

  /// How much later than others a datagram may come: four deviations of the round trip, of which the delay of
  /// acknowledgements is a part, so at most a quarter of it.
  var lateness: Nanoseconds { min(4 &* deviation, roundTrip / 4) }

  /// Takes the next frame number and notes what it carries.
  mutating func didSend(eliciting: Bool, now: Instant) {
    let number = nextNumber
    nextNumber &+= 1
    lastSent = now
    guard eliciting else { return }
    if !isWaiting {
      isWaiting = true
      lastProgress = now
      acknowledged = number &- 1
    }
    lastEliciting = number
    if !isTiming || now >= timedAt + Self.timingLimit {
      isTiming = true
      timedNumber = number
      timedAt = now
    }
  }

  /// Notes an arrived frame.
  mutating func didReceive(number: UInt16, now: Instant) {
    if receivedCount == 0 || Int16(bitPattern: number &- highestReceived) > 0 { highestReceived = number }
    receivedCount &+= 1
    framesUnreported &+= 1
    lastHeard = now
    probes = 0
    owesProbe = false
    nextProbe = .never
  }

  /// Notes that the arrived frame calls for an acknowledgement.
  mutating func owe(delay: Nanoseconds, now: Instant) {
    if framesOwed < .max { framesOwed += 1 }
    if framesOwed >= Self.framesPerAcknowledgement {
      acknowledgeAt = now
    } else if acknowledgeAt == .never {
      acknowledgeAt = now + delay
    }
  }

  /// Takes the other end's report: the highest number it saw and how many frames it saw, both modulo 2^16.
  mutating func onAcknowledge(highest: UInt16, count: UInt16, now: Instant) {
    let behind = nextNumber &- 1 &- highest
    guard behind < 0x8000, Int16(bitPattern: highest &- reportedHighest) >= 0 else { return }
    let newly = Int32(highest &- reportedHighest)
    let lost = newly - Int32(count &- reportedCount)
    reportedHighest = highest
    reportedCount = count
    if isTiming, Int16(bitPattern: highest &- timedNumber) >= 0 {
      if lost <= 0 { measure(now.since(timedAt)) }
      isTiming = false
    }
    noteLoss(of: lost, among: newly)
    if lost > 0, isCongested { shrink(now: now) } else { grow(by: newly) }
    guard isWaiting, Int16(bitPattern: highest &- acknowledged) > 0 else { return }
    acknowledged = highest
    lastProgress = now
    forgiven = 0
    if Int16(bitPattern: highest &- lastEliciting) >= 0 { isWaiting = false }
  }

  /// Gives up waiting when nothing was acknowledged for too long: what was under way counts as lost.
  mutating func forgive(now: Instant) {
    guard isWaiting, now >= lastProgress + retryTime else { return }
    isWaiting = false
    // On a path slower than we think the acknowledgement is still to come. But one that comes late because
    // another was lost tells nothing, so this is believed only where nothing better is known, or in the end.
    forgiven = forgiven == .max ? .max : forgiven + 1
    if roundTrip != 0, forgiven < Self.forgivenLimit { isTiming = false }
    // Not one word since: perhaps it is not the datagrams that are lost.
    if now >= lastHeard + retryTime { suspect(now: now) }
    // While no round trip was measured, the answer to the first frames may only be far away.
    if roundTrip != 0 { shrink(now: now) }
  }

  /// A report counts for as much as it covers: on an idle link most are of the one frame that arrived, and the
  /// few that tell of losses tell of several frames.
  ///
  /// - Parameter lost: Less than zero when frames that an earlier report counted came after it.
  private mutating func noteLoss(of lost: Int32, among sent: Int32) {
    guard sent > 0 else { return }
    let share = Int64(max(-sent, min(lost, sent))) * 65_536 / Int64(sent)
    let weight = Int64(min(sent, 8))
    lossShare = UInt32(max(0, Int64(lossShare) + (share - Int64(lossShare)) * weight / 32))
  }

  /// Slow start to the threshold, then one frame an acknowledgement: RFC 5681 §3.1 in frames.
  private mutating func grow(by frames: Int32) {
    guard !isQueueing else {
      threshold = min(threshold, window)
      return
    }
    window = min(windowLimit, window + (window < threshold ? max(0, frames) : 1))
  }

  /// Multiplicative decrease, once a round trip; 0.7 as in RFC 9438 §4.6.
  private mutating func shrink(now: Instant) {
    guard now >= lastCut + max(roundTrip, 1_000_000) else { return }
    lastCut = now
    window = min(windowLimit, max(Self.leastWindow, window * 7 / 10))
    threshold = window
  }

  /// Takes a round trip.
  private mutating func measure(_ sample: Nanoseconds) {
    lastRoundTrip = sample
    // It rises slowly, in case the path has changed.
    leastRoundTrip =
      leastRoundTrip == 0 ? sample : min(sample, leastRoundTrip &+ leastRoundTrip / 1_024)
    SmoothedRoundTrip.add(sample, to: &roundTrip, &deviation)
  }
}

// Watching whether the other end lives. A datagram link does not break: its end is found by asking.
extension Link {
  /// Probes without an answer after which the other end is gone, on a link that loses nothing. Chosen here.
  private static var leastProbes: UInt64 { 5 }

  /// Probes without an answer after which the other end is gone: as many as make it less likely than about
  /// one in 10,000 that all were lost, both ways, at the measured loss p: 5 + 100 p² stays above
  /// ln 10^-4 / ln(1 - (1-p)²) up to p = 0.5.
  var probeLimit: UInt64 { Self.leastProbes + (UInt64(lossShare) &* UInt64(lossShare) &* 100) >> 32 }

  /// Whether the other end may send one more walk now: a bucket that fills over time.
  mutating func payWalk(now: Instant) -> Bool {
    guard walksPaidUntil <= now + HyParView.walkInterval &* HyParView.walkBurst else { return false }
    walksPaidUntil = max(walksPaidUntil, now) + HyParView.walkInterval
    return true
  }

  /// Begins to probe.
  mutating func suspect(now: Instant) {
    guard probes == 0, !owesProbe else { return }
    owesProbe = true
  }

  /// Notes that a probe leaves.
  mutating func didProbe(now: Instant) {
    owesProbe = false
    probes = probes == .max ? .max : probes + 1
    nextProbe = now + retryTime
  }

  /// Whether the last probe had its time and no other is left.
  func isGone(now: Instant) -> Bool { UInt64(probes) >= probeLimit && now >= nextProbe }
}
