import Testing

@testable import GrapevineCore

@Suite("Configuration: limits")
struct ConfigurationTests {
  /// A change to the default configuration, and the value that the error must name.
  struct Change: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let apply: @Sendable (inout Configuration) -> Void

    init(_ description: String, _ apply: @escaping @Sendable (inout Configuration) -> Void) {
      testDescription = description
      self.apply = apply
    }
  }

  static let refusedChanges = [
    Change("datagramLimit is 511") { $0.datagramLimit = 511 },
    Change("datagramLimit is 65001") { $0.datagramLimit = 65_001 },
    Change("messagesPerDatagram is 0") { $0.messagesPerDatagram = 0 },
    Change("fanout is 0") { $0.fanout = 0 },
    Change("fanout is 57") { $0.fanout = 57 },
    Change("rounds is 0") { $0.rounds = 0 },
    Change("rounds is 16") { $0.rounds = 16 },
    Change("viewTarget is 0") { $0.viewTarget = 0 },
    Change("viewTarget is 57") { ($0.viewTarget, $0.viewCapacity) = (57, 57) },
    Change("viewCapacity is 4") { $0.viewCapacity = 4 },
    Change("viewCapacity is 57") { $0.viewCapacity = 57 },
    Change("passiveCapacity is 7") { $0.passiveCapacity = 7 },
    Change("passiveCapacity is 4097") { $0.passiveCapacity = 4_097 },
    Change("streamCapacity is 7") { $0.streamCapacity = 7 },
    Change("streamCapacity is 1048577") { $0.streamCapacity = 1 << 20 + 1 },
    Change("sequenceWindow is 32") { $0.sequenceWindow = 32 },
    Change("sequenceWindow is 131072") { $0.sequenceWindow = 131_072 },
    Change("sequenceWindow is 100") { $0.sequenceWindow = 100 },
    Change("logBytes is 1024") { $0.logBytes = 1 << 10 },
    Change("logBytes is 65537") { $0.logBytes = 65_537 },
    Change("datagramLimit is 2049") { $0.datagramLimit = 2_049 },
    Change("logBytes is 4294967296") { $0.logBytes = 4 << 30 },
    Change("logMessages is 8") { $0.logMessages = 8 },
    Change("logMessages is 100") { $0.logMessages = 100 },
    Change("logMessages is 33554432") { $0.logMessages = 1 << 25 },
    Change("handshakeAttempts is 0") { $0.handshakeAttempts = 0 },
    Change("handshakeAttempts is 101") { $0.handshakeAttempts = 101 },
    Change("digestDelay is 0.0 seconds") { $0.digestDelay = .zero },
    Change("repairTimeout is 0.0005 seconds") { $0.repairTimeout = .microseconds(500) },
    Change("gapPatience is -1.0 seconds") { $0.gapPatience = .seconds(-1) },
    Change("stallLimit is 1000001.0 seconds") { $0.stallLimit = .seconds(1_000_001) },
    Change("linkTimeout is 1.9 seconds") { $0.linkTimeout = .milliseconds(1_900) },
    Change("keepaliveInterval is 0.0 seconds") { $0.keepaliveInterval = .zero },
    Change("shuffleInterval is 0.0 seconds") { $0.shuffleInterval = .zero },
    Change("exploreInterval is 0.0 seconds") { $0.exploreInterval = .zero },
    Change("handshakeTimeout is 0.0 seconds") { $0.handshakeTimeout = .zero },
    Change("joinTimeout is 0.0 seconds") { $0.joinTimeout = .zero },
    Change("leaveTimeout is 0.0 seconds") { $0.leaveTimeout = .zero },
    Change("order.holdBackMessages is 0") { $0.order.holdBackMessages = 0 },
    Change("order.holdBackBytes is 4095") { $0.order.holdBackBytes = 4_095 },
    Change("order.topics is 65537") { $0.order.topics = 65_537 },
    Change("order.patience is 0.0 seconds") { $0.order.patience = .zero },
  ]

  @Test("a value out of its limits is refused by name", arguments: refusedChanges)
  func refused(change: Change) {
    var configuration = Configuration()
    change.apply(&configuration)
    let error = #expect(throws: ConfigurationError.self) { try configuration.validate() }
    #expect(error?.description.hasPrefix(change.testDescription + ";") == true, "\(error?.description ?? "")")
    #expect(throws: ConfigurationError.self) {
      _ = try Node(configuration: configuration, identity: MemberID(1), seed: 1, receiveWindow: 512)
    }
  }

  static let allowedChanges = [
    Change("the default") { _ in },
    Change("the least") {
      ($0.datagramLimit, $0.messagesPerDatagram, $0.fanout, $0.rounds) = (512, 1, 1, 1)
      ($0.viewTarget, $0.viewCapacity, $0.passiveCapacity, $0.streamCapacity) = (1, 1, 8, 8)
      ($0.sequenceWindow, $0.logBytes, $0.logMessages, $0.handshakeAttempts) = (64, 64 << 10, 64, 1)
      ($0.digestDelay, $0.reorderGrace, $0.repairTimeout) = (.milliseconds(1), .zero, .milliseconds(1))
      ($0.keepaliveInterval, $0.linkTimeout) = (.milliseconds(1), .milliseconds(2))
      ($0.order.holdBackMessages, $0.order.holdBackBytes, $0.order.topics) = (1, 4 << 10, 1)
    },
    Change("large datagrams and views") {
      ($0.datagramLimit, $0.logBytes, $0.fanout, $0.rounds) = (2_048, 512 << 10, 24, 15)
      ($0.viewTarget, $0.viewCapacity, $0.passiveCapacity) = (56, 56, 4_096)
      ($0.streamCapacity, $0.sequenceWindow) = (1_000, 65_536)
    },
  ]

  @Test("values at their limits work: two such members talk", arguments: allowedChanges)
  func allowed(change: Change) throws {
    var configuration = Configuration()
    change.apply(&configuration)
    let world = World()
    let members = try world.cluster(2, configuration: configuration)
    for number in 0..<20 {
      try world.broadcast("\(number)", from: members[number % 2])
      world.run(20)
    }
    world.run(2_000)
    #expect(members.map(\.deliveries.count) == [10, 10])
  }

  @Test("the memory bound covers every table", arguments: allowedChanges)
  func memoryBound(change: Change) throws {
    var configuration = Configuration()
    change.apply(&configuration)
    configuration.tuples = nil
    configuration.transfers = nil
    let member = try Member(
      1, at: World.endpoint(1), configuration: configuration, seed: 1, deliveryMessages: 1)
    let slots = member.node.view.links.count
    let capacity = member.node.dissemination.streams.streams.count
    // The tables that the node shows, by what they hold.
    var bytes = slots * MemoryLayout<Link>.stride
    bytes += 2 * configuration.passiveCapacity * MemoryLayout<Peer>.stride
    bytes += capacity * MemoryLayout<Stream>.stride
    bytes += member.node.dissemination.progress.count * MemoryLayout<LinkProgress>.stride
    bytes += member.node.dissemination.states.count * MemoryLayout<LinkState>.stride
    bytes += member.node.dissemination.repairs.count * MemoryLayout<Repair>.stride
    bytes += (member.node.dissemination.dirty.count + member.node.dissemination.unsettled.count) * 8
    bytes += member.node.dissemination.incomplete.count * 4
    // Those that it hides: windows, the index of streams with at most half of its places used, and the log.
    bytes += capacity * configuration.sequenceWindow / 8
    var index = 1
    while index < 2 * capacity { index *= 2 }
    bytes += index * 4
    bytes += configuration.logBytes + configuration.logMessages * (MemoryLayout<MessageLog.Entry>.stride + 8)
    // The list of members: entries, names and tags, an index, and what waits to be told.
    let members = configuration.membership?.capacity ?? 0
    bytes += members * (MemoryLayout<MemberEntry>.stride + MemberData.lengthLimit)
    var places = 1
    while places < 2 * members { places *= 2 }
    bytes += places * 4 + members * (MemoryLayout<NewsLink>.stride + 3 * 4)
    bytes += Self.orderBytes(configuration, streams: capacity) + DirectMessages.bytes(configuration)
    #expect(configuration.memoryBound >= bytes)
    #expect(configuration.memoryBound <= bytes + bytes / 100, "a bound that is far too large tells nothing")
  }

  /// What waits, twice the bytes of it and two indexes; the shares of as many origins, two lists for each weight and an
  /// index; four tables and two numbers for each stream; topics heard, the last messages of those sent in, and one
  /// message that is being made.
  private static func orderBytes(_ configuration: Configuration, streams: Int) -> Int {
    let rules = configuration.order
    let held = rules.holdBackMessages * (MemoryLayout<HeldMessage>.stride + 2 * 2 * 4)
    let shares = rules.holdBackMessages * (MemoryLayout<HoldShare>.stride + 2 * 2 * 4 + 2 * 4)
    let topics = rules.topics * (255 + 40 + 2 * 4)
    let past = streams * (8 + 4 + 4 + 8 + MemoryLayout<StreamHistory>.stride + 8)
    return held + shares + 2 * rules.holdBackBytes + past + topics
      + 1_024 * MemoryLayout<TopicTail>.stride + configuration.payloadLimit
  }

  @Test("the memory bound covers the map of tuples")
  func memoryBoundOfTuples() {
    var configuration = Configuration()
    let rules = TupleRules()
    configuration.tuples = nil
    let without = configuration.memoryBound
    configuration.tuples = rules
    // Entries, two indexes and the timers; the living, as many dead and a block; symbols and what decodes them.
    let table = rules.capacity * (MemoryLayout<TupleEntry>.stride + 2 * 8 + MemoryLayout<TupleTimer>.stride)
    let bytes = table + rules.bytes * 5 / 2 + rules.symbolLimit * (16 + 53)
    #expect(configuration.memoryBound - without >= bytes)
    #expect(configuration.memoryBound - without <= bytes + (8 << 20))
  }
}
