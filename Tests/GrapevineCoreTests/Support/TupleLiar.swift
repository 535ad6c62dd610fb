// A neighbour that takes part in what is said of tuples, and says of them whatever a test wants.

import Testing

@testable import GrapevineCore

/// An intruder that acknowledges what it gets and has an answer for everything.
struct TupleLiar {
  var intruder: Intruder
  private var mark: Int
  private var received: UInt16 = 0
  /// What the victim said so far.
  private(set) var heard: [TupleWire] = []

  init(_ number: Int, linksWith victim: Member, in world: World) throws {
    mark = world.sent.count
    intruder = try Intruder(number, id: UInt64(number), linksWith: victim, in: world)
  }

  /// Lets time pass in steps of 10 ms, answering what comes.
  mutating func linger(_ milliseconds: Int, in world: World, answer: (TupleWire) -> [TupleWire] = { _ in [] })
  {
    for _ in 0..<max(1, milliseconds / 10) {
      step(in: world, answer: answer)
      world.run(10)
    }
  }

  mutating func step(in world: World, answer: (TupleWire) -> [TupleWire]) {
    let packets = world.sent[mark...].filter { $0.destination == intruder.endpoint && $0.handshake == nil }
    mark = world.sent.count
    var answers: [TupleWire] = []
    var highest: UInt16?
    for packet in packets where packet.bytes.first == Frame.link {
      received &+= 1
      highest = UInt16(packet.bytes[5]) << 8 | UInt16(packet.bytes[6])
      for case .tuple(let message) in messages(in: packet.bytes, sender: intruder.victim.id.value) ?? [] {
        heard.append(message)
        answers += answer(message)
      }
    }
    if let highest {
      intruder.send(.acknowledge(highest: highest, count: received), in: world)
    } else {
      intruder.send(.acknowledge(highest: 0, count: 0), in: world)
    }
    for message in answers { intruder.send(message, in: world) }
  }
}

/// Members with tuples, and a liar linked with the first.
struct TupleSiege {
  let world: World
  let members: [Member]
  var liar: TupleLiar

  init(_ count: Int = 2, tuples: Int = 0, _ change: (inout Configuration) -> Void = { _ in }) throws {
    world = World()
    var configuration = World.tuples
    configuration.tuples?.syncInterval = .seconds(2)
    change(&configuration)
    members = try world.cluster(count, configuration: configuration)
    for number in 0..<tuples {
      try world.publish("key/\(number)", [UInt8(truncatingIfNeeded: number)], by: members[0])
      if number % 100 == 99 { world.run(200) }
    }
    world.run(500)
    liar = try TupleLiar(66, linksWith: members[0], in: world)
  }

  var victim: Member { members[0] }
  /// The time of day in milliseconds.
  var time: UInt64 { world.timeOfDay(victim) }

  func tuple(_ key: String, _ value: [UInt8], ahead: Int = 0, writer: UInt64 = 66) -> ModelTuple {
    let milliseconds = UInt64(max(0, Int(time) + ahead))
    var tuple = ModelTuple(Array(key.utf8), value, clock: milliseconds << 16)
    tuple.writer = writer
    return tuple
  }

  /// A summary that differs from the victim's, by a few or by the given number of versions.
  func otherSummary(_ count: Int? = nil, flags: UInt8 = 0, sharedAt: UInt64 = 0) -> TupleWire {
    .summary(
      flags: flags, count: UInt64(count ?? victim.node.tuples.table.count),
      fingerprint: victim.node.tupleFingerprint &+ 1, sharedAt: sharedAt)
  }

  /// Checks that writes still reach all, and that all have the same map.
  func expectHonestMaps(
    _ comment: Comment? = nil, within milliseconds: UInt64 = 3_000,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    for (number, member) in members.enumerated() {
      try world.publish("honest/\(number)", [UInt8(number)], by: member)
    }
    world.run(milliseconds)
    for member in members {
      #expect(
        member.node.tupleFingerprint == victim.node.tupleFingerprint, comment, sourceLocation: sourceLocation)
      for number in members.indices {
        #expect(member.tuples["honest/\(number)"] == [UInt8(number)], comment, sourceLocation: sourceLocation)
      }
    }
  }
}
