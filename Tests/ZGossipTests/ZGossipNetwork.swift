// Nodes of ours and of CZMQ on ordered connections with delays, in virtual time.

import GrapevineCore
import ZGossip

/// One of ours, with its buffers and what it was told.
final class OurNode {
  var engine: ZGossipEngine
  var changes = ChangeBuffer(changes: 16_384, bytes: 4 << 20)
  let identity: MemberID
  /// The driver's buffer.
  private let buffer: UnsafeMutableRawBufferPointer
  /// Slots by connection.
  fileprivate(set) var slots: [Int: Int] = [:]
  /// Values as DELIVERed, and times that a key was.
  private(set) var delivered: [String: String] = [:]
  private(set) var deliveries: [String: Int] = [:]

  init(_ configuration: ZGossipConfiguration, identity: UInt64) {
    self.identity = MemberID(identity)
    engine = ZGossipEngine(configuration: configuration, identity: self.identity, seed: identity)
    buffer = .allocate(byteCount: engine.messageLimit, alignment: 16)
    engine.prepare(&changes)
  }

  deinit { buffer.deallocate() }

  var table: [String: String] {
    var table: [String: String] = [:]
    for tuple in engine.tuples() {
      table[String(decoding: tuple.key, as: UTF8.self)] = String(decoding: tuple.value, as: UTF8.self)
    }
    return table
  }

  func publish(_ key: String, _ value: String, lifetime: TupleLifetime = .permanent, now: Instant) throws {
    try Array(key.utf8).withUnsafeBytes { key in
      try Array(value.utf8).withUnsafeBytes { value in
        _ = try engine.publish(value, at: key, lifetime: lifetime, now: now, into: &changes)
      }
    }
    drain()
  }

  @discardableResult
  func unpublish(_ key: String, now: Instant) throws -> Bool {
    defer { drain() }
    return try Array(key.utf8).withUnsafeBytes { try engine.unpublish($0, now: now, into: &changes) }
  }

  func receive(_ bytes: [UInt8], parts: Int = 1, peer: MemberID?, from slot: Int, now: Instant)
    -> ZGossipVerdict
  {
    defer { drain() }
    return bytes.withUnsafeBytes {
      engine.receive($0, parts: parts, peer: peer, from: slot, now: now, into: &changes)
    }
  }

  func next(_ slot: Int, now: Instant) -> [UInt8]? {
    let length = engine.write(slot, into: buffer, now: now)
    return length == 0 ? nil : Array(buffer[..<length])
  }

  func drain() {
    for index in 0..<changes.count {
      let change = changes.record(index)
      guard change.isTold else { continue }
      let key = String(decoding: changes.key(index), as: UTF8.self)
      switch change.kind {
      case .published:
        delivered[key] = String(decoding: changes.value(index), as: UTF8.self)
        deliveries[key, default: 0] += 1
      case .removed, .expired, .departed: delivered[key] = nil
      case .renewed, .forgotten: break
      }
    }
    changes.removeAll()
  }
}

/// The network: connections, each with a delay, which keep their order.
final class ZGossipNetwork {
  enum Node {
    case ours(OurNode)
    case original(OriginalNode)
  }

  private struct Connection {
    var client: Int
    var server: Int
    var delay: Nanoseconds
    var isUp = true
    /// Whether properties say who ours are, or their messages do.
    var isLocal = false
    /// When the last message each way arrives.
    var toServer = Instant()
    var toClient = Instant()
  }

  private struct Arrival {
    var at: Instant
    var order: Int
    var connection: Int
    var toServer: Bool
    var bytes: [UInt8]
  }

  private(set) var now = Instant(nanoseconds: 1_000_000_000)
  private(set) var nodes: [Node] = []
  private var connections: [Connection] = []
  private var arrivals: [Arrival] = []
  private var order = 0
  private(set) var generator: Generator
  /// The bytes of all messages that ours sent to originals, by kind.
  private(set) var sentToOriginals: [UInt8: Int] = [:]
  private(set) var messages = 0
  /// Whether delays differ; where all are the same, messages chase each other without ever meeting.
  var hasJitter = true
  let configuration: ZGossipConfiguration

