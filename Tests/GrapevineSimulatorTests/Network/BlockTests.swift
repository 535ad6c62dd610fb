import GrapevineCore
import Testing

@testable import GrapevineSimulator

@Suite("Blocked processes, and those that hear little")
struct BlockTests {
  private static func second(_ count: Double) -> Instant { Instant(nanoseconds: UInt64(count * 1e9)) }

  /// Two or more neighbours that have nothing to say but that they live, over links of 1 ms.
  private func cluster(_ nodes: Int, model: NetworkModel = .init()) throws -> Simulation {
    var model = model
    (model.delayLow, model.delayHigh) = (.milliseconds(1), .milliseconds(1))
    var configuration = Configuration()
    configuration.membership = nil
    configuration.linkTimeout = .seconds(60)
    let simulation = try Simulation(seed: 1, configuration: configuration, model: model)
    simulation.start(contacts: [])
    for _ in 1..<nodes { simulation.start(contacts: [0]) }
    simulation.run(until: Self.second(10))
    return simulation
  }

  // Shorter than neighbours wait before they give up a link.
  @Test("what a blocked process sends leaves, and what arrives is handled, when the block ends")
  func block() throws {
    let simulation = try cluster(2)
    var heard: [(node: Int, time: Instant)] = []
    simulation.observer = { [unowned simulation] observation, _ in
      if case .delivery(let node, _, _, _, _) = observation { heard.append((node, simulation.now)) }
    }
    defer { simulation.observer = nil }
    simulation.block(1, for: .milliseconds(30))
    let received = simulation.counters(of: 1).datagramsReceived
    let sent = simulation.counters(of: 1).datagramsSent
    simulation.run(until: Self.second(10.001))
    let heardBefore = simulation.counters(of: 0).datagramsReceived
    #expect(simulation.broadcast([1], from: 0) != nil)
    #expect(simulation.broadcast([2], from: 1) != nil)
    simulation.run(until: Self.second(10.029))
    #expect(simulation.isBlocked(1) && !simulation.isPaused(1) && heard.isEmpty)
    #expect(simulation.counters(of: 1).datagramsReceived == received)
    #expect(simulation.counters(of: 1).datagramsSent > sent)
    #expect(simulation.counters(of: 0).datagramsReceived == heardBefore)
    simulation.run(until: Self.second(10.5))
    #expect(!simulation.isBlocked(1))
    #expect(heard.map(\.node) == [1, 0])
    // The one waited there, the other has a millisecond to go.
    #expect(heard.map(\.time) == [Self.second(10.03), Self.second(10.031)])
    #expect(simulation.traffic.dropped == 0)
  }

  @Test("in a pause the timers stop, in a block they do not")
  func timers() throws {
    func sentIn(_ stop: (Simulation) -> Void) throws -> UInt64 {
      let simulation = try cluster(2)
      stop(simulation)
      let before = simulation.counters(of: 1).datagramsSent
      simulation.run(until: Self.second(14))
      return simulation.counters(of: 1).datagramsSent - before
    }
    #expect(try sentIn { $0.pause(1, for: .seconds(5)) } == 0)
    #expect(try sentIn { $0.block(1, for: .seconds(5)) } > 2)
  }

  @Test("a block within a block makes it longer, and never shorter")
  func longer() throws {
    let simulation = try cluster(2)
    simulation.block(1, for: .seconds(4))
    simulation.block(1, for: .seconds(2))
    simulation.run(until: Self.second(11))
    simulation.block(1, for: .seconds(5))
    simulation.run(until: Self.second(15.999))
    #expect(simulation.isBlocked(1))
    simulation.run(until: Self.second(16))
    #expect(!simulation.isBlocked(1))
  }

  @Test(
    "where a pause and a block overlap, nothing is handled or leaves before both have ended",
    arguments: [(pause: 3, block: 5), (pause: 5, block: 3), (pause: 4, block: 4)])
  func overlap(pause: Int, block: Int) throws {
    let simulation = try cluster(2)
    simulation.block(1, for: .seconds(block))
    _ = simulation.broadcast([2], from: 1)
    simulation.pause(1, for: .seconds(pause))
    #expect(simulation.isBlocked(1) && simulation.isPaused(1))
    _ = simulation.broadcast([1], from: 0)
    #expect(simulation.broadcast([3], from: 1) == nil)
    let before = simulation.counters(of: 1)
    simulation.run(until: Self.second(10.0 + Double(min(pause, block)) - 0.001))
    #expect(simulation.counters(of: 1) == before)
    let end = 10.0 + Double(max(pause, block))
    simulation.run(until: Self.second(end - 0.001))
    #expect(simulation.counters(of: 1).datagramsReceived == before.datagramsReceived)
    #expect(simulation.counters(of: 1).deliveries == 0 && simulation.counters(of: 0).deliveries == 0)
    // In what is left of the block its timers go on again; in what is left of the pause they do not.
    let hasSent = simulation.counters(of: 1).datagramsSent > before.datagramsSent
    #expect(hasSent == (block > pause))
    simulation.run(until: Self.second(end + 0.1))
    #expect(!simulation.isBlocked(1) && !simulation.isPaused(1))
    #expect(simulation.counters(of: 1).deliveries == 1 && simulation.counters(of: 0).deliveries == 1)
  }

