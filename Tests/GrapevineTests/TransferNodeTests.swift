import Grapevine
import GrapevineCore
import GrapevineTransport
import Testing

@Suite("Large messages through the public API")
struct TransferNodeTests {
  struct Picture: GossipMessage, Equatable {
    var name: String
    var pixels: [UInt8]
  }

  private func pair(_ core: Configuration = .init()) async throws -> (GossipNode, GossipNode) {
    let network = MemoryNetwork()
    let first = try await GossipNode(on: network, core: core)
    let second = try await GossipNode(on: network, core: core)
    try await first.join()
    try await second.join(endpoints: [first.localEndpoint])
    return (first, second)
  }

  @Test("bytes of any size arrive as one message, and both ends hear how far they are")
  func bytes() async throws {
    let (first, second) = try await pair()
    var iterator = second.messages.makeAsyncIterator()
    let payload = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
    let incoming = second.transfers
    let transfer = try await first.transfer(payload)
    let message = try #require(await iterator.next())
    #expect(message.payload.count == payload.count && message.payload.elementsEqual(payload))
    #expect(message.sender == first.identity && message.sequence == transfer.id.sequence)
    #expect(await transfer.handedOver())
    #expect(await !transfer.cancel())
    var last: TransferUpdate?
    var steps = 0
    for await update in incoming {
      last = update
      steps += 1
      if case .completed = update { break }
    }
    #expect(last == .completed(transfer.id, bytes: payload.count) && steps > 3)
    // And small ones as before.
    try await first.broadcast("small")
    #expect(await iterator.next()?.payload.text == "small")
    await first.leave()
    await second.leave()
  }

  @Test("typed messages may be as large")
  func typed() async throws {
    let (first, second) = try await pair()
    var iterator = second.messages(of: Picture.self).makeAsyncIterator()
    let picture = Picture(name: "large", pixels: Array(repeating: 7, count: 100_000))
    try await first.broadcast(picture)
    #expect(await iterator.next()?.value == picture)
    await first.leave()
    await second.leave()
  }

  @Test("what is too long is refused")
  func tooLong() async throws {
    var core = Configuration()
    core.transfers?.limit = 64 << 10
    let (first, second) = try await pair(core)
    await #expect(throws: BroadcastError.tooLarge(limit: 64 << 10)) {
      try await first.broadcast([UInt8](repeating: 0, count: (64 << 10) + 1))
    }
    await #expect(throws: BroadcastError.empty) { try await first.transfer([]) }
    await first.leave()
    await second.leave()
  }
}
