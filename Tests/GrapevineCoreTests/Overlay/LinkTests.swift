import Testing

@testable import GrapevineCore

@Suite("Link: flow control")
struct LinkTests {
  private static let start = Instant(nanoseconds: 1_000_000_000)
  private static let millisecond: Nanoseconds = 1_000_000

  private static func established(window: UInt64 = 1_000) -> Link {
    var link = Link()
    link.establish(peerWindow: window, now: start)
    return link
  }

  @Test(
    "the other end's window is kept within reason",
    arguments: [(0, 16), (16, 16), (17, 17), (16_384, 16_384), (16_385, 16_384), (.max, 16_384)]
      as [(UInt64, Int32)])
  func peerWindow(claimed: UInt64, kept: Int32) {
    let link = Self.established(window: claimed)
    #expect(link.peerWindow == kept)
    #expect(link.window == min(32, kept))
  }

  @Test("frames under way close the window, and an acknowledgement opens it")
  func window() {
    var link = Self.established()
    for sent in 0..<32 {
      #expect(link.mayPush && link.inFlight == sent)
      link.didSend(eliciting: true, now: Self.start)
    }
    #expect(!link.mayPush)
    link.onAcknowledge(highest: 10, count: 10, now: Self.start + Self.millisecond)
    #expect(link.inFlight == 22 && link.mayPush)
    #expect(link.window == 42, "slow start: a frame acknowledged, a frame more")
    #expect(link.roundTrip == Self.millisecond)
    link.onAcknowledge(highest: 32, count: 32, now: Self.start + 2 * Self.millisecond)
    #expect(link.inFlight == 0)
  }

  @Test("a round trip longer than the first patience is measured all the same")
  func longRoundTrip() {
    var link = Self.established()
    link.didSend(eliciting: true, now: Self.start)
    for step in 1...5 as ClosedRange<UInt64> { link.forgive(now: Self.start + step * 100 * Self.millisecond) }
    link.onAcknowledge(highest: 1, count: 1, now: Self.start + 540 * Self.millisecond)
    #expect(link.roundTrip == 540 * Self.millisecond)
    #expect(link.retryTime > 1_000 * Self.millisecond)
  }

  @Test("frames that elicit nothing are not waited for")
  func silent() {
    var link = Self.established()
    for _ in 0..<100 { link.didSend(eliciting: false, now: Self.start) }
    #expect(link.inFlight == 0 && link.mayPush)
    link.didSend(eliciting: true, now: Self.start)
    #expect(link.inFlight == 1)
  }

  @Test("numbers wrap around at 2^16 without anything under way getting lost")
  func wrap() {
    var link = Self.established()
    var now = Self.start
    var received: UInt16 = 0
    for round in 0..<9_000 {
      for _ in 0..<8 { link.didSend(eliciting: true, now: now) }
      received &+= 8
      #expect(link.inFlight == 8)
      now = now + Self.millisecond
      link.onAcknowledge(highest: link.nextNumber &- 1, count: received, now: now)
      guard link.inFlight == 0, link.window >= 32 else {
        Issue.record("round \(round): \(link.inFlight) under way, window \(link.window)")
        return
      }
    }
    #expect(link.window == 1_000, "nothing was lost, so the window grew to what the other end takes")
  }

  @Test("a loss shrinks the window once a round trip, and not below its least")
  func loss() {
    var link = Self.established()
    var now = Self.start
    var received: UInt16 = 0
    for _ in 0..<40 {
      for _ in 0..<20 { link.didSend(eliciting: true, now: now) }
      received &+= 20
      now = now + Self.millisecond
      link.onAcknowledge(highest: link.nextNumber &- 1, count: received, now: now)
    }
    let grown = link.window
    #expect(grown > 500)
    for _ in 0..<20 { link.didSend(eliciting: true, now: now) }
    now = now + 10 * Self.millisecond
    link.onAcknowledge(highest: link.nextNumber &- 11, count: received &+ 5, now: now)
    #expect(link.window == grown * 7 / 10)
    link.onAcknowledge(highest: link.nextNumber &- 1, count: received &+ 10, now: now)
    #expect(link.window == grown * 7 / 10, "one cut a round trip")
    for _ in 0..<40 {
      link.didSend(eliciting: true, now: now)
      link.didSend(eliciting: true, now: now)
      now = now + 10 * Self.millisecond
      received &+= 1
      link.onAcknowledge(highest: link.nextNumber &- 1, count: received, now: now)
    }
    #expect(link.window == 32)
  }

  @Test("silence counts as loss, and lets sending go on")
  func forgiveness() {
    var link = Self.established()
    for _ in 0..<32 { link.didSend(eliciting: true, now: Self.start) }
    link.forgive(now: Self.start + (link.retryTime - 1))
    #expect(!link.mayPush)
    link.forgive(now: Self.start + link.retryTime)
    #expect(link.mayPush && link.inFlight == 0)
  }

  @Test("reports that cannot be are ignored")
  func implausible() {
    var link = Self.established()
    for _ in 0..<20 { link.didSend(eliciting: true, now: Self.start) }
    link.onAcknowledge(highest: 10, count: 10, now: Self.start + 1)
    let (window, roundTrip) = (link.window, link.roundTrip)
    // Beyond what was sent; older than what was reported.
    for highest in [21, 22, 1_000, 0x7fff, 9, 0, 0xffff, 0x8014] as [UInt16] {
      link.onAcknowledge(highest: highest, count: 500, now: Self.start + 2)
      #expect(link.inFlight == 10 && link.window == window && link.roundTrip == roundTrip)
    }
  }

  @Test("whatever is reported, the window stays in its bounds and nothing is negative")
  func anyReports() {
    var generator = Generator(seed: 12)
    var link = Self.established()
    var now = Self.start
    for step in 0..<50_000 {
      now = now + UInt64(generator.below(3_000_000))
      switch generator.below(4) {
      case 0: link.didSend(eliciting: generator.chance(0.7), now: now)
      case 1: link.forgive(now: now)
      case 2:
        link.onAcknowledge(
          highest: link.nextNumber &- UInt16(generator.below(40)), count: UInt16(generator.below(65_536)),
          now: now)
      default:
        link.onAcknowledge(
          highest: UInt16(generator.below(65_536)), count: UInt16(generator.below(65_536)), now: now)
      }
      let isSane = (16...1_000).contains(link.window) && (0...65_535).contains(link.inFlight)
      guard isSane else {
        Issue.record("step \(step): window \(link.window), \(link.inFlight) under way")
        return
      }
    }
  }

  @Test("acknowledgements are delayed, but not for more than sixteen frames")
  func owing() {
    var link = Self.established()
    link.owe(delay: 40, now: Self.start)
    #expect(link.acknowledgeAt == Self.start + 40)
    for _ in 0..<14 { link.owe(delay: 40, now: Self.start + 10) }
    #expect(link.acknowledgeAt == Self.start + 40)
    link.owe(delay: 40, now: Self.start + 11)
    #expect(link.acknowledgeAt == Self.start + 11)
  }

  @Test("the highest number received is kept in the order of the circle")
  func received() {
    var link = Self.established()
    for number in [65_530, 65_535, 2, 65_534, 1] as [UInt16] {
      link.didReceive(number: number, now: Self.start)
    }
    #expect(link.highestReceived == 2)
    #expect(link.receivedCount == 5)
  }
}
