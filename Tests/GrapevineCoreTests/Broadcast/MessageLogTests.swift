import Testing

@testable import GrapevineCore

@Suite("Message log: a ring, against a list")
struct MessageLogTests {
  private struct Entry {
    var stream: Int
    var sequence: UInt64
    var payload: [UInt8]
  }

  @Test(
    "what was appended last is found, whole, and nothing else is",
    arguments: [(64, 1 << 10), (8, 1 << 12), (256, 1 << 11), (1, 64)])
  func model(messages: Int, bytes: Int) {
    var generator = Generator(seed: UInt64(messages))
    var log = MessageLog(messages: messages, bytes: bytes)
    var model: [Entry] = []
    var next: [UInt64] = [0, 0, 0]
    var evictions = 0
    for step in 0..<10_000 {
      let length = generator.below(10) == 0 ? bytes : generator.below(min(bytes, 200) + 1)
      while !log.hasRoom(for: length) {
        log.evict()
        model.removeFirst()
        evictions += 1
      }
      let stream = generator.below(3)
      next[stream] += generator.chance(0.1) ? 1 + UInt64(generator.below(100)) : 1
      let payload = (0..<length).map { _ in UInt8(truncatingIfNeeded: step) }
      payload.withUnsafeBytes {
        log.append(
          stream: stream, sequence: next[stream], targets: 5, hops: 3, isTagged: true, source: 2,
          isFindable: true, payload: $0)
      }
      model.append(Entry(stream: stream, sequence: next[stream], payload: payload))
      guard step % 7 == 0 else { continue }
      for entry in model where !holds(entry, log) {
        Issue.record("step \(step): \(entry.stream)/\(entry.sequence) is not as it was")
        return
      }
      let forgotten = log.find(stream: stream, sequence: next[stream] + 1)
      #expect(forgotten == nil)
      let count = Int(log.head - log.tail)
      #expect(count == model.count && count <= messages)
    }
    #expect(evictions > 1_000)
  }

  private func holds(_ entry: Entry, _ log: borrowing MessageLog) -> Bool {
    guard let index = log.find(stream: entry.stream, sequence: entry.sequence) else { return false }
    let found = log[index]
    return log.payload(of: found).elementsEqual(entry.payload) && found.targets == 5 && found.hops == 3
      && found.isTagged && found.source == 2
  }

  @Test("evicted messages are not found, also where their bucket is used again")
  func evicted() {
    var log = MessageLog(messages: 64, bytes: 1 << 10)
    let payload: [UInt8] = [1]
    for sequence in UInt64(1)...200 {
      while !log.hasRoom(for: 1) { log.evict() }
      payload.withUnsafeBytes {
        log.append(
          stream: 0, sequence: sequence, targets: 0, hops: 0, isTagged: false, source: 0, isFindable: true,
          payload: $0)
      }
    }
    let found = (UInt64(1)...200).filter { log.find(stream: 0, sequence: $0) != nil }
    #expect(found == Array(137...200))
    while !log.isEmpty { log.evict() }
    let none = (UInt64(1)...200).allSatisfy { log.find(stream: 0, sequence: $0) == nil }
    #expect(none)
  }

  @Test("a payload as long as the ring fits only into an empty log")
  func longest() {
    var log = MessageLog(messages: 4, bytes: 128)
    let payload = [UInt8](repeating: 1, count: 128)
    let room = (log.hasRoom(for: 128), log.hasRoom(for: 129))
    #expect(room == (true, false))
    payload.withUnsafeBytes {
      log.append(
        stream: 0, sequence: 1, targets: 0, hops: 0, isTagged: false, source: 0, isFindable: true, payload: $0
      )
    }
    let after = (log.hasRoom(for: 0), log.hasRoom(for: 1))
    #expect(after == (true, false))
  }
}
