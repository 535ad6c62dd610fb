import Testing

@testable import GrapevineCore

@Suite("Messages with a topic or an order, byte by byte")
struct OrderWireTests {
  /// The examples of Docs/messages.md; each is message 7.
  private static let unordered: [UInt8] = [0, 0x12, 1, 0x61, 0x68, 0x69]
  private static let fifo: [UInt8] = [0, 0x16, 1, 0x61, 3, 0x68, 0x69]
  private static let causal: [UInt8] =
    [0, 0x18, 2, 1] + [UInt8](repeating: 0x22, count: 8) + [9, 0x68, 0x69]

  /// What a message says, with its bytes copied.
  private struct Fields: Equatable {
    var order: MessageOrder
    var topic: String
    var predecessor: UInt64
    var dependencies: [[UInt64]]
    var body: String
  }

  private func read(_ bytes: [UInt8]) throws -> Fields {
    try bytes.withUnsafeBytes { bytes in
      let message = try OrderedMessage(bytes, sequence: 7)
      var dependencies: [[UInt64]] = []
      message.forEachDependency { origin, sequence in
        dependencies.append([origin, sequence])
        return true
      }
      return Fields(
        order: message.order, topic: String(decoding: message.topic, as: UTF8.self),
        predecessor: message.predecessor, dependencies: dependencies,
        body: String(decoding: message.body, as: UTF8.self))
    }
  }

  @Test("the examples of the documentation say what it says that they do")
  func examples() throws {
    #expect(
      try read(Self.unordered)
        == Fields(order: .unordered, topic: "a", predecessor: 0, dependencies: [], body: "hi"))
    #expect(
      try read(Self.fifo) == Fields(order: .fifo, topic: "a", predecessor: 3, dependencies: [], body: "hi"))
    #expect(
      try read(Self.causal)
        == Fields(
          order: .causal, topic: "", predecessor: 2, dependencies: [[0x2222_2222_2222_2222, 9]], body: "hi"))
  }

  @Test("nodes send these bytes")
  func sent() throws {
    let world = World()
    let sender = try world.add(1)
    let other = try world.add(2, id: 0x2222_2222_2222_2222)
    world.join(sender, [])
    world.join(other, [sender.endpoint])
    world.run(1_000)
    for number in 1...9 {
      try world.broadcast("\(number)", from: other, topic: "", order: number == 9 ? .causal : .unordered)
    }
    world.run(100)
    let before = world.sent.count
    for (topic, order) in [
      ("z", MessageOrder.unordered), ("b", .fifo), ("b", .fifo), ("b", .fifo), ("a", .fifo), ("c", .fifo),
      ("a", .fifo), ("", .causal), ("a", .unordered),
    ] {
      try world.broadcast("hi", from: sender, topic: topic, order: order)
    }
    world.run(100)
    let payloads = world.sent[before...].flatMap(\.gossip).flatMap { message in
      if case .gossip(_, let payloads) = message { payloads } else { [[UInt8]]() }
    }
    let first: [UInt8] = [0, 0x18, 0, 1] + [UInt8](repeating: 0x22, count: 8) + [9, 0x68, 0x69]
    for expected in [Self.unordered, Self.fifo, first] { #expect(payloads.contains(expected)) }
  }
}
