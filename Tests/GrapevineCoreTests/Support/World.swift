// A wire between nodes, small enough to see through: virtual time, one delay for all, and loss on demand.

@testable import GrapevineCore

/// A datagram under way.
struct Packet {
  var arrival: Instant
  var source: Endpoint
  var destination: Endpoint
  var bytes: [UInt8]

  /// The kind of the handshake message in it, or nil in a link frame.
  var handshake: UInt8? {
    bytes.count > Frame.openHeader && bytes[0] == Frame.open ? bytes[Frame.openHeader] : nil
  }

  /// Whether it carries at least one gossip message.
  var carriesGossip: Bool { !gossip.isEmpty }

  /// The gossip messages in it; those of the sender have origin 0x5e1f.
  var gossip: [WireMessage] {
    guard bytes.first == Frame.link else { return [] }
    return (messages(in: bytes, sender: Packet.senderMark) ?? []).filter { message in
      if case .gossip = message { true } else { false }
    }
  }

  static let senderMark: UInt64 = 0x5e1f
}

/// A message as the application got it.
struct Delivery: Equatable, Hashable {
  var origin: UInt64
  var sequence: UInt64
  var level: DeliveryLevel
  var isTagged: Bool
  var payload: [UInt8]
  var topic = ""

  var text: String { String(decoding: payload, as: UTF8.self) }
}

/// A change of a tuple as the application got it.
struct Change {
  var record: ChangeBuffer.Record
  var key: [UInt8]
  var value: [UInt8]
}

/// A node and everything that it did.
final class Member {
  var node: Node
  let endpoint: Endpoint
  var effects: Effects
  var deliveries: [Delivery] = []
  var events: [Event] = []
  var changes: [Change] = []
  /// Who signs for it, where members sign.
  var authority: PlayedAuthority?
  /// Whether the application takes messages; while not, its buffer fills.
  var takesDeliveries = true
  var isRunning = true
  /// Milliseconds that the member's time of day is ahead of the true one.
  var clockError: Int64 = 0
  /// Calls of `flush` so far: a flush that never ends would show here.
  var flushes = 0

  init(
    _ id: UInt64, at endpoint: Endpoint, configuration: Configuration, seed: UInt64, deliveryMessages: Int,
    knowsAddress: Bool = false
  ) throws {
    node = try Node(
      configuration: configuration, identity: MemberID(id), seed: seed, receiveWindow: 512,
      advertised: knowsAddress ? endpoint : nil)
    self.endpoint = endpoint
    effects = Effects(
      datagrams: DatagramBuffer(datagrams: 64, datagramLimit: configuration.datagramLimit),
      deliveries: DeliveryBuffer(messages: deliveryMessages), changes: ChangeBuffer())
  }

  var id: MemberID { node.identity }
  var counters: Counters { node.counters }
  var texts: [String] { deliveries.map(\.text) }

  var gaps: [Event] {
    events.filter { event in
      if case .gap = event { true } else { false }
    }
  }
}

/// Members, the wire between them, and the time.
final class World {
  private(set) var now = Instant(nanoseconds: 1_000_000_000)
  private(set) var members: [Member] = []
  private var inFlight: [Packet] = []
  private var inFlightFirst = 0
  /// Datagrams that got lost: those for which this says so.
  var isLost: (Packet) -> Bool = { _ in false }
  /// Every datagram sent so far, lost or not.
  var sent: [Packet] = []
  /// Datagrams to addresses at which no member lives.
  var strayed: [Packet] = []
  var latency: Nanoseconds = 1_000_000

  static let millisecond: Nanoseconds = 1_000_000
  static let second: Nanoseconds = 1_000_000_000

  static func endpoint(_ number: Int) -> Endpoint {
    Endpoint(ipv4: 0x0a00_0000 | UInt32(number), port: 7946)
  }

