// A node with a list of members, all of whom but itself are played by hand.

import Testing

@testable import GrapevineCore

/// A member that does and says what a test wants.
struct PlayedMember {
  let number: Int
  var run: UInt64
  var name = ""
  /// Whether it answers at all.
  var answers = true
  /// Whether it hears this node, and not only others.
  var hearsUs = true
  /// Whether it says that whom it was asked to probe does not answer.
  var sendsNacks = true
  /// Whether it refutes what it hears of itself.
  var refutes = false
  var incarnation: UInt32 = 1

  var endpoint: Endpoint { World.endpoint(number) }
  var record: AliveRecord { AliveRecord(number, run: run, incarnation: incarnation, name: name) }
  var id: UInt64 { record.id }
}

/// One real node, at address 1 and with the run 1, and played members from address 101 on.
final class MemberStage {
  let world = World()
  let member: Member
  var played: [PlayedMember] = []
  private var seen = 0

  /// Milliseconds that played members take to answer at most.
  private static let step = 5

  init(_ count: Int = 0, _ change: (inout MembershipRules) -> Void = { _ in }) throws {
    member = try world.add(1, configuration: World.listing(change), knowsAddress: true)
    world.join(member, [])
    add(count)
  }

  var own: UInt64 { StableID(address: member.endpoint).value }
  var ownIncarnation: UInt32 { member.node.ownMember?.incarnation ?? 0 }
  var counts: MemberCounts { member.node.memberCounts }
  var counters: Counters { member.node.counters }
  var mark: Int { world.sent.count }

  /// Adds members, which announce themselves.
  func add(_ count: Int) {
    for _ in 0..<count {
      let number = 101 + played.count
      played.append(PlayedMember(number: number, run: UInt64(number)))
      say(played.count - 1, .alive(played[played.count - 1].record))
    }
  }

  /// A played member sends the node a frame.
  func say(_ index: Int, _ messages: WireMessage..., source: Endpoint? = nil) {
    say(index, body: bytes(of: messages), source: source)
  }

  func say(_ index: Int, body: [UInt8], source: Endpoint? = nil) {
    let sender = played[index]
    let frame = memberFrame(body, id: sender.id, run: sender.run, to: member.id.value)
    world.inject(frame, into: member, from: source ?? sender.endpoint)
  }

  /// What the node thinks of a played member.
  func status(_ index: Int) -> MemberStatus? { seen(index)?.status }

  func seen(_ index: Int) -> GrapevineCore.Member? { member.node.member(StableID(played[index].id)) }

  /// What the node said in member frames to a played member.
  func heard(_ index: Int, since mark: Int = 0) -> [WireMessage] {
    heard(at: played[index].endpoint, since: mark)
  }

  func heard(at endpoint: Endpoint, since mark: Int = 0) -> [WireMessage] {
    world.sent[mark...].filter { $0.destination == endpoint && $0.bytes.first == Frame.member }
      .flatMap { messages(in: $0.bytes, sender: 0) ?? [] }
  }

  func changes(_ index: Int? = nil) -> [MemberChange] {
    member.events.compactMap { event in
      guard case .member(let change, let id, _, _) = event else { return nil }
      return index.map { played[$0].id == id.value } ?? true ? change : nil
    }
  }

  /// Lets time pass, in which the played members answer as they are set to.
  func pass(_ milliseconds: Int, until condition: () -> Bool = { false }) {
    for _ in 0..<milliseconds / Self.step {
      if condition() { return }
      world.run(UInt64(Self.step))
      while seen < world.sent.count {
        let packet = world.sent[seen]
        seen += 1
        guard packet.bytes.first == Frame.member,
          let index = played.firstIndex(where: { $0.endpoint == packet.destination }), played[index].answers,
          played[index].hearsUs
        else { continue }
        answer(index, messages(in: packet.bytes, sender: 0) ?? [])
      }
    }
  }

  private func answer(_ index: Int, _ heard: [WireMessage]) {
    for message in heard {
      switch message {
      case .verdict(let verdict) where verdict.id == played[index].id && played[index].refutes:
        played[index].incarnation = verdict.incarnation + 1
        say(index, .alive(played[index].record))
      case .ping(let number): say(index, .pingAnswer(number))
      case .pingRequest(let number, let id):
        let target = played.first { $0.id == id }
        if target?.answers == true {
          say(index, .pingAnswer(number))
        } else if played[index].sendsNacks {
          say(index, .pingInVain(number))
        }
      default: break
      }
    }
  }
}

extension Member {
  /// What this node knows of a member.
  func member(_ id: StableID) -> GrapevineCore.Member? { node.member(id) }
}

extension World {
  /// The small configuration with a list of members, and times as usual.
  static func listing(_ change: (inout MembershipRules) -> Void = { _ in }) -> Configuration {
    var configuration = World.small
    var rules = MembershipRules()
    rules.capacity = 64
    change(&rules)
    configuration.membership = rules
    return configuration
  }
}
