import GrapevineCore
import GrapevineSimulator
import Testing

@Suite("Large messages in order, in a simulated cluster")
struct LargeOrderRunTests {
  private static let topic = Array("a".utf8)

  /// What each process delivered of the topic, in its order.
  private final class Record {
    var delivered: [[(origin: MemberID, sequence: UInt64, length: Int)]]
    var gaps = 0

    init(_ count: Int) { delivered = Array(repeating: [], count: count) }

    func take(_ what: Simulation.Observation, _ payload: UnsafeRawBufferPointer) {
      switch what {
      case .delivery(let node, let origin, let sequence, _, _):
        delivered[node].append((origin, sequence, payload.count))
      case .event(_, .orderGap): gaps += 1
      case .event: break
      }
    }
  }

  @Test(
    "with losses, small messages of a sender come after the large ones that it sent before them",
    arguments: [1, 2] as [UInt64])
  func order(seed: UInt64) throws {
    let count = 6
    let simulation = try Simulation(seed: seed, model: .hostile(loss: 0.05))
    let record = Record(count)
    for process in 0..<count { simulation.start(contacts: process == 0 ? [] : [0]) }
    // Whoever has just joined takes what it cannot get for history.
    simulation.run(until: simulation.now + 12_000_000_000)
    simulation.observer = { record.take($0, $1) }
    for process in 0..<5 { simulation.subscribe(Self.topic, at: process) }
    let content = try #require(
      [UInt8](repeating: 7, count: 60_000).withUnsafeBytes { LargeContent(copying: $0) })
    for _ in 0..<3 {
      for (sender, order) in [(0, MessageOrder.fifo), (3, .causal)] {
        let id = simulation.broadcast(large: content, topic: Self.topic, order: order, from: sender)
        #expect(id != nil)
        for _ in 0..<4 {
          let small = simulation.broadcast([1], topic: Self.topic, order: order, from: sender)
          #expect(small != nil)
        }
        simulation.run(until: simulation.now + 20_000_000)
      }
    }
    let expected = [15, 30, 30, 15, 30, 0]
    for _ in 0..<60 where zip(record.delivered, expected).contains(where: { $0.count < $1 }) {
      simulation.run(until: simulation.now + 1_000_000_000)
    }
    #expect(record.delivered.map(\.count) == expected && record.gaps == 0)
    for process in 0..<5 {
      for messages in Dictionary(grouping: record.delivered[process], by: \.origin).values {
        #expect(messages.map(\.sequence) == messages.map(\.sequence).sorted())
        #expect(messages.map(\.length) == Array([[60_000, 1, 1, 1, 1]].cycled(3).joined()))
      }
      #expect(simulation.heldBackCount(at: process) == 0)
    }
  }
}

extension Array {
  /// The elements so many times.
  fileprivate func cycled(_ times: Int) -> [Element] {
    var result: [Element] = []
    for _ in 0..<times { result += self }
    return result
  }
}
