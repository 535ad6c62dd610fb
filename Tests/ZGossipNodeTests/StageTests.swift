import GrapevineCore
import Testing
import ZGossip
import ZeroMQ

@testable import ZGossipNode

/// The way from tasks to the node's thread and back.
@Suite(.ownThread, .timeLimit(.minutes(5))) struct StageTests {
  @Test func lifetimesAndBytesComeThrough() throws {
    let stage = TupleStage(bytes: 0, valueLimit: 8)
    var buffer = stage.emptyBuffer()
    let lifetimes: [TupleLifetime] = [
      .permanent, .expires(after: .milliseconds(5)), .renewed(every: .seconds(7)), .ephemeral,
    ]
    for (index, lifetime) in lifetimes.enumerated() {
      let outcome = try push(stage, [1, UInt8(index + 1)], [UInt8](repeating: 7, count: index), lifetime)
      #expect(outcome == (index == 0 ? .first : .behind))
    }
    let hadAny = stage.exchange(&buffer)
    #expect(hadAny)
    var offset = 0
    for (index, lifetime) in lifetimes.enumerated() {
      let entry = buffer.read(at: offset)
      #expect(Array(entry.key) == [1, UInt8(index + 1)])
      #expect(Array(entry.value) == [UInt8](repeating: 7, count: index))
      #expect(entry.lifetime == lifetime)
      offset = entry.next
    }
    let used = buffer.used
    #expect(offset == used)
    let hasMore = stage.exchange(&buffer)
    #expect(!hasMore)
  }

  @Test func whatCannotBeIsRefused() throws {
    let stage = TupleStage(bytes: 0, valueLimit: 8)
    #expect(throws: ZGossipNodeError.keyInvalid) { try push(stage, [1, 0], []) }
    #expect(throws: ZGossipNodeError.keyInvalid) { try push(stage, [UInt8](repeating: 1, count: 256), []) }
    #expect(throws: ZGossipNodeError.valueInvalid(limit: 8)) { try push(stage, [1], [0]) }
    #expect(throws: ZGossipNodeError.valueInvalid(limit: 8)) {
      try push(stage, [1], [UInt8](repeating: 1, count: 9))
    }
    var count = 0
    while try push(stage, [UInt8](repeating: 1, count: 255), []) != .full, count < 100 { count += 1 }
    #expect(count == 4)
    stage.close()
    #expect(throws: ZGossipNodeError.closed) { try push(stage, [1], []) }
  }

  @discardableResult
  private func push(
    _ stage: TupleStage, _ key: [UInt8], _ value: [UInt8], _ lifetime: TupleLifetime = .permanent
  ) throws -> TupleStage.Outcome {
    try key.withUnsafeBytes { key in
      try value.withUnsafeBytes { value in try stage.push(key, value, lifetime: lifetime) }
    }
  }

  @Test func whatIsPostedCountsInOrder() async throws {
    let node = try makeNode { $0.stageBytes = 0 }
    for number in 0..<20_000 { try await node.post("key", "\(number)") }
    #expect(await has(node, "key", "19999"))
    // And before what is published after it.
    try await node.post("key", "posted")
    try await node.publish("key", "published")
    #expect(await has(node, "key", "published"))
  }

  @Test func whatTheMapRefusesIsCounted() async throws {
    let node = try makeNode { $0.engine.tuples.capacity = 16 }
    for number in 0..<20 { try await node.post("\(number)", "value") }
    #expect(await eventually { await node.counters.postsRefused == 4 })
    await #expect(throws: ZGossipError.tuple(.full)) { try await node.publish("x", "y") }
    await #expect(throws: ZGossipError.containsNUL) { try await node.publish("x\0", "y") }
  }

  @Test func aSlowReaderLosesTheOldestAndIsTold() async throws {
    let node = try makeNode {
      $0.deliveryBytes = 20_000
      $0.readerPatience = .milliseconds(10)
    }
    let deliveries = node.deliveries
    for number in 0..<5_000 { try await node.publish("key \(number)", "value") }
    await node.close()
    var (told, lost) = (0, UInt64(0))
    var last = ""
    for await batch in deliveries {
      told += batch.count
      lost += batch.lost
      last = batch.last?.keyText ?? ""
    }
    #expect(lost > 0)
    #expect(told + Int(lost) == 5_000)
    #expect(last == "key 4999")
  }

  @Test func aReaderInTimeLosesNothing() async throws {
    let node = try makeNode {
      $0.deliveryBytes = 20_000
      $0.readerPatience = .seconds(30)
    }
    let deliveries = node.deliveries
    async let posted: Void = {
      for number in 0..<20_000 { try await node.post("key \(number)", "value") }
    }()
    var count = 0
    for await batch in deliveries {
      #expect(batch.lost == 0)
      for delivery in batch {
        #expect(delivery.keyText == "key \(count)")
        count += 1
      }
      if count == 20_000 { break }
    }
    try await posted
    #expect(count == 20_000)
  }
}
