// Members that come, go, fail and are found again, in virtual time.

import GrapevineCore
import Testing

@testable import GrapevineSimulator

/// A cluster, and what its nodes reported of each other.
final class MemberWatch {
  let simulation: Simulation
  private(set) var events: [(time: Instant, node: Int, change: MemberChange, about: Int)] = []
  private(set) var others: [(node: Int, event: Event)] = []

  init(
    seed: UInt64 = 1, _ change: (inout Configuration) -> Void = { _ in }, model: NetworkModel = .init()
  ) throws {
    var configuration = Configuration()
    change(&configuration)
    simulation = try Simulation(seed: seed, configuration: configuration, model: model)
    simulation.observer = { [unowned self] observation, _ in
      guard case .event(let node, let event) = observation else { return }
      if case .member(let change, _, _, let endpoint) = event {
        let about = endpoint.ipv4.map { Int($0 & 0x00ff_ffff) - 1 } ?? -1
        events.append((simulation.now, node, change, about))
      } else {
        others.append((node, event))
      }
    }
  }

  func run(_ seconds: Double) {
    simulation.run(until: simulation.now + UInt64(seconds * 1_000_000_000))
  }

  /// Starts nodes one after the other, each through the first.
  func start(_ count: Int) {
    for number in 0..<count {
      simulation.start(contacts: number == 0 ? [] : [0])
      run(0.01)
    }
  }

  func changes(_ change: MemberChange, about: Int? = nil, since: Instant = Instant()) -> [Int] {
    events.filter { $0.change == change && $0.time >= since && (about == nil || $0.about == about) }
      .map(\.node)
  }

  func counts(_ process: Int) -> MemberCounts { simulation.memberCounts(of: process) }
}

@Suite struct MembershipTests {
  @Test(arguments: [2, 8, 40])
  func everybodySeesEverybody(count: Int) throws {
    let watch = try MemberWatch()
    watch.start(count)
    watch.run(3)
    for process in 0..<count { #expect(watch.counts(process).alive == count) }
    #expect(watch.changes(.joined).count == count * (count - 1))
    #expect(watch.changes(.suspected).isEmpty)
  }

  @Test func aCrashIsFailedEverywhere() throws {
    let watch = try MemberWatch()
    watch.start(20)
    watch.run(5)
    watch.simulation.crash(7)
    watch.run(60)
    #expect(Set(watch.changes(.failed, about: 7)).count == 19)
    #expect(watch.changes(.failed).count == 19)
    #expect(watch.counts(3).alive == 19)
    #expect(watch.counts(3).failed == 1)
  }

  @Test func whoLeavesHasLeft() throws {
    let watch = try MemberWatch()
    watch.start(20)
    watch.run(5)
    watch.simulation.leave(7)
    watch.run(30)
    #expect(Set(watch.changes(.left, about: 7)).count == 19)
    #expect(watch.changes(.failed).isEmpty)
    #expect(watch.changes(.suspected).isEmpty)
  }

  @Test func aRestartIsTheSameMember() throws {
    let watch = try MemberWatch()
    watch.start(10)
    watch.run(5)
    let before = try #require(watch.simulation.member(of: 7, seenBy: 3))
    watch.simulation.crash(7)
    watch.run(0.5)
    watch.simulation.restart(7, contacts: [0])
    watch.run(5)
    let after = try #require(watch.simulation.member(of: 7, seenBy: 3))
    #expect(after.id == before.id)
    #expect(after.incarnation > before.incarnation)
    #expect(after.run != before.run)
    #expect(after.status == .alive)
    #expect(watch.counts(3).alive == 10)
  }

  @Test func aPauseAccusesNobody() throws {
    let watch = try MemberWatch()
    watch.start(20)
    watch.run(5)
    watch.simulation.pause(7, for: .seconds(5))
    watch.run(60)
    #expect(watch.events.filter { $0.node == 7 && $0.change == .failed }.isEmpty)
    #expect(watch.events.filter { $0.about != 7 && $0.change == .failed }.isEmpty)
    #expect(watch.counts(3).alive == 20)
  }

  @Test func halvesFindEachOther() throws {
    let watch = try MemberWatch()
    watch.start(20)
    watch.run(5)
    watch.simulation.partition { $0 % 2 }
    watch.run(300)
    #expect(watch.counts(4).alive == 10)
    #expect(watch.counts(4).failed == 10)
    watch.simulation.heal()
    watch.run(60)
    for process in 0..<20 { #expect(watch.counts(process).alive == 20) }
    #expect(watch.simulation.isConnected())
    #expect(watch.changes(.merged).count == 20 * 10)
  }
}
