import GrapevineCore
import Testing

@testable import GrapevineSimulator

@Suite("Access links, pauses, clocks and one-way cuts")
struct SpecialTests {
  private static func second(_ count: Double) -> Instant { Instant(nanoseconds: UInt64(count * 1e9)) }

  /// A cluster, all connected.
  private func cluster(_ nodes: Int, model: NetworkModel = .init()) throws -> Simulation {
    var configuration = Configuration()
    // Nobody but neighbours speaks, so that what they say can be counted.
    configuration.membership = nil
    let simulation = try Simulation(seed: 1, configuration: configuration, model: model)
    simulation.start(contacts: [])
    for _ in 1..<nodes { simulation.start(contacts: [0]) }
    simulation.run(until: Self.second(10))
    return simulation
  }

  @Test("a datagram leaves after those before it, and a full queue drops")
  func queue() {
    let link = Bandwidth(bytesPerSecond: 1_000, queueBytes: 300)
    let start = Instant(nanoseconds: 5)
    let first = link.departure(of: 100, now: start, free: Instant())
    #expect(first == start + 100_000_000)
    let second = link.departure(of: 200, now: start, free: start + 100_000_000)
    #expect(second == start + 300_000_000)
    #expect(link.departure(of: 1, now: start, free: start + 300_000_000) == nil)
    // As time passes there is room again, and an idle link takes even what its queue does not.
    #expect(link.departure(of: 1, now: start + 1_000_000, free: start + 300_000_000) != nil)
    #expect(link.departure(of: 1_200, now: start, free: Instant()) == start + 1_200_000_000)
  }

  @Test("limits of a link that make no sense are brought inside", arguments: [Int.min, 0, Int.max])
  func limits(number: Int) {
    let link = Bandwidth(bytesPerSecond: number, queueBytes: number)
    #expect(link.time(of: 2_048) > 0 && link.time(of: .max) >= link.time(of: 2_048))
    #expect(link.departure(of: 1_200, now: Instant(), free: Instant()) != nil)
  }

  @Test("throughput is what the access link lets through, and the rest is counted as dropped")
  func throughput() throws {
    let simulation = try cluster(2)
    let rate = 20_000
    simulation.setBandwidth(Bandwidth(bytesPerSecond: rate, queueBytes: 6_000), of: 0)
    let before = simulation.counters(of: 1).bytesReceived
    let payload = [UInt8](repeating: 7, count: 1_000)
    for step in 0..<2_000 {
      simulation.at(Self.second(10 + Double(step) / 200)) { _ = $0.broadcast(payload, from: 0) }
    }
    simulation.run(until: Self.second(20))
    let received = simulation.counters(of: 1).bytesReceived - before
    #expect(Double(received) <= Double(rate) * 10)
    #expect(Double(received) > Double(rate) * 10 * 0.8)
    #expect(simulation.traffic.droppedQueue > 0)
  }

  @Test("a paused process sends and handles nothing; what arrived is handled when it goes on")
  func pause() throws {
    let simulation = try cluster(4)
    var heard: [Instant] = []
    simulation.observer = { [unowned simulation] observation, _ in
      if case .delivery(2, _, _, _, _) = observation { heard.append(simulation.now) }
    }
    simulation.pause(2, for: .seconds(3))
    let before = simulation.counters(of: 2)
    simulation.at(Self.second(11)) { simulation in
      #expect(simulation.broadcast([1], from: 0) != nil)
      #expect(simulation.broadcast([1], from: 2) == nil)
    }
    simulation.run(until: Self.second(12.999))
    #expect(simulation.isPaused(2) && heard.isEmpty)
    #expect(simulation.counters(of: 2) == before)
    simulation.run(until: Self.second(13))
    #expect(!simulation.isPaused(2) && heard == [Self.second(13)])
    #expect(simulation.counters(of: 2).datagramsSent > before.datagramsSent)
    #expect(simulation.traffic.droppedBuffer == 0)
    simulation.observer = nil
  }

  @Test("pauses add up to the later end, and a crash ends them")
  func pauses() throws {
    let simulation = try cluster(4)
    simulation.pause(1, for: .seconds(4))
    simulation.pause(1, for: .seconds(2))
    simulation.run(until: Self.second(13))
    #expect(simulation.isPaused(1))
    simulation.run(until: Self.second(14))
    #expect(!simulation.isPaused(1))
    simulation.pause(1, for: .seconds(4))
    simulation.inject([1, 2, 3], into: 1, from: 0)
    simulation.run(until: Self.second(16))
    simulation.crash(1)
    simulation.pause(1, for: .seconds(4))
    #expect(!simulation.isPaused(1) && simulation.traffic.droppedBuffer > 0)
    simulation.restart(1, contacts: [0])
    simulation.run(until: Self.second(17))
    #expect(simulation.lifecycle(of: 1) == .connected)
  }

  @Test("the receive buffer of a paused process is bounded in bytes")
  func buffer() throws {
    var model = NetworkModel()
    model.receiveBufferBytes = 3_000
    let simulation = try cluster(2, model: model)
    simulation.pause(1, for: .seconds(1))
    let before = simulation.traffic
    for _ in 0..<10 { simulation.inject([UInt8](repeating: 0, count: 500), into: 1, from: 5) }
    simulation.run(until: Self.second(10.5))
    #expect(simulation.traffic.droppedBuffer >= before.droppedBuffer + 4)
    simulation.run(until: Self.second(11))
    #expect(simulation.counters(of: 1).droppedMalformed + simulation.counters(of: 1).droppedChecksum <= 6)
  }

