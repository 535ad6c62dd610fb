import Testing

@testable import GrapevineCore

@Suite("Full view: everybody is everybody's neighbour")
struct FullViewTests {
  private static func configuration(_ capacity: Int = 16) -> Configuration {
    var configuration = World.small
    configuration.overlay = .full
    configuration.viewTarget = min(5, capacity)
    configuration.viewCapacity = capacity
    return configuration
  }

  private func isComplete(_ members: [Member]) -> Bool {
    members.allSatisfy { $0.node.neighbourCount == members.count - 1 }
  }

  @Test("ten members through one contact are all linked with all within half a second")
  func ten() throws {
    let world = World()
    for number in 1...10 {
      let member = try world.add(number, configuration: Self.configuration())
      world.join(member, number == 1 ? [] : [World.endpoint(1)])
    }
    #expect(world.run(500) { self.isComplete(world.members) })
    world.run(10_000)
    #expect(isComplete(world.members))
    #expect(world.members.allSatisfy { $0.counters.linksUp == 9 }, "no link was made twice")
    try world.broadcast("all", from: world.members[4])
    world.run(100)
    #expect(world.members.count { $0.texts == ["all"] } == 9)
  }

  @Test("a newcomer's contact tells all others, who greet it", arguments: 1...10)
  func newcomer(contact: Int) throws {
    let world = World()
    var members = try world.cluster(10, configuration: Self.configuration())
    let newcomer = try world.add(11, configuration: Self.configuration())
    members.append(newcomer)
    world.join(newcomer, [World.endpoint(contact)])
    #expect(world.run(200) { self.isComplete(members) })
  }

  @Test("all find all over 10 % loss too", arguments: 1...4 as ClosedRange<UInt64>)
  func lossy(seed: UInt64) throws {
    let world = World()
    var generator = Generator(seed: seed)
    world.isLost = { _ in generator.chance(0.1) }
    for number in 1...10 {
      let member = try world.add(number, configuration: Self.configuration())
      world.join(member, number == 1 ? [] : [World.endpoint(1)])
      world.run(20)
    }
    #expect(world.run(15_000) { self.isComplete(world.members) })
  }

  @Test("a member whom the newcomer's contact could not tell of it learns of it from the others")
  func untold() throws {
    let world = World()
    var members = try world.cluster(6, configuration: Self.configuration())
    let newcomer = try world.add(7, configuration: Self.configuration())
    members.append(newcomer)
    // The contact's first words to the third member are lost, and the newcomer is not told of it either.
    world.isLost = { $0.source == World.endpoint(1) && $0.destination == World.endpoint(3) }
    world.join(newcomer, [World.endpoint(1)])
    world.run(20)
    world.isLost = { _ in false }
    #expect(world.run(20_000) { self.isComplete(members) })
  }

  @Test("one that crashed and comes back is everybody's neighbour again")
  func restart() throws {
    let world = World()
    let members = try world.cluster(6, configuration: Self.configuration())
    world.crash(members[3])
    world.run(4_000)
    let rest = members.filter { $0 !== members[3] }
    #expect(isComplete(rest))
    let again = try world.add(4, id: 40, configuration: Self.configuration())
    world.join(again, [World.endpoint(2)])
    #expect(world.run(15_000) { self.isComplete(rest + [again]) })
  }

  @Test("two halves are one again after a partition")
  func partition() throws {
    let world = World()
    let members = try world.cluster(6, configuration: Self.configuration())
    let firstHalf = Set((1...3).map(World.endpoint))
    world.isLost = { firstHalf.contains($0.source) != firstHalf.contains($0.destination) }
    world.run(8_000)
    #expect(members.allSatisfy { $0.node.neighbourCount == 2 })
    world.isLost = { _ in false }
    #expect(world.run(60_000) { self.isComplete(members) })
  }

  @Test(
    "a full member refuses, names others, and keeps whom it has",
    arguments: [LinkNeed.low, .high, .join, .arc])
  func beyondCapacity(need: LinkNeed) throws {
    var stage = try Stage(Self.configuration(4))
    try stage.add(4, need: .arc)
    guard case .refuse(let answer, let records) = try stage.ask(50, need) else {
      Issue.record("it was accepted")
      return
    }
    #expect(answer.detail == UInt64(RefusalReason.full.rawValue) && !records.isEmpty)
    #expect(stage.linked == [0, 1, 2, 3])
  }

  @Test("more members than a view holds: nobody holds too many, and nobody asks without end")
  func crowd() throws {
    let world = World()
    for number in 1...12 {
      let member = try world.add(number, configuration: Self.configuration(6))
      world.join(member, number == 1 ? [] : (1..<number).map(World.endpoint))
      world.run(200)
    }
    world.run(10_000)
    #expect(world.members.allSatisfy { (1...6).contains($0.node.neighbourCount) })
    let mark = world.sent.count
    world.run(10_000)
    #expect(world.sent.count - mark < 12 * 10 * 60, "\(world.sent.count - mark) datagrams in 10 s")
  }
}
