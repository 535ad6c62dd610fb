// What an original needs: each of its faults, and what a peer does so that it goes on.

import GossipPython
import GrapevineCore
import GrapevineDialect
import Testing

@Suite("gossip_python: originals")
struct PythonOriginalTests {
  private let original = local(8_080)
  private let other = local(8_081)

  private func hello(_ port: Int, uid: String = "1795272028.547", sequence: Int = 0) -> String {
    let digits = String(sequence)
    let padding = String(repeating: "0", count: 4 - digits.count)
    return "0100\(padding)\(digits)0001\(uid)0023/ip4/127.0.0.1/udp/\(port)"
  }

  private func data(_ sequence: Int, _ id: String, _ text: String) -> [UInt8] {
    PythonDatagram(
      sequence: 0, .data(PythonRecord(sequence: sequence, id: Array(id.utf8)), Array(text.utf8))
    ).bytes
  }

  private func status(_ records: [PythonRecord], sequence: Int = 0) -> [UInt8] {
    PythonDatagram(sequence: sequence, .status(PythonClock(records: records))).bytes
  }

  /// A seed that an original has joined, and what it got.
  private func seed(
    _ configuration: GossipPythonConfiguration = .init()
  ) throws -> (Cluster, Host) {
    let cluster = Cluster()
    let host = try cluster.add(7_000, configuration)
    try host.engine.join([], now: cluster.now)
    cluster.acknowledging = [original, other]
    cluster.inject(hello(8_080), from: original, to: host)
    return (cluster, host)
  }