  @Test("a crash ends a block, and what waited is counted as dropped; the next node is not blocked")
  func crash() throws {
    let simulation = try cluster(3)
    simulation.block(1, for: .seconds(5))
    _ = simulation.broadcast([2], from: 1)
    simulation.inject([1, 2, 3], into: 1, from: 0)
    simulation.run(until: Self.second(11))
    simulation.crash(1)
    #expect(!simulation.isBlocked(1))
    #expect(simulation.traffic.droppedBuffer > 0 && simulation.traffic.droppedHeld > 0)
    simulation.block(1, for: .seconds(5))
    #expect(!simulation.isBlocked(1))
    simulation.restart(1, contacts: [0])
    simulation.run(until: Self.second(12))
    #expect(simulation.lifecycle(of: 1) == .connected)
    // The end of the old block is no end of a new one.
    simulation.block(1, for: .seconds(10))
    simulation.run(until: Self.second(16))
    #expect(simulation.isBlocked(1))
  }

  @Test("what is held back is bounded in bytes in both directions, and what exceeds it is counted")
  func bounds() throws {
    var model = NetworkModel()
    model.sendBufferBytes = 3_000
    model.receiveBufferBytes = 3_000
    let simulation = try cluster(2, model: model)
    simulation.block(1, for: .milliseconds(20))
    let payload = [UInt8](repeating: 7, count: 1_000)
    for _ in 0..<5 {
      _ = simulation.broadcast(payload, from: 1, level: .bestEffort)
      _ = simulation.broadcast(payload, from: 0, level: .bestEffort)
    }
    simulation.run(until: Self.second(10.019))
    #expect(simulation.traffic.droppedHeld >= 3 && simulation.traffic.droppedBuffer >= 3)
    simulation.run(until: Self.second(12))
    #expect((1...2).contains(simulation.counters(of: 0).deliveries))
    #expect((1...2).contains(simulation.counters(of: 1).deliveries))
  }

  @Test("every datagram is accounted for when blocked processes crash, and the same seed gives the same run")
  func conservation() throws {
    func run(seed: UInt64) throws -> (trace: UInt64, traffic: NetworkCounters) {
      let simulation = try Simulation(seed: seed, model: .hostile(loss: 0.1))
      simulation.start(contacts: [])
      for _ in 1..<12 { simulation.start(contacts: [0]) }
      for process in 1..<6 {
        simulation.at(Self.second(Double(process))) {
          $0.block(process, for: .seconds(4))
          $0.setLoss(inbound: 0.5, of: process + 6)
          if process % 2 == 0 { $0.pause(process, for: .seconds(2)) }
        }
      }
      simulation.at(Self.second(7)) { for process in 3..<6 { $0.crash(process) } }
      simulation.run(until: Self.second(12))
      for process in 0..<12 { simulation.crash(process) }
      simulation.run(until: Self.second(30))
      return (simulation.trace, simulation.traffic)
    }
    let (one, same, other) = (try run(seed: 5), try run(seed: 5), try run(seed: 6))
    #expect(one.trace == same.trace && one.trace != other.trace)
    let traffic = one.traffic
    #expect(traffic.sent + traffic.duplicated == traffic.arrived + traffic.dropped)
    #expect(traffic.droppedHeld > 0 && traffic.droppedBuffer > 0 && traffic.droppedLoss > 0)
  }

  @Test("a process with a loss of its own loses so much of what arrives, and nobody else does")
  func inboundLoss() throws {
    let simulation = try cluster(3)
    simulation.setLoss(inbound: 0.8, of: 1)
    let before = (simulation.counters(of: 1).datagramsReceived, simulation.counters(of: 2).datagramsReceived)
    for _ in 0..<4_000 {
      simulation.inject([0], into: 1, from: 9)
      simulation.inject([0], into: 2, from: 9)
    }
    simulation.run(until: Self.second(10.001))
    #expect(simulation.counters(of: 2).datagramsReceived >= before.1 + 4_000)
    let received = simulation.counters(of: 1).datagramsReceived - before.0
    // 800 expected, with a standard deviation of 25.
    #expect((680...920).contains(received), "\(received)")
    // What is no probability is brought inside.
    simulation.setLoss(inbound: 7, of: 1)
    simulation.inject([0], into: 1, from: 9)
    simulation.run(until: Self.second(11))
    #expect(simulation.counters(of: 1).datagramsReceived == before.0 + received)
    simulation.setLoss(inbound: -1, of: 1)
    let lost = simulation.traffic.droppedLoss
    simulation.inject([0], into: 1, from: 9)
    simulation.run(until: Self.second(12))
    #expect(simulation.traffic.droppedLoss == lost)
  }
}
