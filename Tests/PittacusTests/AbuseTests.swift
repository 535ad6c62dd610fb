// What strangers and forgers can make a peer do: little.

import GrapevineCore
import GrapevineDialect
@testable import Pittacus
import Testing

@Suite("Pittacus: strangers and forgers")
struct AbuseTests {
  private func address(_ number: Int) -> Endpoint { PittacusNetwork.address(number) }

  private func id(_ number: Int) -> PittacusID { PittacusID(bytes: UInt64(number + 1) << 32) }

  private func member(_ number: Int, uid: UInt32 = 1) -> PittacusMember {
    PittacusMember(endpoint: address(number), uid: uid)
  }

  /// One engine that founded a cluster, alone at address 0.
  private func founder(_ change: (inout PittacusConfiguration) -> Void = { _ in }) throws -> PittacusNetwork {
    let network = PittacusNetwork(seed: 1)
    network.delays = 1...1
    var configuration = PittacusConfiguration()
    change(&configuration)
    try network.addPeer(0, configuration)
    try network[0].engine.join([], now: network.now)
    return network
  }

  private func tell(
    _ network: PittacusNetwork, _ message: Decoded, from source: Endpoint, milliseconds: Int = 3
  ) {
    network.send(message.encoded, from: source, to: address(0))
    network.run(milliseconds: milliseconds)
  }

  private func sent(_ network: PittacusNetwork, _ kind: PittacusKind, to host: Endpoint? = nil) throws -> Int
  {
    try network.takeStrays().filter {
      try Decoded($0.bytes).kind == kind && (host == nil || $0.destination.low == host?.low)
    }.count
  }

  @Test("a search through the window is not repeated when the window has moved on")
  func search() throws {
    let network = try founder()
    let window = UInt32(PittacusConfiguration().window)
    for number in [1, window + 1_000] {
      tell(network, .data(1, PittacusVersion(number: number, id: id(1)), [1]), from: address(1))
    }
    tell(network, .status(1, []), from: address(1))
    // Its own is at place 0.
    let searched = network[0].engine.originators[1].loggedFrom
    #expect(searched == window + 1_000)
  }

  @Test("a STATUS is paid for before it is compared, by all ports of a host together")
  func charged() throws {
    let network = try founder { $0.statusRate = 10 }
    for number in 0..<50 as Range<UInt16> {
      tell(
        network, .status(1, [PittacusVersion(number: 1, id: id(1))]),
        from: Endpoint(ipv4: 0x0a00_0002, port: 9_000 + number), milliseconds: 0)
    }
    network.run(milliseconds: 3)
    #expect(network[0].engine.counters.droppedExcess == 40)
  }

  @Test("a stranger's STATUS draws three messages at most, and its host few in a second, whatever its port")
  func amplification() throws {
    let network = try founder()
    for number in 0..<300 {
      tell(
        network, .data(1, PittacusVersion(number: 1, id: id(number)), [1]), from: address(1), milliseconds: 0)
    }
    network.run(milliseconds: 1_000)
    _ = network.takeStrays()
    tell(network, .status(1, []), from: address(9))
    #expect(try sent(network, .data, to: address(9)) == 3)
    for port in 0..<40 as Range<UInt16> {
      tell(network, .status(1, []), from: Endpoint(ipv4: 0x0a00_000a, port: 9_000 + port), milliseconds: 1)
    }
    network.run(milliseconds: 3)
    #expect(try sent(network, .data, to: address(9)) <= 12)
  }

  @Test("a member gets all that it lacks only once it has acknowledged something from its address")
  func proof() throws {
    let network = try founder { $0.tickInterval = .seconds(100) }
    tell(network, .hello(1, member(1)), from: address(1))
    for number in 0..<40 {
      tell(
        network, .data(1, PittacusVersion(number: 1, id: id(number)), [1]), from: address(2), milliseconds: 0)
    }
    network.run(milliseconds: 1_500)
    let numbers = try network.takeStrays().compactMap { stray -> UInt32? in
      guard stray.destination == address(1), case .data(let number, _, _) = try Decoded(stray.bytes) else {
        return nil
      }
      return number
    }
    let number = try #require(numbers.first)
    tell(network, .status(1, []), from: address(1))
    #expect(try sent(network, .data, to: address(1)) == 3)
    // Somebody else's word is none.
    tell(network, .acknowledgement(1, of: number), from: address(3))
    network.run(milliseconds: 1_000)
    tell(network, .status(2, []), from: address(1))
    #expect(try sent(network, .data, to: address(1)) <= 3)
    tell(network, .acknowledgement(1, of: number), from: address(1))
    network.run(milliseconds: 1_000)
    tell(network, .status(3, []), from: address(1))
    #expect(try sent(network, .data, to: address(1)) > 30)
  }