  /// A small configuration, so that tests touch little memory.
  static var small: Configuration {
    var configuration = Configuration()
    configuration.logBytes = 64 << 10
    configuration.logMessages = 1_024
    configuration.streamCapacity = 64
    configuration.sequenceWindow = 256
    // What is told of members would be among what tests expect on the wire.
    configuration.membership = nil
    configuration.tuples = nil
    return configuration
  }

  /// As `small`, with members and tuples.
  static var tuples: Configuration {
    var configuration = small
    configuration.membership = MembershipRules()
    configuration.membership?.capacity = 64
    var rules = TupleRules()
    rules.capacity = 4_096
    rules.bytes = 2 << 20
    rules.symbolLimit = 4_096
    configuration.tuples = rules
    return configuration
  }

  /// Adds a member at address `number` with identity `id`, which is `number` unless given.
  @discardableResult
  func add(
    _ number: Int, id: UInt64? = nil, configuration: Configuration = World.small,
    deliveryMessages: Int = 4_096, knowsAddress: Bool = false, authority: PlayedAuthority? = nil
  ) throws -> Member {
    var configuration = configuration
    if let authority { configuration.membership?.identityKey = authority.publicKey }
    let member = try Member(
      id ?? UInt64(number), at: Self.endpoint(number), configuration: configuration,
      seed: UInt64(number) &* 7_919 &+ (id ?? 0), deliveryMessages: deliveryMessages,
      knowsAddress: knowsAddress)
    member.authority = authority
    members.append(member)
    return member
  }

  /// Adds `count` members, the first of which founds the cluster, and waits until all are connected.
  func cluster(_ count: Int, configuration: Configuration = World.small) throws -> [Member] {
    for number in 1...count {
      let member = try add(number, configuration: configuration)
      join(member, number == 1 ? [] : [Self.endpoint(1)])
    }
    run(2_000)
    return members
  }

  func join(_ member: Member, _ contacts: [Endpoint]) {
    member.node.join(contacts, now: now, into: &member.effects)
    settle(member)
  }

  func leave(_ member: Member) {
    member.node.leave(now: now, into: &member.effects)
    settle(member)
  }

  /// The member stops without a word; its address becomes free.
  func crash(_ member: Member) {
    member.isRunning = false
  }

  /// Broadcasts a text.
  @discardableResult
  func broadcast(
    _ text: String, from member: Member, level: DeliveryLevel = .reliable, isTagged: Bool = false
  ) throws -> UInt64 {
    defer { settle(member) }
    return try Array(text.utf8).withUnsafeBytes { bytes in
      try member.node.broadcast(bytes, level: level, isTagged: isTagged, now: now)
    }
  }

  /// Gives bytes to a member as if they came from `source`.
  @discardableResult
  func publish(
    _ key: String, _ value: [UInt8], by member: Member, lifetime: TupleLifetime = .permanent,
    if condition: TupleCondition? = nil
  ) throws -> TupleVersion {
    member.node.setTimeOfDay(milliseconds: timeOfDay(member), now: now)
    let version = try publishNow(key, value, by: member, lifetime: lifetime, if: condition)
    settle(member)
    return version
  }

  private func publishNow(
    _ key: String, _ value: [UInt8], by member: Member, lifetime: TupleLifetime, if condition: TupleCondition?
  ) throws -> TupleVersion {
    let (key, time) = (Array(key.utf8), now)
    return try key.withUnsafeBytes { key in
      try value.withUnsafeBytes { value in
        try member.node.publish(
          value, at: key, lifetime: lifetime, if: condition, now: time, into: &member.effects)
      }
    }
  }

  @discardableResult
  func remove(_ key: String, by member: Member, if condition: TupleCondition? = nil) throws
    -> TupleVersion?
  {
    let (key, time) = (Array(key.utf8), now)
    let version = try key.withUnsafeBytes { key in
      try member.node.removeTuple(at: key, if: condition, now: time, into: &member.effects)
    }
    settle(member)
    return version
  }

  /// The time of day on a member's clock: a day after the epoch at first, and as wrong as the member is told.
  func timeOfDay(_ member: Member) -> UInt64 {
    UInt64(max(0, Int64(86_400_000 + now.nanoseconds / 1_000_000) + member.clockError))
  }

