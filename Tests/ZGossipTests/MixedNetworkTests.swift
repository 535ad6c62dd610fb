import GrapevineCore
import Testing
import ZGossip

/// Nodes of ours among those of CZMQ.
@Suite struct MixedNetworkTests {
  private static let second: Nanoseconds = 1_000_000_000

  /// Three of ours and three originals by turns, connected as a line or a ring.
  private func mixed(_ isRing: Bool, seed: UInt64 = 1) -> ZGossipNetwork {
    let network = ZGossipNetwork(seed: seed)
    for index in 0..<6 { if index % 2 == 0 { network.addOurs() } else { network.addOriginal() } }
    for index in 1..<6 { network.connect(index, to: index - 1) }
    if isRing { network.connect(0, to: 5) }
    return network
  }

  private func expectAllEqual(
    _ network: ZGossipNetwork, count: Int? = nil, _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let first = network.table(0)
    if let count { #expect(first.count == count, comment, sourceLocation: sourceLocation) }
    for index in network.nodes.indices {
      let table = network.table(index)
      let differs = Set(first.keys).union(table.keys).filter { first[$0] != table[$0] }.sorted().prefix(3)
      #expect(
        differs.isEmpty, "node \(index): \(differs) \(comment ?? "")", sourceLocation: sourceLocation)
      guard case .ours(let node) = network.nodes[index] else { continue }
      #expect(node.delivered == table, "what node \(index) was told", sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: [false, true])
  func everyNodePublishes(isRing: Bool) throws {
    let network = mixed(isRing)
    network.run(Self.second / 10)
    for number in 0..<200 {
      for node in 0..<6 { try network.publish("\(node)-\(number)", "value of \(number)", at: node) }
      if number % 20 == 0 { network.run(Self.second / 1_000) }
    }
    network.run(3 * Self.second)
    expectAllEqual(network, count: 1_200)
    for index in [0, 2, 4] {
      #expect(network.ours(index).deliveries.values.allSatisfy { $0 == 1 })
    }
  }

  @Test(arguments: 0..<6)
  func aNodeRestarts(index: Int) throws {
    let network = mixed(true)
    for node in 0..<6 { for number in 0..<50 { try network.publish("\(node)-\(number)", "v", at: node) } }
    network.run(Self.second)
    network.restart(index)
    network.run(5 * Self.second)
    expectAllEqual(network, count: 300)
  }

  /// The original forgets silent clients after a second; of ours it hears PINGs.
  @Test func anIdleLinkLosesNothing() throws {
    let network = ZGossipNetwork()
    let (real, own) = (network.addOriginal(), network.addOurs())
    network.connect(own, to: real)
    network.run(5 * Self.second)
    for number in 0..<1_000 { try network.publish("key \(number)", "value", at: own) }
    network.run(Self.second)
    #expect(network.original(real).table.count == 1_000)
    #expect(network.ours(own).engine.counters.resyncs == 0)
  }

  /// A node that stood still is forgotten, and says everything again: with one HELLO.
  @Test func aForgottenNodeSaysAllAgain() throws {
    let network = ZGossipNetwork()
    let (real, own) = (network.addOriginal(), network.addOurs())
    let connection = network.connect(own, to: real)
    for number in 0..<500 { try network.publish("early \(number)", "value", at: own) }
    network.run(Self.second / 2)
    // Nothing arrives for longer than the timeout, as when one of both stands still.
    network.delay(connection, until: network.now + 5 * Self.second)
    for number in 0..<1_000 { try network.publish("late \(number)", "value", at: own) }
    let hellos = network.sentToOriginals[1] ?? 0
    network.run(10 * Self.second)
    #expect(network.original(real).table.count == 1_500)
    let said = (network.sentToOriginals[1] ?? 0) - hellos
    #expect((1...3).contains(said), "\(said) times HELLO")
    #expect(network.run(Self.second) <= 8, "quiet but for PINGs")
  }

  /// A server that stood still forgets ours when it wakes, answers its PINGs all the same, and tells it nothing more: ours
  /// finds out by itself, though it has nothing to say.
  @Test(arguments: [0, 5])
  func aServerThatForgotIsFoundOut(tuples: Int) throws {
    let network = ZGossipNetwork()
    let (real, own) = (network.addOriginal(), network.addOurs())
    let connection = network.connect(own, to: real)
    for number in 0..<tuples { try network.publish("early \(number)", "value", at: own) }
    network.run(Self.second)
    network.delay(connection, until: network.now + 3 * Self.second)
    network.run(5 * Self.second)
    for number in 0..<10 { try network.publish("theirs \(number)", "value", at: real) }
    network.run(Self.second)
    #expect(network.table(own).count == tuples + 10)
    #expect(network.run(Self.second) <= 8, "quiet but for PINGs")
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func oneKeyAndTwoValuesAtOnce(seed: UInt64) throws {
    for (first, second) in [(true, true), (true, false), (false, true)] {
      let network = ZGossipNetwork(seed: seed)
      let nodes = [first, second].map { $0 ? network.addOurs() : network.addOriginal() }
      network.connect(nodes[1], to: nodes[0])
      network.run(Self.second / 10)
      try network.publish("key", "one", at: nodes[0])
      network.run(UInt64(network.below(2_000_000)))
      try network.publish("key", "two", at: nodes[1])
      network.run(2 * Self.second)
      expectAllEqual(network, count: 1)
      #expect(network.run(Self.second) <= 8, "quiet but for PINGs")
    }
  }

  /// Two originals with different values of a key, and one of ours between them: the original would have both swap for
  /// ever.
  @Test(arguments: 0..<20 as Range<UInt64>)
  func oursStopsTwoOriginalsFromFlapping(seed: UInt64) throws {
    let network = ZGossipNetwork(seed: seed)
    network.hasJitter = seed % 4 < 2
    let (left, own, right) = (network.addOriginal(), network.addOurs(), network.addOriginal())
    network.connect(left, to: own)
    if seed % 2 == 0 { network.connect(right, to: own) } else { network.connect(own, to: right) }
    network.run(Self.second / 10)
    for number in 0..<10 {
      try network.publish("key \(number)", "left", at: left)
      try network.publish("key \(number)", "right", at: right)
    }
    network.run(2 * Self.second)
    expectAllEqual(network, count: 10)
    #expect(network.run(Self.second) <= 16, "quiet but for PINGs")
  }

  /// Any graph that is connected through ours, any values at any time: once nobody publishes any more, all agree and
  /// nothing more is sent.
  @Test(arguments: 0..<60 as Range<UInt64>)
  func allAgreeInTheEnd(seed: UInt64) throws {
    let network = ZGossipNetwork(seed: seed)
    network.hasJitter = seed % 2 == 0
    let ours = 2 + network.below(3)
    for _ in 0..<ours { network.addOurs() }
    for index in 1..<ours { network.connect(index, to: network.below(index)) }
    // Originals are connected to ours only: what two of them do to each other is not ours to mend.
    let originals = 1 + network.below(3)
    var connections: [Int] = []
    for _ in 0..<originals {
      let node = network.addOriginal()
      for other in Set((0...network.below(2)).map { _ in network.below(ours) }).sorted() {
        let (client, server) = network.below(2) == 0 ? (node, other) : (other, node)
        connections.append(network.connect(client, to: server))
      }
    }
    network.run(Self.second / 10)
    for step in 0..<60 {
      let node = network.below(ours + originals)
      try network.publish("key \(network.below(4))", "value \(network.below(3)) \(step % 7)", at: node)
      network.run(UInt64(network.below(20_000_000)))
      if network.below(12) == 0 {
        let connection = connections[network.below(connections.count)]
        network.cut(connection)
        network.run(UInt64(network.below(300_000_000)))
        network.heal(connection)
      }
    }
    network.run(8 * Self.second)
    expectAllEqual(network, "seed \(seed)")
    let quiet = network.run(Self.second)
    #expect(quiet <= 12 * (connections.count + ours), "\(quiet) messages in a quiet second")
  }

  @Test func removedTuplesDoNotComeBackFromOriginals() throws {
    let network = ZGossipNetwork()
    let (real, own, other) = (network.addOriginal(), network.addOurs(), network.addOurs())
    let connection = network.connect(own, to: real)
    network.connect(other, to: own)
    try network.publish("key", "value", at: own)
    try network.publish("kept", "value", at: real)
    network.run(Self.second)
    try network.ours(other).unpublish("key", now: network.now)
    network.flush()
    network.run(Self.second)
    network.cut(connection)
    network.run(Self.second)
    network.heal(connection)
    network.run(Self.second)
    #expect(network.table(own) == ["kept": "value"])
    #expect(network.table(other) == ["kept": "value"])
    #expect(network.original(real).table.count == 2)
    try network.publish("key", "another", at: real)
    network.run(Self.second)
    #expect(network.table(other) == ["kept": "value", "key": "another"])
  }

  @Test func whatExpiresStaysAway() throws {
    let network = ZGossipNetwork()
    let (real, own) = (network.addOriginal(), network.addOurs())
    let connection = network.connect(real, to: own)
    network.run(Self.second / 10)
    try network.ours(own).publish("key", "value", lifetime: .expires(after: .seconds(1)), now: network.now)
    network.flush()
    network.run(2 * Self.second)
    #expect(network.table(own).isEmpty)
    #expect(network.table(real) == ["key": "value"])
    network.cut(connection)
    network.heal(connection)
    network.run(Self.second)
    #expect(network.table(own).isEmpty)
  }

  /// The original sends on what it is told at once, before it comes the other way.
  @Test(arguments: 0..<10 as Range<UInt64>)
  func lifetimesSurviveAnOriginalBeside(seed: UInt64) throws {
    let network = ZGossipNetwork(seed: seed)
    let (writer, other, real) = (network.addOurs(), network.addOurs(), network.addOriginal())
    network.connect(other, to: writer, delay: 5 * Self.second / 100)
    network.connect(writer, to: real)
    network.connect(other, to: real)
    network.run(Self.second)
    for number in 0..<20 {
      try network.ours(writer).publish(
        "key \(number)", "value", lifetime: .expires(after: .seconds(4)), now: network.now)
    }
    network.flush()
    network.run(Self.second)
    expectAllEqual(network, count: 20)
    network.run(4 * Self.second)
    #expect(network.table(writer).isEmpty && network.table(other).isEmpty)
  }

  /// Who was not there when a tuple was removed knows that it was.
  @Test(arguments: [true, false])
  func newcomersDoNotBringBackWhatWasRemoved(isClient: Bool) throws {
    let network = ZGossipNetwork()
    let (real, own, newcomer) = (network.addOriginal(), network.addOurs(), network.addOurs())
    let connection = network.connect(own, to: real)
    try network.publish("key", "value", at: own)
    network.run(Self.second)
    try network.ours(own).unpublish("key", now: network.now)
    network.cut(connection)
    network.connect(newcomer, to: own)
    network.run(Self.second)
    if isClient { network.connect(newcomer, to: real) } else { network.connect(real, to: newcomer) }
    network.run(5 * Self.second)
    #expect(network.table(own).isEmpty && network.table(newcomer).isEmpty)
    // What comes later is new.
    try network.publish("key", "another", at: real)
    network.run(Self.second)
    #expect(network.table(own) == ["key": "another"])
  }

  /// An original that has seen another's value and writes its own again means it.
  @Test func aValueThatReturnsOnPurposeCounts() throws {
    let network = ZGossipNetwork()
    let (left, own, right) = (network.addOriginal(), network.addOurs(), network.addOriginal())
    network.connect(left, to: own)
    network.connect(right, to: own)
    network.run(Self.second / 10)
    for (value, node) in [("left", left), ("right", right), ("left", left), ("right", right)] {
      try network.publish("leader", value, at: node)
      network.run(Self.second / 20)
      expectAllEqual(network, count: 1)
      #expect(network.table(own) == ["leader": value])
    }
  }

  /// A client that was known once says HELLO no more by itself.
  @Test func aClientThatTakesItselfForKnownIsAskedForItsHello() throws {
    let network = ZGossipNetwork()
    let (own, real) = (network.addOurs(), network.addOriginal())
    try network.publish("ours", "value", at: own)
    let connection = network.connect(real, to: own)
    network.run(Self.second)
    network.forget(connection, at: own)
    try network.publish("theirs", "value", at: real)
    network.run(Self.second)
    try network.publish("later", "value", at: own)
    network.run(Self.second)
    #expect(network.table(real) == ["ours": "value", "theirs": "value", "later": "value"])
    #expect(network.table(own) == network.table(real))
  }
}
