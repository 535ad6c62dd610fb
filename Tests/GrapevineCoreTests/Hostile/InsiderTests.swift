import Testing

@testable import GrapevineCore

@Suite("Insiders: what one linked member cannot do")
struct InsiderTests {
  @Test("a run that crosses the last sequence number is refused whole")
  func lastNumber() {
    let last = UInt64.max / 2
    for (first, count, isAllowed) in [(last - 3, 4, true), (last - 2, 4, false), (last, 2, false)] {
      let header = GossipHeader(
        origin: 9, level: .reliable, isTagged: false, hops: 1, first: first, count: UInt64(count))
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 8)
      defer { memory.deallocate() }
      var writer = Writer(memory)
      header.write(to: &writer)
      let bytes = UnsafeRawBufferPointer(rebasing: memory[0..<writer.count])
      var cursor = Cursor(bytes.bytes)
      var isRead = false
      if let kind = try? cursor.read(UInt8.self) {
        isRead = (try? GossipHeader(kind: kind, sender: 1, from: &cursor)) != nil
      }
      #expect(isRead == isAllowed, "first \(first), count \(count)")
    }
  }

  @Test("nonces do not follow from each other as draws of the generator do")
  func nonces() {
    var view = Neighbourhood(
      identity: MemberID(1), configuration: Configuration(), seed: 42, receiveWindow: 64)
    let nonces = (0..<100).map { _ in view.nextNonce() }
    #expect(Set(nonces).count == 100)
    // Undoes SplitMix64's mixing: consecutive draws would lie one constant step apart.
    let states = nonces.map(unmixed)
    for (before, after) in zip(states, states.dropFirst()) {
      #expect(after &- before != 0x9e37_79b9_7f4a_7c15)
    }
    var generator = Generator(seed: 7)
    let draws = [unmixed(generator.next()), unmixed(generator.next())]
    #expect(draws[1] &- draws[0] == 0x9e37_79b9_7f4a_7c15, "the test can tell")
  }

  private func unmixed(_ draw: UInt64) -> UInt64 {
    func unshifted(_ value: UInt64, _ shift: UInt64) -> UInt64 {
      var result = value
      for _ in 0..<64 / shift { result = value ^ (result >> shift) }
      return result
    }
    var value = unshifted(draw, 31)
    value = value &* inverse(0x94d0_49bb_1331_11eb)
    value = unshifted(value, 27) &* inverse(0xbf58_476d_1ce4_e5b9)
    return unshifted(value, 30)
  }

  /// The inverse of an odd number modulo 2^64, by Newton's iteration.
  private func inverse(_ odd: UInt64) -> UInt64 {
    var result = odd
    for _ in 0..<6 { result = result &* (2 &- odd &* result) }
    return result
  }

  @Test("an acknowledgement is owed before the 16-bit numbers of silent frames lose their meaning")
  func silentFrames() {
    let start = Instant(nanoseconds: 1)
    var talker = Link()
    var listener = Link()
    talker.establish(peerWindow: 1_000, now: start)
    listener.establish(peerWindow: 1_000, now: start)
    for number in 1...100_000 {
      listener.didSend(eliciting: false, now: start)
      talker.didReceive(number: UInt16(truncatingIfNeeded: number), now: start)
      guard talker.owesAcknowledgement else { continue }
      listener.onAcknowledge(highest: talker.highestReceived, count: talker.receivedCount, now: start)
      talker.framesUnreported = 0
    }
    listener.didSend(eliciting: true, now: start)
    #expect(listener.inFlight == 1)
    talker.didReceive(number: UInt16(truncatingIfNeeded: 100_001), now: start)
    listener.onAcknowledge(highest: talker.highestReceived, count: talker.receivedCount, now: start)
    #expect(listener.inFlight == 0)
  }

  @Test("the neighbour that came last makes room, not one that was there before")
  func youngest() throws {
    var configuration = World.small
    configuration.viewTarget = 2
    configuration.viewCapacity = 2
    let world = World()
    let member = try world.add(1, configuration: configuration)
    world.join(member, [])
    _ = try Intruder(2, id: 2, linksWith: member, in: world)
    world.run(300)
    for number in 3...6 {
      _ = try Intruder(number, id: UInt64(number), linksWith: member, in: world)
      world.run(300)
    }
    #expect(member.node.neighbours.contains { $0.member == MemberID(2) })
  }

  @Test("contacts to which nothing can be sent make the join fail, and found no cluster")
  func unusableContact() throws {
    let world = World()
    let member = try world.add(1, configuration: World.small)
    member.node.join([Endpoint(ipv4: 0x7f00_0001, port: 0)], now: world.now, into: &member.effects)
    #expect(member.effects.events.contains(.joinFailed))
    #expect(member.node.lifecycle == .disconnected)
  }

  @Test("best-effort messages that fall into one bucket are not chained")
  func buckets() {
    var log = MessageLog(messages: 64, bytes: 1_024)
    let empty = UnsafeRawBufferPointer(start: nil, count: 0)
    for number in UInt64(1)...32 {
      log.append(
        stream: 1, sequence: number * 64, targets: 0, hops: 0, isTagged: false, source: 0, isFindable: false,
        payload: empty)
    }
    let found = log.find(stream: 1, sequence: 64)
    #expect(found == nil)
  }
}
