import Grapevine
import GrapevineCore
import GrapevineTransport
import Testing

@Suite("DrivenNode: the caller's own loop", .timeLimit(.minutes(5)))
struct DrivenNodeTests {
  /// Steps nodes until a condition holds, or 20 s have passed.
  func drive(_ nodes: [DrivenNode], until condition: () -> Bool) -> Bool {
    let end = MonotonicClock.now() + 20_000_000_000
    while MonotonicClock.now() < end {
      for node in nodes {
        while node.receive() > 0 {}
        node.tick()
        node.send()
      }
      if condition() { return true }
    }
    return false
  }

  @Test("two nodes in one loop join, exchange messages and part")
  func conversation() throws {
    let first = try DrivenNode(bind: "127.0.0.1:0")
    let second = try DrivenNode(bind: "127.0.0.1:0")
    var texts: [String] = []
    second.onMessage = { _, _, _, bytes in texts.append(String(decoding: bytes, as: UTF8.self)) }
    first.join([])
    second.join([first.localEndpoint])
    #expect(drive([first, second]) { second.lifecycle == .connected })
    #expect(second.tick() != nil)
    for text in ["one", "two", "three"] {
      try Array(text.utf8).withUnsafeBytes { bytes in _ = try first.broadcast(bytes) }
    }
    #expect(drive([first, second]) { texts.count == 3 })
    #expect(texts == ["one", "two", "three"])
    second.leave()
    #expect(drive([first, second]) { second.lifecycle == .disconnected && first.neighbourCount == 0 })
  }

  @Test("a full outbox throws wouldBlock and nothing that was taken is lost")
  func wouldBlock() throws {
    var configuration = Configuration()
    configuration.logBytes = 64 << 10
    configuration.logMessages = 1_024
    configuration.sequenceWindow = 64
    let first = try DrivenNode(bind: "127.0.0.1:0", configuration: configuration)
    let second = try DrivenNode(bind: "127.0.0.1:0", configuration: configuration)
    var received: [UInt64] = []
    second.onMessage = { _, sequence, _, _ in received.append(sequence) }
    first.join([])
    second.join([first.localEndpoint])
    #expect(drive([first, second]) { first.neighbourCount == 1 && second.neighbourCount == 1 })
    var taken: UInt64 = 0
    var blocked = 0
    let payload = [UInt8](repeating: 7, count: 100)
    while taken < 1_000 {
      do {
        taken = try payload.withUnsafeBytes { try first.broadcast($0) }
      } catch BroadcastError.wouldBlock {
        blocked += 1
        #expect(drive([first, second]) { received.count == taken })
      }
    }
    #expect(drive([first, second]) { received.count == 1_000 })
    #expect(blocked >= 10)
    #expect(received.sorted() == Array(1...1_000))
  }

  @Test("calls from within a callback do no harm")
  func reentrance() throws {
    let first = try DrivenNode(bind: "127.0.0.1:0")
    let second = try DrivenNode(bind: "127.0.0.1:0")
    var received = 0
    second.onMessage = { _, _, _, bytes in
      received += 1
      #expect(second.receive() == 0)
      second.tick()
      second.send()
      _ = try? second.broadcast(bytes)
    }
    first.join([])
    second.join([first.localEndpoint])
    #expect(drive([first, second]) { second.lifecycle == .connected && first.neighbourCount == 1 })
    for _ in 0..<10 { try [UInt8](repeating: 1, count: 10).withUnsafeBytes { _ = try first.broadcast($0) } }
    #expect(drive([first, second]) { received == 10 && first.counters.deliveries == 10 })
  }
}