  init(seed: UInt64 = 1, _ configuration: ZGossipConfiguration = .small) {
    generator = Generator(seed: seed)
    self.configuration = configuration
  }

  func below(_ limit: Int) -> Int { generator.below(limit) }

  @discardableResult
  func addOurs() -> Int {
    let node = OurNode(configuration, identity: UInt64(nodes.count) + 1_000)
    node.engine.setTimeOfDay(milliseconds: 1_700_000_000_000 + now.nanoseconds / 1_000_000, now: now)
    nodes.append(.ours(node))
    return nodes.count - 1
  }

  @discardableResult
  func addOriginal() -> Int {
    nodes.append(.original(OriginalNode()))
    return nodes.count - 1
  }

  func ours(_ index: Int) -> OurNode {
    guard case .ours(let node) = nodes[index] else { preconditionFailure("node \(index) is not of ours") }
    return node
  }

  func original(_ index: Int) -> OriginalNode {
    guard case .original(let node) = nodes[index] else { preconditionFailure("node \(index) is no original") }
    return node
  }

  func table(_ index: Int) -> [String: String] {
    switch nodes[index] {
    case .ours(let node): node.table
    case .original(let node): node.table
    }
  }

  func publish(_ key: String, _ value: String, at index: Int) throws {
    switch nodes[index] {
    case .ours(let node): try node.publish(key, value, now: now)
    case .original(let node): node.publish(key, value, now: now)
    }
    flush()
  }

  @discardableResult
  func connect(_ client: Int, to server: Int, delay: Nanoseconds = 1_000_000, isLocal: Bool = false) -> Int {
    connections.append(Connection(client: client, server: server, delay: delay, isLocal: isLocal))
    up(connections.count - 1)
    return connections.count - 1
  }

  private func up(_ index: Int) {
    let connection = connections[index]
    connections[index].isUp = true
    switch nodes[connection.client] {
    case .ours(let node): node.slots[index] = node.engine.open(.client, isLocal: connection.isLocal, now: now)
    case .original(let node): node.connect(index)
    }
    flush()
  }

  func cut(_ index: Int) {
    connections[index].isUp = false
    arrivals.removeAll { $0.connection == index }
    for node in [connections[index].client, connections[index].server] {
      switch nodes[node] {
      case .ours(let node):
        if let slot = node.slots.removeValue(forKey: index) { node.engine.close(slot, now: now) }
      case .original(let node): node.disconnect(index)
      }
    }
  }

  func heal(_ index: Int) { if !connections[index].isUp { up(index) } }

  /// Has nothing arrive on a connection until some time, neither what is under way nor what is sent.
  func delay(_ index: Int, until time: Instant) {
    (connections[index].toServer, connections[index].toClient) = (time, time)
    for place in arrivals.indices where arrivals[place].connection == index { arrivals[place].at = time }
    arrivals.sort { ($0.at, $0.order) < ($1.at, $1.order) }
  }

  /// Has one of ours forget who is at the other end of a connection that stays.
  func forget(_ index: Int, at node: Int) {
    let node = ours(node)
    if let slot = node.slots.removeValue(forKey: index) { node.engine.close(slot, now: now) }
  }

  /// Replaces a node by a new one without tuples, on the same connections.
  func restart(_ index: Int) {
    let own = connections.indices.filter {
      connections[$0].isUp && (connections[$0].client == index || connections[$0].server == index)
    }
    for connection in own { cut(connection) }
    switch nodes[index] {
    case .original: nodes[index] = .original(OriginalNode())
    case .ours:
      let node = OurNode(configuration, identity: UInt64(generator.below(1 << 30)) + 10_000)
      node.engine.setTimeOfDay(milliseconds: 1_700_000_000_000 + now.nanoseconds / 1_000_000, now: now)
      nodes[index] = .ours(node)
    }
    for connection in own { heal(connection) }
  }

