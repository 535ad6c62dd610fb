import GrapevineCore
import GrapevineSimulator
import Testing

@Suite("A large message on long and narrow paths")
struct LargeLabTests {
  private func lab(storesAndForwards: Bool = false, loss: Double = 0) -> LargeLab {
    var lab = LargeLab(seed: 3)
    lab.nodes = 30
    lab.bytes = 100_000
    lab.storesAndForwards = storesAndForwards
    lab.loss = loss
    return lab
  }

  @Test("fragments that go on at once are sooner everywhere than messages that are stored and forwarded")
  func pipelined() throws {
    let ours = try lab().run()
    let theirs = try lab(storesAndForwards: true).run()
    #expect(ours.delivered == ours.expected && theirs.delivered == theirs.expected)
    #expect(ours.repeated == 0 && ours.duplicates <= 0.05)
    #expect(ours.p99 <= 0.6 * theirs.p99)
  }

  @Test("losses cost time and no message")
  func lossy() throws {
    let outcome = try lab(loss: 0.03).run()
    #expect(outcome.delivered == outcome.expected && outcome.repeated == 0)
    #expect(outcome.parity > 0)
  }
}