  @Test("numbers that no message has are dropped and counted; no forged one near the end is taken")
  func ends() throws {
    let network = try founder()
    tell(network, .data(1, PittacusVersion(number: 5, id: id(1)), [1]), from: address(1))
    for (number, originator) in [
      (0, 1), (0, 2), (.max, 1), (.max, 2), (PittacusEngine.numberLimit, 1), (PittacusEngine.numberLimit, 2),
    ] as [(UInt32, Int)] {
      tell(network, .data(2, PittacusVersion(number: number, id: id(originator)), [1]), from: address(1))
    }
    #expect(network[0].engine.counters.droppedUnexpected == 6)
    tell(network, .data(3, PittacusVersion(number: 6, id: id(1)), [1]), from: address(1))
    tell(network, .data(4, PittacusVersion(number: 1, id: id(2)), [1]), from: address(1))
    #expect(network[0].deliveries.map(\.sequence) == [5, 6, 1])
    _ = network.takeStrays()
    // Of the two records only the second counts.
    let records = [PittacusVersion(number: .max, id: id(7)), PittacusVersion(number: 9, id: id(8))]
    tell(network, .status(1, records), from: address(3))
    #expect(network[0].engine.counters.droppedUnexpected == 7)
    for stray in network.takeStrays() {
      guard case .status(_, let answer) = try Decoded(stray.bytes) else { continue }
      #expect(answer.contains { $0.id == id(8) } && !answer.contains { $0.id == id(7) })
    }
  }

  @Test("a stranger moves a peer's own numbers by small steps, a member not near their end")
  func ownNumbers() throws {
    let network = try founder { $0.numbersFromUID = false }
    let own = network[0].engine.identity.id
    tell(network, .status(1, [PittacusVersion(number: 1_000_000, id: own)]), from: address(1))
    tell(network, .data(1, PittacusVersion(number: 1_000_000, id: own), [1]), from: address(1))
    #expect(try network[0].broadcast([1], now: network.now) == 1)
    tell(network, .hello(1, member(1)), from: address(1))
    let place = network[0].engine.roster.place(0)
    network[0].engine.roster[place].isProven = true
    tell(
      network, .status(1, [PittacusVersion(number: PittacusEngine.numberLimit, id: own)]), from: address(1))
    #expect(try network[0].broadcast([1], now: network.now) == 2)
    tell(network, .status(2, [PittacusVersion(number: 1_000_000, id: own)]), from: address(1))
    #expect(try network[0].broadcast([1], now: network.now) == 1_000_001)
  }

  @Test("a HELLO that says nothing new is announced to nobody, nor one in another's name")
  func announcements() throws {
    let network = try founder()
    for number in 1...5 { tell(network, .hello(1, member(number)), from: address(number)) }
    _ = network.takeStrays()
    for _ in 0..<3 { tell(network, .hello(2, member(1)), from: address(1)) }
    tell(network, .hello(2, member(1, uid: 9)), from: address(2))
    tell(network, .hello(2, member(8)), from: address(2))
    let told = network.takeStrays().filter { ![address(1), address(2)].contains($0.destination) }
    #expect(try told.allSatisfy { try Decoded($0.bytes).kind != .memberList })
    tell(network, .hello(2, member(1, uid: 10)), from: address(1))
    #expect(try sent(network, .memberList, to: address(5)) == 1)
  }

  @Test("newcomers beyond the rate for announcements are announced later")
  func announcementRate() throws {
    let network = try founder { $0.outputSlots = 64 }
    for number in 1...20 { tell(network, .hello(1, member(number)), from: address(number)) }
    #expect(try sent(network, .memberList, to: address(1)) < 19)
    let waits = network[0].engine.hasUnannounced
    #expect(waits)
    network.run(milliseconds: 28_000)
    let stillWaits = network[0].engine.hasUnannounced
    #expect(!stillWaits)
  }

  @Test("who speaks itself finds room among members that only others named; without room nobody is welcome")
  func full() throws {
    let network = try founder { $0.members = 4 }
    tell(network, .memberList(1, (10..<14).map { member($0) }), from: address(50))
    #expect(network[0].engine.memberCount == 4)
    for number in 1...4 { tell(network, .hello(1, member(number)), from: address(number)) }
    #expect(Set(network[0].engine.members) == Set((1...4).map(address)))
    _ = network.takeStrays()
    tell(network, .hello(1, member(5)), from: address(5))
    #expect(try sent(network, .welcome) == 0)
    #expect(Set(network[0].engine.members) == Set((1...4).map(address)))
  }

  @Test("addresses to which an original cannot send are neither kept nor passed on")
  func unreachable() throws {
    let network = try founder()
    for address in [0x0000_0001, 0x7f00_0001, 0xf000_0001, 0x0aff_ffff, 0xffff_fffe] as [UInt32] {
      let bad = PittacusMember(endpoint: Endpoint(ipv4: address, port: 7_000), uid: 1)
      tell(network, .memberList(1, [bad]), from: self.address(1))
      tell(network, .hello(1, bad), from: self.address(1))
    }
    #expect(network[0].engine.members == [])
    let local = PittacusMember(endpoint: Endpoint(ipv4: 0x7f00_0001, port: 7_000), uid: 1)
    network.add(local.endpoint, try PittacusEngine(address: local.endpoint, uid: 1, seed: 1))
    try network[1].engine.join([], now: network.now)
    for port in [1, 2] as [UInt16] {
      let source = Endpoint(ipv4: 0x7f00_0001, port: port)
      let list = [member(1), PittacusMember(endpoint: Endpoint(ipv4: 0x7f00_0002, port: port), uid: 1)]
      network.send(Decoded.memberList(1, list).encoded, from: source, to: local.endpoint)
    }
    network.run(milliseconds: 3)
    #expect(network[1].engine.members.map(\.ipv4) == [0x7f00_0002, 0x7f00_0002])
  }
}