  /// Lets time pass, or the network become quiet.
  ///
  /// - Returns: Arrivals.
  @discardableResult
  func run(_ duration: Nanoseconds, limit: Int = 200_000) -> Int {
    let end = now + duration
    var count = 0
    while count < limit {
      var next = end
      for case .ours(let node) in nodes { next = min(next, max(now, node.engine.nextDeadline)) }
      if let arrival = arrivals.first { next = min(next, arrival.at) }
      guard next < end else { break }
      now = next
      while let arrival = arrivals.first, arrival.at <= now {
        arrivals.removeFirst()
        count += 1
        arrive(arrival)
      }
      for case .ours(let node) in nodes where node.engine.nextDeadline <= now {
        node.engine.advance(now: now, into: &node.changes)
        node.drain()
      }
      flush()
    }
    now = max(now, end)
    return count
  }

  private func arrive(_ arrival: Arrival) {
    let connection = connections[arrival.connection]
    guard connection.isUp else { return }
    let (receiver, sender) =
      arrival.toServer ? (connection.server, connection.client) : (connection.client, connection.server)
    switch nodes[receiver] {
    case .original(let node): node.receive(arrival.bytes, from: arrival.connection, now: now)
    case .ours(let node):
      var peer: MemberID?
      if case .ours(let other) = nodes[sender], !connection.isLocal { peer = other.identity }
      if node.slots[arrival.connection] == nil {
        node.slots[arrival.connection] = node.engine.open(.server, now: now)
      }
      guard let slot = node.slots[arrival.connection] else { return }
      _ = node.receive(arrival.bytes, peer: peer, from: slot, now: now)
    }
  }

  /// Puts what nodes have to send on its way.
  func flush() {
    for (index, node) in nodes.enumerated() {
      switch node {
      case .original(let node):
        for (connection, bytes) in node.outbox { send(bytes, on: connection, from: index) }
        node.outbox.removeAll()
      case .ours(let node):
        for (connection, slot) in node.slots.sorted(by: { $0.key < $1.key }) {
          while let bytes = node.next(slot, now: now) { send(bytes, on: connection, from: index) }
        }
      }
    }
  }

  private func send(_ bytes: [UInt8], on index: Int, from sender: Int) {
    guard connections[index].isUp else { return }
    messages += 1
    let toServer = connections[index].client == sender
    let receiver = toServer ? connections[index].server : connections[index].client
    if case .original = nodes[receiver], case .ours = nodes[sender] {
      sentToOriginals[bytes[2], default: 0] += 1
    }
    let last = toServer ? connections[index].toServer : connections[index].toClient
    let jitter = hasJitter ? UInt64(generator.below(Int(connections[index].delay / 2 + 1))) : 0
    let at = max(last, now + connections[index].delay + jitter)
    if toServer { connections[index].toServer = at } else { connections[index].toClient = at }
    order += 1
    let arrival = Arrival(at: at, order: order, connection: index, toServer: toServer, bytes: bytes)
    let place = arrivals.partitioningIndex { ($0.at, $0.order) > (arrival.at, arrival.order) }
    arrivals.insert(arrival, at: place)
  }
}

extension Array {
  /// The first index whose element, and all after it, `belongs` behind.
  fileprivate func partitioningIndex(_ belongs: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if belongs(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}

extension ZGossipConfiguration {
  /// With small tables.
  static var small: ZGossipConfiguration {
    var configuration = ZGossipConfiguration()
    configuration.tuples.capacity = 1 << 14
    configuration.tuples.bytes = 4 << 20
    configuration.tuples.symbolLimit = 1 << 12
    return configuration
  }
}