  func inject(_ bytes: [UInt8], into member: Member, from source: Endpoint) {
    member.node.receive(bytes.span.bytes, from: source, now: now, into: &member.effects)
    settleFacts(member)
    settle(member)
  }

  /// Puts bytes on the wire, to arrive like any other datagram.
  func send(_ bytes: [UInt8], to destination: Endpoint, from source: Endpoint) {
    inFlight.append(Packet(arrival: now + latency, source: source, destination: destination, bytes: bytes))
  }

  /// Lets time pass.
  func run(_ milliseconds: UInt64) {
    run(until: now + milliseconds * Self.millisecond)
  }

  /// Lets time pass until `condition` holds, at most for `milliseconds`.
  ///
  /// - Returns: Whether it came to hold.
  func run(_ milliseconds: UInt64, until condition: () -> Bool) -> Bool {
    let end = now + milliseconds * Self.millisecond
    while !condition(), now < end { run(until: now + Self.millisecond) }
    return condition()
  }

  func run(until end: Instant) {
    while true {
      var next = inFlightFirst < inFlight.count ? inFlight[inFlightFirst].arrival : .never
      var due: Member?
      for member in members where member.isRunning {
        // Whatever is overdue comes a moment later: time must move on.
        let deadline = max(member.node.nextDeadline, now + 1_000)
        if deadline < next { (next, due) = (deadline, member) }
      }
      guard next <= end else { break }
      now = next
      if let due { settle(due) } else { deliverFirst() }
    }
    now = end
  }

  private func deliverFirst() {
    let packet = inFlight[inFlightFirst]
    inFlightFirst += 1
    if inFlightFirst == inFlight.count { (inFlight, inFlightFirst) = ([], 0) }
    guard let member = members.last(where: { $0.isRunning && $0.endpoint == packet.destination }) else {
      strayed.append(packet)
      return
    }
    inject(packet.bytes, into: member, from: packet.source)
  }

  private func settleFacts(_ member: Member) {
    guard let authority = member.authority else { return }
    member.node.settleFacts(with: authority, now: now, into: &member.effects)
  }

  /// Does what a driver does after every input.
  func settle(_ member: Member) {
    member.node.setTimeOfDay(milliseconds: timeOfDay(member), now: now)
    member.node.advance(now: now, into: &member.effects)
    settleFacts(member)
    var more = true
    while more {
      more = member.node.flush(now: now, into: &member.effects)
      member.flushes += 1
      transmit(member)
    }
    member.events += member.effects.events
    member.effects.removeEvents()
    takeChanges(member)
    if member.takesDeliveries { takeDeliveries(member) }
  }

  func takeDeliveries(_ member: Member) {
    for index in 0..<member.effects.deliveries.count {
      let record = member.effects.deliveries.record(index)
      member.deliveries.append(
        Delivery(
          origin: record.origin.value, sequence: record.sequence, level: record.level,
          isTagged: record.isTagged, payload: Array(member.effects.deliveries.payload(index)),
          topic: String(decoding: member.effects.deliveries.topic(index), as: UTF8.self)))
    }
    member.effects.removeDeliveries()
  }

  func takeChanges(_ member: Member) {
    for index in 0..<member.effects.changes.count {
      member.changes.append(
        Change(
          record: member.effects.changes.record(index), key: Array(member.effects.changes.key(index)),
          value: Array(member.effects.changes.value(index))))
    }
    member.effects.removeChanges()
  }

  private func transmit(_ member: Member) {
    for index in 0..<member.effects.datagrams.count {
      let packet = Packet(
        arrival: now + latency, source: member.endpoint,
        destination: member.effects.datagrams.record(index).destination,
        bytes: Array(member.effects.datagrams.bytes(index)))
      sent.append(packet)
      if !isLost(packet) { inFlight.append(packet) }
    }
    member.effects.removeDatagrams()
  }
}