  @Test("a recorded conversation: Hello, Welcome, Status, Ack, in the bytes that originals take")
  func conversation() throws {
    let (cluster, host) = try seed()
    #expect(host.engine.members == [original])
    let uid = host.engine.uid
    #expect(
      cluster.strays.map { String(decoding: $0.bytes, as: UTF8.self) }
        == ["02000001" + "0000" + "0001\(uid)" + "0023/ip4/127.0.0.1/udp/7000"])
    cluster.strays = []
    cluster.inject("0600000000000000", from: original, to: host)
    // Its clock is as empty as ours: an acknowledgement, and one Status with a number that it is to say again.
    #expect(cluster.strays.map { $0.bytes.prefix(4) } == [Array("0400".utf8)[...], Array("0600".utf8)[...]])
    #expect(
      cluster.strays.map { $0.bytes.dropFirst(8) } == [Array("0000".utf8)[...], Array("00000000".utf8)[...]])
  }

  @Test("a Hello is welcomed until something else comes from an original, then never again")
  func welcomes() throws {
    let (cluster, host) = try seed()
    cluster.inject(hello(8_080), from: original, to: host)
    #expect(try cluster.take(for: original).map(\.message.type) == [.welcome, .welcome])
    cluster.inject("0600000000000000", from: original, to: host)
    _ = try cluster.take(for: original)
    cluster.inject(hello(8_080), from: original, to: host)
    #expect(try cluster.take(for: original).isEmpty)
    // Another run at the same address has another uid.
    cluster.inject(hello(8_080, uid: "1795272099.001"), from: original, to: host)
    #expect(try cluster.take(for: original).map(\.message.type) == [.welcome])
  }

  @Test("an original gets nothing but a Welcome before it has shown that it is a member")
  func patience() throws {
    let (cluster, host) = try seed()
    _ = try cluster.take(for: original)
    try cluster.broadcast("early", from: host)
    cluster.run(for: .seconds(15))
    #expect(try cluster.take(for: original).isEmpty)
    cluster.inject(status([]), from: original, to: host)
    // What it lacks is in the log.
    #expect(try cluster.take(for: original).map(\.message.type) == [.acknowledgement, .status, .data])
  }

  @Test("an original is greeted every 20 s, and its Welcome is no surprise")
  func greetings() throws {
    let (cluster, host) = try seed()
    cluster.inject(status([]), from: original, to: host)
    _ = try cluster.take(for: original)
    var hellos = 0
    for _ in 0..<100 {
      cluster.run(for: .seconds(1))
      cluster.inject(status([]), from: original, to: host)
      for datagram in try cluster.take(for: original) where datagram.message.type == .hello {
        hellos += 1
        let welcome = PythonMessage.welcome(
          echo: datagram.sequence,
          PythonMember(
            uid: .fraction(Array("1795272028.547".utf8)), address: try address("/ip4/127.0.0.1/udp/8080")))
        cluster.inject(PythonDatagram(sequence: 0, welcome).bytes, from: original, to: host)
      }
    }
    #expect((4...5).contains(hellos))
    #expect(host.engine.members == [original])
    #expect(host.engine.counters.droppedUnexpected == 0)
  }

  @Test("acknowledgements carry the number in the header, for repeats too")
  func acknowledgements() throws {
    let (cluster, host) = try seed()
    _ = try cluster.take(for: original)
    for _ in 0..<3 { cluster.inject(status([], sequence: 11), from: original, to: host) }
    cluster.inject("030000120000", from: original, to: host)
    let answers = try cluster.take(for: original).filter { $0.message.type == .acknowledgement }
    #expect(answers.map(\.sequence) == [11, 11, 11, 12])
    #expect(answers.allSatisfy { $0.message == .acknowledgement(0) })
  }

  @Test("an acknowledgement ends the repeats, in the original's form and in the one with a field")
  func acknowledged() throws {
    let (cluster, host) = try seed()
    try cluster.broadcast("first", from: host)
    cluster.inject(status([]), from: original, to: host)
    for form in 0..<3 {
      _ = try cluster.take(for: original)
      try cluster.broadcast("\(form)", from: host)
      let sent = try #require(try cluster.take(for: original).first { $0.message.type == .data })
      if form == 0 { cluster.inject(ack(sent.sequence, 0), from: original, to: host) }
      if form == 1 { cluster.inject(ack(0, sent.sequence), from: original, to: host) }
      cluster.inject(
        status([PythonRecord(sequence: form + 2, id: host.engine.memberID)]), from: original, to: host)
      cluster.run(for: .seconds(10))
      let copies = try cluster.take(for: original).filter { $0.message.type == .data }.count
      #expect(copies == (form == 2 ? 2 : 0))
    }
  }

  private func ack(_ header: Int, _ field: Int) -> [UInt8] {
    PythonDatagram(sequence: header, .acknowledgement(field)).bytes
  }

  @Test("a Status that is behind is answered with the messages it lacks, in order, once a second")
  func replay() throws {
    let (cluster, host) = try seed()
    for number in 1...5 { try cluster.broadcast("\(number)", from: host) }
    _ = try cluster.take(for: original)
    let record = PythonRecord(sequence: 2, id: host.engine.memberID)
    for _ in 0..<10 { cluster.inject(status([record]), from: original, to: host) }
    let sent = try cluster.take(for: original).compactMap { datagram -> Int? in
      guard case .data(let record, _) = datagram.message else { return nil }
      return record.sequence
    }
    #expect(sent == [3, 4, 5])
    cluster.run(for: .milliseconds(1_100))
    cluster.inject(status([record]), from: original, to: host)
    #expect(try cluster.take(for: original).filter { $0.message.type == .data }.count == 3)
  }

  @Test("a Status that is ahead is answered with one Status a second, and an equal one with none")
  func requests() throws {
    let (cluster, host) = try seed()
    _ = try cluster.take(for: original)
    cluster.inject(status([]), from: original, to: host)
    _ = try cluster.take(for: original)
    let id = Array("/ip4/127.0.0.1/udp/9/uid/1234".utf8)
    for _ in 0..<10 { cluster.inject(status([PythonRecord(sequence: 3, id: id)]), from: original, to: host) }
    #expect(try cluster.take(for: original).filter { $0.message.type == .status }.count == 1)
    for number in 1...3 {
      cluster.inject(data(number, String(decoding: id, as: UTF8.self), "\(number)"), from: original, to: host)
    }
    cluster.run(for: .milliseconds(900))
    _ = try cluster.take(for: original)
    for _ in 0..<10 { cluster.inject(status([PythonRecord(sequence: 3, id: id)]), from: original, to: host) }
    #expect(try cluster.take(for: original).allSatisfy { $0.message.type == .acknowledgement })
    #expect(host.texts == ["1", "2", "3"])
  }

  @Test("what an original has in its clock is told back to it, the record without a name included")
  func mirrored() throws {
    let (cluster, host) = try seed()
    cluster.inject(status([PythonRecord(sequence: 0, id: [])]), from: original, to: host)
    _ = try cluster.take(for: original)
    cluster.run(for: .seconds(2))
    let clocks = try cluster.take(for: original).compactMap { datagram -> PythonClock? in
      guard case .status(let clock) = datagram.message else { return nil }
      return clock
    }
    #expect(clocks.count == 2)
    #expect(clocks.allSatisfy { $0 == PythonClock(records: [PythonRecord(sequence: 0, id: [])]) })
  }

  @Test("originators beyond what an original's clock holds are not sent to it")
  func clockBudget() throws {
    let (cluster, host) = try seed()
    cluster.inject(status([]), from: original, to: host)
    for port in 1...30 {
      let id = "/ip4/127.0.0.1/udp/191\(10 + port)/uid/4321"
      cluster.inject(data(1, id, "\(port)"), from: other, to: host)
    }
    cluster.run(for: .milliseconds(1_500))
    var ids: Set<[UInt8]> = []
    for _ in 0..<5 {
      cluster.inject(status([]), from: original, to: host)
      cluster.run(for: .milliseconds(1_500))
      for datagram in try cluster.take(for: original) {
        if case .data(let record, _) = datagram.message { ids.insert(record.id) }
        if case .status(let clock) = datagram.message { #expect(clock.records.count <= 9) }
        #expect(datagram.bytes.count <= 512)
      }
    }
    // By its own count: 512 bytes, less its own record and two to spare.
    #expect((4...7).contains(ids.count))
    #expect(host.texts.count == 30)
    #expect(host.engine.counters.droppedExcess > 0)
  }

  @Test("many peers agree on five of them whose messages originals get, also when all begin at once")
  func agreement() throws {
    let cluster = Cluster(seed: 43)
    cluster.acknowledging = [original]
    for index in 0..<12 {
      let host = try cluster.add(7_000 + index)
      try host.engine.join(index == 0 ? [] : [local(7_000)], now: cluster.now)
    }
    cluster.run(for: .seconds(5))
    for host in cluster.hosts { cluster.inject(hello(8_080), from: original, to: host) }
    for host in cluster.hosts { cluster.inject(status([]), from: original, to: host) }
    for host in cluster.hosts { try cluster.broadcast("from \(host.endpoint.port)", from: host) }
    cluster.run(for: .seconds(3))
    for host in cluster.hosts { cluster.inject(status([]), from: original, to: host) }
    var ids: Set<[UInt8]> = []
    for datagram in try cluster.take(for: original) {
      if case .data(let record, _) = datagram.message { ids.insert(record.id) }
    }
    #expect(ids == Set(cluster.hosts.prefix(5).map { $0.engine.memberID }))
    for host in cluster.hosts { #expect(host.texts.count == 11) }
  }

  @Test("messages without a number are known by their text, and reach all peers once")
  func anonymous() throws {
    let cluster = Cluster()
    for index in 0..<4 {
      let host = try cluster.add(7_000 + index)
      try host.engine.join(index == 0 ? [] : [local(7_000)], now: cluster.now)
    }
    cluster.run(for: .seconds(5))
    for round in 0..<20 {
      // An original repeats its last message with each Status, here for longer than a text is remembered.
      for host in cluster.hosts.prefix(3) { cluster.inject(data(0, "", "text"), from: original, to: host) }
      if round == 10 { cluster.inject(data(0, "", "text"), from: other, to: cluster.hosts[0]) }
      cluster.run(for: .seconds(5))
    }
    for host in cluster.hosts {
      #expect(host.texts == ["text", "text"])
      #expect(host.delivered.map(\.origin) == ["/ip4/127.0.0.1/udp/8080", "/ip4/127.0.0.1/udp/8081"])
      #expect(host.delivered.allSatisfy { $0.sequence == 0 })
    }
  }

  @Test("nobody sends in our name")
  func forged() throws {
    let (cluster, host) = try seed()
    try cluster.broadcast("mine", from: host)
    let name = String(decoding: host.engine.memberID, as: UTF8.self)
    cluster.inject(data(1, name, "mine"), from: original, to: host)
    cluster.inject(data(2, name, "not mine"), from: original, to: host)
    #expect(host.texts.isEmpty)
    #expect(host.engine.counters.duplicates == 1)
    #expect(host.engine.counters.droppedUnexpected == 1)
  }

  @Test("no list goes to an original, unless it is wanted", arguments: [false, true])
  func lists(areWanted: Bool) throws {
    var configuration = GossipPythonConfiguration()
    configuration.listsForOriginals = areWanted
    let (cluster, host) = try seed(configuration)
    cluster.inject(status([]), from: original, to: host)
    _ = try cluster.take(for: original)
    cluster.inject("01000007000143210023/ip4/127.0.0.1/udp/8081", from: other, to: host)
    cluster.inject(status([]), from: other, to: host)
    #expect(try cluster.take(for: original).map(\.message.type) == (areWanted ? [.memberList] : []))
    let list = try cluster.take(for: other).compactMap { datagram -> [PythonMember]? in
      guard case .memberList(let members) = datagram.message else { return nil }
      return members
    }
    // Four digits stand for the uid of an original: eight would break the list.
    #expect(list == [[PythonMember(uid: .number(2_028), address: try address("/ip4/127.0.0.1/udp/8080"))]])
  }

  @Test("whom a list names is greeted later, and given up when it does not answer")
  func introductions() throws {
    let (cluster, host) = try seed()
    cluster.inject(status([]), from: original, to: host)
    cluster.inject("030000000001000143220023/ip4/127.0.0.1/udp/8081", from: original, to: host)
    cluster.inject("030000000001000143220023/ip4/127.0.0.1/udp/7000", from: original, to: host)
    cluster.run(for: .seconds(1))
    #expect(try cluster.take(for: other).isEmpty)
    for _ in 0..<40 {
      cluster.run(for: .seconds(1))
      cluster.inject(status([]), from: original, to: host)
    }
    #expect(try cluster.take(for: other).count == 3)
    #expect(host.engine.members == [original])
    #expect(host.engine.counters.membersLost == 0)
  }

  @Test("an originator is greeted at the address in its name, so that peers meet behind an original")
  func originators() throws {
    let (cluster, host) = try seed()
    cluster.inject(data(1, "/ip4/127.0.0.1/udp/8081/uid/4321", "x"), from: original, to: host)
    cluster.inject(data(1, "/ip4/127.0.0.1/udp/8082/uid/1795272028.547", "y"), from: original, to: host)
    cluster.inject(data(1, "/ip4/nowhere/udp/8083/uid/4321", "z"), from: original, to: host)
    cluster.run(for: .seconds(3))
    #expect(try cluster.take(for: other).first?.message.type == .hello)
    #expect(try cluster.take(for: local(8_082)).isEmpty)
    #expect(host.texts == ["x", "y", "z"])
  }
}
