import GrapevineCore
import Testing

@testable import GrapevineSecurity

@Suite("No frame counts twice", .timeLimit(.minutes(5)))
struct ReplayTests {
  @Test("every frame opens once, in order or not, however often it comes")
  func once() throws {
    let alice = try Member(keys: keyring(0), sender: 1)
    let bob = try Member(keys: keyring(0), sender: 2)
    var generator = Generator(seed: 4)
    var frames = try (0..<900).map { try alice.seal([UInt8(truncatingIfNeeded: $0)]) }
    for index in frames.indices.reversed() {
      frames.swapAt(index, Int(generator.next() % UInt64(index + 1)))
    }
    for frame in frames { #expect(bob.payload(frame) != nil) }
    for frame in frames { #expect(bob.refusal(frame) == .replayed) }
    #expect(bob.protection.counters.opened == 900)
    #expect(bob.protection.senders == 1)
  }

  @Test("a frame may be 959 behind the newest, and not 960")
  func width() throws {
    let alice = try Member(keys: keyring(0), sender: 1)
    let bob = try Member(keys: keyring(0), sender: 2)
    let frames = try (0...1_000).map { _ in try alice.seal([]) }
    #expect(bob.payload(frames[1_000]) != nil)
    #expect(bob.payload(frames[41]) != nil)
    #expect(bob.refusal(frames[41]) == .replayed)
    #expect(bob.refusal(frames[40]) == .tooOld)
    #expect(bob.refusal(frames[0]) == .tooOld)
  }

  @Test("the windows agree with a set that forgets nothing, over jumps of all sizes")
  func model() {
    var windows = ReplayWindows(capacity: 4, seed: 99)
    var generator = Generator(seed: 11)
    let sender = MemberID(5)
    var seen: Set<UInt32> = []
    var newest: UInt32 = 0
    for round in 0..<20_000 {
      let jump = UInt32(truncatingIfNeeded: generator.next() % (round % 50 == 0 ? 5_000 : 40))
      let back = UInt32(truncatingIfNeeded: generator.next() % 1_100)
      let counter = generator.next() % 3 == 0 ? newest &+ jump : newest - min(newest, back)
      guard let place = windows.place(of: sender) else {
        let isEntered = windows.enter(sender, counter: counter, keySlot: 0)
        #expect(isEntered)
        newest = counter
        seen.insert(counter)
        continue
      }
      let verdict = windows.judge(counter, at: place)
      let expected: ReplayVerdict =
        if counter > newest { .fresh } else if newest - counter >= ReplayWindows.width { .tooOld } else {
          seen.contains(counter) ? .replayed : .fresh
        }
      #expect(verdict == expected, "round \(round)")
      guard verdict == .fresh else { continue }
      windows.record(counter, keySlot: 0, at: place)
      seen.insert(counter)
      newest = max(newest, counter)
    }
  }

  @Test("the last counters of an identity are judged like all others")
  func end() throws {
    let alice = try Member(keys: keyring(0), sender: 1, counter: 0xffff_fffe)
    let bob = try Member(keys: keyring(0), sender: 2)
    let frames = [try alice.seal([1]), try alice.seal([2])]
    #expect(bob.payload(frames[1]) == [2])
    #expect(bob.payload(frames[0]) == [1])
    #expect(bob.refusal(frames[0]) == .replayed)
    #expect(bob.refusal(frames[1]) == .replayed)
  }

  @Test("a full table refuses further runs and forgets none; a retired key makes room")
  func full() throws {
    let bob = try Member(keys: keyring(0, 100), senders: 3, sender: 99)
    let old = try (1...3).map { try Member(keys: keyring(0), sender: UInt64($0)) }
    let frames = try old.map { try $0.seal([1]) }
    for frame in frames { #expect(bob.payload(frame) == [1]) }
    let newcomer = try Member(keys: keyring(0), sender: 4)
    #expect(bob.refusal(try newcomer.seal([])) == .tooManySenders)
    for frame in frames { #expect(bob.refusal(frame) == .replayed) }
    #expect(bob.protection.senders == 3)

    // The first run goes on under the second key, so it is remembered; the others are not heard again.
    try old[0].protection.install(clusterKey(100))
    try old[0].protection.use(keyID(100))
    let later = try old[0].seal([2])
    #expect(bob.payload(later) == [2])
    try bob.protection.use(keyID(100))
    try bob.protection.retire(keyID(0))
    #expect(bob.protection.senders == 1)
    #expect(bob.refusal(later) == .replayed)
    for frame in frames[1...] { #expect(bob.refusal(frame) == .unknownKey) }
    for sender in 5...6 {
      #expect(bob.payload(try Member(keys: keyring(100), sender: UInt64(sender)).seal([3])) == [3])
    }
    #expect(bob.refusal(try Member(keys: keyring(100), sender: 7).seal([])) == .tooManySenders)
  }

  @Test("places are found again after many comings and goings")
  func places() {
    var windows = ReplayWindows(capacity: 200, seed: 3)
    for round in 0..<20 {
      let slot = round % 2
      for number in 0..<100 {
        let isEntered = windows.enter(
          MemberID(UInt64(round * 1_000 + number + 1)), counter: 7, keySlot: slot)
        #expect(isEntered)
      }
      for number in 0..<100 {
        let place = windows.place(of: MemberID(UInt64(round * 1_000 + number + 1)))
        #expect(place.map { windows.judge(7, at: $0) } == .replayed)
        #expect(place.map { windows.judge(8, at: $0) } == .fresh)
      }
      windows.forget(keySlot: 1 - slot)
      let count = windows.count
      #expect(count == 100)
    }
  }
}
