// A node of CZMQ as the reference describes it, with its faults: what the engine is tested against in virtual time.

import GrapevineCore

/// A zgossip node without version, clock or memory of who said what.
final class OriginalNode {
  /// What a connection is to it.
  private enum Connection {
    /// It connected.
    case remote
    /// The other end did, and was last heard at some time. `isConnected` after its HELLO.
    case client(isConnected: Bool, heardAt: Instant)
  }

  private(set) var table: [String: String] = [:]
  /// Times that a key got another value.
  private(set) var flips: [String: Int] = [:]
  /// It met a malformed message, and does nothing any more.
  private(set) var isDead = false
  private var connections: [Int: Connection] = [:]
  /// The time after which it forgets a silent client.
  let timeout: Nanoseconds
  /// What it sends: connection and bytes.
  var outbox: [(connection: Int, bytes: [UInt8])] = []

  init(timeout: Nanoseconds = 1_000_000_000) { self.timeout = timeout }

  static func message(_ kind: ZKind) -> [UInt8] { [0xaa, 0xa0, kind.rawValue, 1] }

  static func publish(_ key: String, _ value: String) -> [UInt8] {
    let (key, value) = (Array(key.utf8), Array(value.utf8))
    let length = UInt32(value.count).bigEndian
    return message(.publish) + [UInt8(key.count)] + key + withUnsafeBytes(of: length) { Array($0) } + value
      + [0, 0, 0, 0]
  }

  /// The third byte of a message.
  enum ZKind: UInt8 { case hello = 1, publish, ping, pong, invalid }

  func connect(_ connection: Int) {
    connections[connection] = .remote
    outbox.append((connection, Self.message(.hello)))
    sendAll(connection)
  }

  func disconnect(_ connection: Int) { connections[connection] = nil }

  func publish(_ key: String, _ value: String, now: Instant) { store(key, value, now: now) }

  private func sendAll(_ connection: Int) {
    // The order of a hash table, as good as any.
    for (key, value) in table.sorted(by: { $0.key.hashValue < $1.key.hashValue }) {
      outbox.append((connection, Self.publish(key, value)))
    }
  }

  private func store(_ key: String, _ value: String, now: Instant) {
    guard table[key] != value, !isDead else { return }
    if table[key] != nil { flips[key, default: 0] += 1 }
    table[key] = value
    for (connection, state) in connections.sorted(by: { $0.key < $1.key }) {
      switch state {
      case .remote: outbox.append((connection, Self.publish(key, value)))
      case .client(let isConnected, let heardAt):
        if now.since(heardAt) > timeout {
          connections[connection] = .client(isConnected: false, heardAt: .never)
        } else if isConnected {
          outbox.append((connection, Self.publish(key, value)))
        } else if heardAt != .never {
          outbox.append((connection, Self.message(.invalid)))
          connections[connection] = .client(isConnected: false, heardAt: .never)
        }
      }
    }
  }

  func receive(_ bytes: [UInt8], from connection: Int, now: Instant) {
    guard !isDead else { return }
    guard bytes.count >= 4, bytes[0] == 0xaa, bytes[1] == 0xa0, bytes[3] == 1,
      let kind = ZKind(rawValue: bytes[2])
    else {
      isDead = true
      return
    }
    var tuple: (String, String)?
    if kind == .publish {
      guard let read = read(bytes) else {
        isDead = true
        return
      }
      tuple = read
    }
    if case .remote = connections[connection] {
      if let tuple { store(tuple.0, tuple.1, now: now) }
      if kind == .invalid { outbox.append((connection, Self.message(.hello))) }
      return
    }
    onClient(kind, tuple, connection, now: now)
  }

  private func onClient(_ kind: ZKind, _ tuple: (String, String)?, _ connection: Int, now: Instant) {
    var isConnected = false
    if case .client(let was, let heardAt) = connections[connection], heardAt != .never,
      now.since(heardAt) <= timeout
    {
      isConnected = was
    }
    connections[connection] = .client(isConnected: isConnected, heardAt: now)
    switch (isConnected, kind) {
    case (_, .ping): outbox.append((connection, Self.message(.pong)))
    case (false, .hello):
      connections[connection] = .client(isConnected: true, heardAt: now)
      sendAll(connection)
    case (true, .publish):
      if let tuple { store(tuple.0, tuple.1, now: now) }
    default:
      outbox.append((connection, Self.message(.invalid)))
      connections[connection] = .client(isConnected: false, heardAt: .never)
    }
  }

  private func read(_ bytes: [UInt8]) -> (String, String)? {
    guard bytes.count >= 13 else { return nil }
    let keyEnd = 5 + Int(bytes[4])
    guard bytes.count >= keyEnd + 8 else { return nil }
    let length = bytes[keyEnd..<keyEnd + 4].reduce(0) { $0 << 8 | Int($1) }
    guard bytes.count >= keyEnd + 8 + length else { return nil }
    return (
      String(decoding: bytes[5..<keyEnd], as: UTF8.self),
      String(decoding: bytes[keyEnd + 4..<keyEnd + 4 + length], as: UTF8.self)
    )
  }
}
