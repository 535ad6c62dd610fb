import GrapevineCore
import Testing

@testable import GrapevineSimulator

@Suite("Event queue: earliest first")
struct EventQueueTests {
  @Test(
    "events come in the order of their times, and of their scheduling where times are equal",
    arguments: 1...5 as ClosedRange<UInt64>)
  func order(seed: UInt64) throws {
    var generator = Generator(seed: seed)
    var queue = EventQueue()
    var model: [(time: UInt64, target: Int)] = []
    var next = 0
    for _ in 0..<5_000 {
      if generator.chance(0.6) || model.isEmpty {
        let time = UInt64(generator.below(50))
        queue.schedule(.timer, next, at: Instant(nanoseconds: time))
        // After those with the same time: they were scheduled before.
        model.insert((time, next), at: model.firstIndex { $0.time > time } ?? model.count)
        next += 1
      } else {
        let expected = model.removeFirst()
        let peeked = queue.nextTime
        let first = queue.removeFirst()
        let event = try #require(first)
        #expect(peeked == event.time)
        #expect((event.time.nanoseconds, Int(event.target)) == expected)
      }
    }
    while let event = queue.removeFirst() { #expect(Int(event.target) == model.removeFirst().target) }
    #expect(model.isEmpty && queue.isEmpty && queue.nextTime == nil)
  }
}
