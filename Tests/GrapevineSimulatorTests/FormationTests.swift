import GrapevineCore
import GrapevineSimulator
import Testing

@Suite("Formation: many nodes join through one contact")
struct FormationTests {
  private func milliseconds(_ count: Int) -> Instant { Instant(nanoseconds: UInt64(count) * 1_000_000) }

  @Test("64 nodes started a millisecond apart are one cluster within 250 ms", arguments: 1...8)
  func quickly(seed: Int) throws {
    var model = NetworkModel()
    model.delayLow = .microseconds(100)
    model.delayHigh = .microseconds(800)
    let simulation = try Simulation(seed: UInt64(seed), model: model)
    simulation.start(contacts: [])
    for number in 1..<64 { simulation.at(milliseconds(number)) { $0.start(contacts: [0]) } }
    simulation.run(until: milliseconds(250))
    #expect(simulation.processCount == 64)
    #expect(simulation.isConnected())
    for process in 0..<64 {
      #expect(simulation.lifecycle(of: process) == .connected)
      #expect(simulation.neighbourCount(of: process) <= Configuration().viewCapacity)
    }
  }
}
