import GrapevineCore
import Testing

@testable import GrapevineSimulator

@Suite("Latency: each link has the delay of its model")
struct LatencyTests {
  /// The delays of all links among 200 processes, in milliseconds.
  private func delays(_ model: NetworkModel, seed: UInt64 = 1) throws -> [Double] {
    let simulation = try Simulation(seed: seed, model: model)
    return (0..<200).flatMap { source in
      (0..<200).filter { $0 != source }.map { Double(simulation.delay(from: source, to: $0)) / 1e6 }
    }
  }

  private func model(_ latency: LatencyModel) -> NetworkModel {
    var model = NetworkModel()
    model.latency = latency
    return model
  }

  private func share(_ delays: [Double], below limit: Double) -> Double {
    Double(delays.count { $0 < limit }) / Double(delays.count)
  }

  @Test("fixed: the same for all")
  func fixed() throws {
    #expect(try delays(model(.fixed(.milliseconds(30)))).allSatisfy { $0 == 30 })
  }

  @Test("uniform: between the two, a quarter in each quarter")
  func uniform() throws {
    let delays = try delays(model(.uniform(low: .milliseconds(10), high: .milliseconds(50))))
    #expect(delays.allSatisfy { (10...50).contains($0) })
    for quarter in 1...3 {
      #expect(abs(share(delays, below: 10 + 10 * Double(quarter)) - Double(quarter) / 4) < 0.01)
    }
  }

  @Test("log-normal: the median, the mean and the quantiles are those of the distribution")
  func logNormal() throws {
    let delays = try delays(model(.logNormal(LogNormalDelay(median: .milliseconds(20), sigma: 0.5))))
    #expect(abs(share(delays, below: 20) - 0.5) < 0.01)
    // One standard deviation of the logarithm on either side: e^0.5 and e^-0.5.
    #expect(abs(share(delays, below: 20 * 1.648_721) - 0.841_345) < 0.01)
    #expect(abs(share(delays, below: 20 / 1.648_721) - 0.158_655) < 0.01)
    // The mean of a log-normal variable is its median times e to the half of the variance.
    let mean = delays.reduce(0, +) / Double(delays.count)
    #expect(abs(mean - 20 * 1.133_148) < 0.2)
  }

  @Test("log-normal: nothing is above the cap, which many would exceed")
  func cap() throws {
    let capped = LogNormalDelay(median: .milliseconds(20), sigma: 1, cap: .milliseconds(40))
    let delays = try delays(model(.logNormal(capped)))
    #expect(delays.max() == 40)
    #expect((0.2...0.3).contains(Double(delays.count { $0 == 40 }) / Double(delays.count)))
  }

  @Test("log-normal: bad arguments are brought inside")
  func badArguments() {
    #expect(LogNormalDelay(median: .milliseconds(1), sigma: .nan).sigma == 0)
    #expect(LogNormalDelay(median: .milliseconds(1), sigma: 99).sigma == 3)
    let negative = LogNormalDelay(median: .milliseconds(-1), sigma: 1)
    #expect(negative.quantile(.max) == 0 && negative.quantile(0) == 0)
    let huge = LogNormalDelay(median: .seconds(Int64.max), sigma: 3, cap: .seconds(Int64.max))
    #expect(huge.quantile(.max) == 3_600_000_000_000)
  }

  @Test("a link keeps its delay, the way back and other seeds have their own")
  func stable() throws {
    let model = model(.logNormal(LogNormalDelay(median: .milliseconds(20), sigma: 0.5)))
    let simulation = try Simulation(seed: 3, model: model)
    let other = try Simulation(seed: 4, model: model)
    let there = simulation.delay(from: 4, to: 5)
    #expect((0..<50).allSatisfy { _ in simulation.delay(from: 4, to: 5) == there })
    #expect(simulation.delay(from: 5, to: 4) != there)
    #expect(other.delay(from: 4, to: 5) != there)
  }

  @Test("jitter is added to the delay of the link, up to its share")
  func jitter() throws {
    var model = model(.fixed(.milliseconds(100)))
    model.jitter = 0.1
    let delays = try delays(model)
    #expect(delays.allSatisfy { (100...110).contains($0) })
    #expect(abs(share(delays, below: 105) - 0.5) < 0.01)
  }

  @Test("nodes measure the round trip that the model gives their link")
  func roundTrip() throws {
    let simulation = try Simulation(seed: 1, model: model(.fixed(.milliseconds(30))))
    simulation.start(contacts: [])
    simulation.start(contacts: [0])
    for second in 1..<20 as Range<UInt64> {
      simulation.at(Instant(nanoseconds: second * 1_000_000_000)) { _ = $0.broadcast([1], from: 0) }
    }
    simulation.run(until: Instant(nanoseconds: 20_000_000_000))
    let measured = simulation.processes[0].node?.pointee.neighbours.first?.roundTrip
    let roundTrip = try #require(measured)
    // And what the other side waits before it confirms.
    #expect((60_000_000...130_000_000).contains(roundTrip))
  }

  @Test("the functions behind the tables are as exact as they claim")
  func mathematics() {
    #expect(abs(Mathematics.logarithm(10) - 2.302_585_092_994_046) < 1e-14)
    #expect(abs(Mathematics.logarithm(0.001) + 6.907_755_278_982_137) < 1e-14)
    #expect(Mathematics.logarithm(1) == 0)
    #expect(abs(Mathematics.exponential(1) - 2.718_281_828_459_045) < 1e-14)
    #expect(abs(Mathematics.exponential(-10) / 4.539_992_976_248_485e-5 - 1) < 1e-14)
    #expect(Mathematics.exponential(1e9).isFinite && Mathematics.exponential(-1e9) > 0)
    #expect(Mathematics.normalQuantile(0.5) == 0)
    #expect(abs(Mathematics.normalQuantile(0.975) - 1.959_963_985) < 1e-8)
    #expect(abs(Mathematics.normalQuantile(0.0001) + 3.719_016_485) < 1e-7)
    #expect(Mathematics.normalQuantile(0.9) == -Mathematics.normalQuantile(1 - 0.9))
  }
}