  @Test("a clock is exact, never goes back, and its inverse is the first moment", arguments: 1...8)
  func clock(seed: Int) {
    var generator = Generator(seed: UInt64(seed))
    var clock = VirtualClock()
    var time = Instant()
    var last = Instant()
    for _ in 0..<2_000 {
      time = time + UInt64(generator.below(3_000_000_000))
      if generator.chance(0.05) {
        let ahead = UInt64(generator.below(2) * generator.below(1_000_000))
        clock.change(at: time, partsPerMillion: generator.below(3_000_000) - 1_500_000, ahead: ahead)
      }
      let reading = clock.reading(at: time)
      #expect(reading >= last)
      last = reading
      let goal = reading + 1 + UInt64(generator.below(1_000_000_000))
      let moment = clock.time(of: goal)
      #expect(clock.reading(at: moment) >= goal)
      #expect(moment == Instant() || clock.reading(at: Instant(nanoseconds: moment.nanoseconds - 1)) < goal)
    }
    #expect(clock.time(of: .never) == .never)
    #expect(clock.reading(at: .never) >= last)
    clock.change(at: .never, partsPerMillion: .max, ahead: .max)
    #expect(clock.reading(at: .never) == .never)
  }

  @Test("a node sees its own clock: twice as fast, it sends its keepalives twice as often")
  func skew() throws {
    let simulation = try cluster(2)
    simulation.setClock(of: 0, partsPerMillion: 1_000_000, ahead: .seconds(1))
    #expect(simulation.clock(of: 0) == Self.second(11))
    #expect(simulation.clock(of: 1) == Self.second(10))
    let before = simulation.counters(of: 0).datagramsSent
    simulation.run(until: Self.second(110))
    #expect(simulation.clock(of: 0) == Self.second(211))
    // A keepalive a second of its own, and answers to the other's, which has less reason to send any.
    let sent = simulation.counters(of: 0).datagramsSent - before
    let plain = try cluster(2)
    let start = plain.counters(of: 0).datagramsSent
    plain.run(until: Self.second(110))
    let usual = plain.counters(of: 0).datagramsSent - start
    #expect(Double(sent) > 1.3 * Double(usual))
    #expect(simulation.isConnected())
  }

  @Test("a one-way cut lets datagrams pass to greater groups only")
  func oneWay() throws {
    let simulation = try cluster(2)
    simulation.partition(isOneWay: true) { $0 }
    // What was under way is still to come.
    simulation.run(until: Self.second(10.1))
    let before = (simulation.counters(of: 0), simulation.counters(of: 1))
    simulation.run(until: Self.second(14))
    #expect(simulation.counters(of: 0).datagramsReceived == before.0.datagramsReceived)
    #expect(simulation.counters(of: 1).datagramsReceived > before.1.datagramsReceived)
    simulation.heal()
    simulation.run(until: Self.second(40))
    #expect(simulation.isConnected())
  }

  @Test("every datagram sent or doubled arrived, was dropped for a reason, or is under way")
  func conservation() throws {
    var model = NetworkModel.hostile(loss: 0.1)
    model.bandwidth = Bandwidth(bytesPerSecond: 3_000, queueBytes: 1_500)
    let simulation = try cluster(20, model: model)
    simulation.partition { $0 % 2 }
    for process in 3..<6 { simulation.pause(process, for: .seconds(5)) }
    simulation.crash(7)
    simulation.run(until: Self.second(20))
    simulation.heal()
    simulation.run(until: Self.second(30))
    for process in 0..<20 { simulation.crash(process) }
    simulation.run(until: Self.second(60))
    let traffic = simulation.traffic
    #expect(traffic.sent + traffic.duplicated == traffic.arrived + traffic.dropped)
    #expect(traffic.droppedLoss > 0 && traffic.droppedPartition > 0 && traffic.droppedAbsent > 0)
    #expect(traffic.duplicated > 0 && traffic.corrupted > 0 && traffic.droppedQueue > 0)
    #expect(traffic.bytesSent > traffic.sent * 10 && traffic.bytesArrived < traffic.bytesSent)
  }

  @Test("with every model and fault at once, the same seed gives the same run")
  func replay() throws {
    func trace(seed: UInt64) throws -> UInt64 {
      var model = NetworkModel.hostile(loss: 0.1)
      model.latency = .logNormal(LogNormalDelay(median: .milliseconds(20), sigma: 0.7))
      model.jitter = 0.2
      model.bandwidth = Bandwidth(bytesPerSecond: 50_000, queueBytes: 20_000)
      let simulation = try Simulation(seed: seed, model: model)
      simulation.start(contacts: [])
      for _ in 1..<12 { simulation.start(contacts: [0]) }
      for process in 0..<12 { simulation.setClock(of: process, partsPerMillion: process * 100) }
      for step in 0..<50 {
        simulation.at(Self.second(3) + UInt64(step) * 50_000_000) {
          _ = $0.broadcast([1, 2], from: step % 12)
        }
      }
      simulation.at(Self.second(4)) { $0.pause(3, for: .seconds(2)) }
      simulation.run(until: Self.second(7))
      return simulation.trace
    }
    #expect(try trace(seed: 5) == trace(seed: 5))
    #expect(try trace(seed: 5) != trace(seed: 6))
  }
}
