import GrapevineCore
import Testing

@testable import GrapevineSimulator

@Suite("Simulated network: its faults are as large as asked for")
struct NetworkTests {
  private static func second(_ count: UInt64) -> Instant { Instant(nanoseconds: count * 1_000_000_000) }

  /// A cluster, all connected.
  private func cluster(_ nodes: Int, seed: UInt64 = 1, model: NetworkModel = .init()) throws -> Simulation {
    let simulation = try Simulation(seed: seed, model: model)
    simulation.start(contacts: [])
    for _ in 1..<nodes { simulation.start(contacts: [0]) }
    simulation.run(until: Self.second(10))
    return simulation
  }

  private func total(_ simulation: Simulation, _ counter: (Counters) -> UInt64) -> Double {
    Double((0..<simulation.processCount).map { counter(simulation.counters(of: $0)) }.reduce(0, +))
  }

  @Test("without faults everything sent arrives")
  func perfect() throws {
    let simulation = try cluster(10)
    // All but what is under way right now.
    let missing = total(simulation, \.datagramsSent) - total(simulation, \.datagramsReceived)
    #expect((0...40).contains(missing))
    #expect(simulation.isConnected())
  }

  @Test("the share of lost datagrams is the loss rate", arguments: [0.1, 0.3, 0.5])
  func loss(rate: Double) throws {
    let simulation = try cluster(10)
    let before = (total(simulation, \.datagramsSent), total(simulation, \.datagramsReceived))
    simulation.model.loss = rate
    simulation.run(until: Self.second(400))
    let sent = total(simulation, \.datagramsSent) - before.0
    let received = total(simulation, \.datagramsReceived) - before.1
    #expect(sent > 10_000)
    #expect(abs(1 - received / sent - rate) < 0.02)
  }

  @Test("the share of doubled datagrams is the duplication rate")
  func duplication() throws {
    let simulation = try cluster(10)
    let before = (total(simulation, \.datagramsSent), total(simulation, \.datagramsReceived))
    simulation.model.duplication = 0.25
    simulation.run(until: Self.second(400))
    let sent = total(simulation, \.datagramsSent) - before.0
    let received = total(simulation, \.datagramsReceived) - before.1
    #expect(abs(received / sent - 1.25) < 0.02)
  }

  @Test("damaged datagrams are found by their checksum, and never delivered")
  func corruption() throws {
    let simulation = try cluster(10)
    simulation.model.corruption = 0.2
    var damaged = 0
    var deliveries = 0
    simulation.observer = { observation, payload in
      guard case .delivery = observation else { return }
      deliveries += 1
      if !payload.allSatisfy({ $0 == 0x5a }) { damaged += 1 }
    }
    let before = (total(simulation, \.droppedChecksum), total(simulation, \.datagramsReceived))
    for number in 0..<100 {
      simulation.at(Self.second(11) + UInt64(number) * 100_000_000) { simulation in
        _ = simulation.broadcast([UInt8](repeating: 0x5a, count: 100), from: number % 10)
      }
    }
    simulation.run(until: Self.second(60))
    simulation.observer = nil
    #expect(deliveries == 900 && damaged == 0)
    let dropped = total(simulation, \.droppedChecksum) - before.0
    let received = total(simulation, \.datagramsReceived) - before.1
    // A bit that is flipped back, or the frame's first byte, shows as something else.
    #expect((0.15...0.21).contains(dropped / received))
  }

  @Test("a partition separates, and what was said meanwhile comes across when it heals")
  func partition() throws {
    let simulation = try cluster(12)
    var heard = [Int](repeating: 0, count: 12)
    simulation.observer = { observation, _ in
      if case .delivery(let node, _, _, _, _) = observation { heard[node] += 1 }
    }
    simulation.partition { $0 % 2 }
    simulation.at(Self.second(11)) { _ = $0.broadcast([1], from: 0) }
    simulation.run(until: Self.second(40))
    #expect(heard == (0..<12).map { $0 != 0 && $0 % 2 == 0 ? 1 : 0 })
    #expect(!simulation.isConnected())
    simulation.heal()
    simulation.run(until: Self.second(120))
    simulation.observer = nil
    #expect(simulation.isConnected())
    #expect(heard == (0..<12).map { $0 == 0 ? 0 : 1 })
  }

  @Test("a crashed process hears nothing and its restart is another member")
  func crash() throws {
    let simulation = try cluster(4)
    let identity = simulation.identity(of: 2)
    simulation.crash(2)
    #expect(simulation.lifecycle(of: 2) == nil && simulation.identity(of: 2) == nil)
    simulation.run(until: Self.second(20))
    #expect(simulation.counters(of: 2) == Counters())
    simulation.restart(2, contacts: [0])
    simulation.run(until: Self.second(25))
    #expect(simulation.lifecycle(of: 2) == .connected)
    #expect(simulation.identity(of: 2) != identity)
  }

  @Test("a process that leaves is disconnected, and the others stay together")
  func leave() throws {
    let simulation = try cluster(6)
    simulation.leave(3)
    simulation.run(until: Self.second(15))
    #expect(simulation.lifecycle(of: 3) == .disconnected)
    #expect(simulation.neighbourCount(of: 3) == 0)
    simulation.crash(3)
    #expect(simulation.isConnected())
  }

  @Test("injected bytes arrive and are judged like any others")
  func inject() throws {
    let simulation = try cluster(3)
    let before = simulation.counters(of: 0)
    simulation.inject([1, 2, 3], into: 0, from: 1)
    simulation.inject([], into: 0, from: 1)
    simulation.run(until: Self.second(10) + 1)
    #expect(simulation.counters(of: 0).droppedMalformed == before.droppedMalformed + 2)
  }

  @Test("the same seed gives the same run, to the byte; another seed another")
  func replay() throws {
    let model = NetworkModel.hostile(loss: 0.2)
    let traces = try [7, 7, 8].map { try cluster(20, seed: $0, model: model).trace }
    #expect(traces[0] == traces[1])
    #expect(traces[0] != traces[2])
  }
}
