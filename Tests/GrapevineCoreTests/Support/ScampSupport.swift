// A member of a SCAMP cluster among neighbours that are played by hand.

import Testing

@testable import GrapevineCore

/// A small configuration of SCAMP: the plain paper, unless changed.
func scampConfiguration(_ change: (inout ScampRules) -> Void = { _ in }) -> Configuration {
  var rules = ScampRules()
  rules.copies = 0
  rules.walkLength = 0
  change(&rules)
  var configuration = World.small
  configuration.overlay = .scamp(rules)
  configuration.viewCapacity = 56
  return configuration
}

/// One member, and neighbours by hand that hold it or are held by it.
struct ScampStage {
  let world = World()
  let member: Member
  private(set) var neighbours: [Intruder] = []
  private var numbers: [UInt16] = []

  init(_ configuration: Configuration = scampConfiguration(), contact: Bool = false) throws {
    member = try world.add(1, configuration: configuration)
    world.join(member, contact ? [World.endpoint(90)] : [])
  }

  /// Adds a neighbour that holds the member, and is held by it when `isHeld`.
  @discardableResult
  mutating func add(isHeld: Bool = false) throws -> Int {
    let number = 100 + neighbours.count
    neighbours.append(try Intruder(number, id: UInt64(number), linksWith: member, need: .arc, in: world))
    numbers.append(0)
    if isHeld { say(neighbours.count - 1, .subscription(subscription(of: neighbours.count - 1), hops: 255)) }
    return neighbours.count - 1
  }

  /// A neighbour says that it does not hold the member.
  mutating func letGo(_ neighbour: Int) { say(neighbour, .arc(isHeld: false)) }

  /// A neighbour says something with its next number.
  mutating func say(_ neighbour: Int, _ message: ScampMessage) {
    numbers[neighbour] += 1
    neighbours[neighbour].send(.scamp(numbers[neighbour], message), in: world)
  }

  /// A neighbour says something again that it said last.
  mutating func repeatLast(_ neighbour: Int, _ message: ScampMessage) {
    neighbours[neighbour].send(.scamp(numbers[neighbour], message), in: world)
  }

  mutating func send(_ neighbour: Int, _ messages: WireMessage...) {
    neighbours[neighbour].send(bytes(of: messages), in: world)
  }

  func record(_ neighbour: Int) -> PeerRecord {
    PeerRecord(id: neighbours[neighbour].id, endpoint: neighbours[neighbour].endpoint)
  }

  func subscription(of neighbour: Int, lease: UInt64 = 0) -> Subscription {
    Subscription(purpose: .renewal, lease: lease, subscriber: record(neighbour))
  }

  /// Somebody who is not there.
  static func stranger(_ number: Int, lease: UInt64 = 0) -> Subscription {
    Subscription(
      purpose: .renewal, lease: lease,
      subscriber: PeerRecord(id: UInt64(number), endpoint: World.endpoint(number)))
  }

  /// What the member said to a neighbour since the wire held `mark` datagrams, confirmations left out.
  func heard(_ neighbour: Int, since mark: Int = 0) -> [WireMessage] {
    heard(at: neighbours[neighbour].endpoint, since: mark).filter { message in
      if case .taken = message { false } else { true }
    }
  }

  func heard(at endpoint: Endpoint, since mark: Int = 0) -> [WireMessage] {
    world.sent[mark...].filter { $0.destination == endpoint }
      .flatMap { messages(in: $0.bytes, sender: member.id.value) ?? [] }
  }

  /// The copies of subscriptions that were sent on to any neighbour.
  func copies(since mark: Int = 0) -> [(neighbour: Int, Subscription, hops: UInt8)] {
    neighbours.indices.flatMap { neighbour in
      heard(neighbour, since: mark).compactMap { message in
        guard case .scamp(_, .subscription(let subscription, let hops)) = message else { return nil }
        return (neighbour, subscription, hops)
      }
    }
  }

  /// The walks that were sent on to any neighbour.
  func walks(since mark: Int = 0) -> [(neighbour: Int, IndirectWalk)] {
    neighbours.indices.flatMap { neighbour in
      heard(neighbour, since: mark).compactMap { message in
        guard case .scamp(_, .indirect(let walk)) = message else { return nil }
        return (neighbour, walk)
      }
    }
  }

  /// Whether somebody was greeted.
  func hasGreeted(_ endpoint: Endpoint, since mark: Int = 0) -> Bool {
    heard(at: endpoint, since: mark).contains { message in
      if case .hello = message { true } else { false }
    }
  }

  var mark: Int { world.sent.count }

  /// Lets time pass in which every neighbour confirms what it hears and shows that it lives.
  mutating func linger(_ milliseconds: Int) {
    for _ in 0..<milliseconds / 50 {
      let mark = mark
      world.run(50)
      for neighbour in neighbours.indices {
        send(neighbour, .acknowledge(highest: 0, count: 0))
        for message in heard(neighbour, since: mark) {
          if case .scamp(let number, _) = message { send(neighbour, .taken(number)) }
        }
      }
    }
  }
}
