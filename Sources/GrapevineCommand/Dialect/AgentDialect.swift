// The other systems that the command can speak. One more is one more line.

import ClojureGossip
import GossipPython
import GrapevineBridge
import GrapevineConsole
import GrapevineCore
import GrapevineDialect
import GrapevineDialectNode
import GrapevineTransport
import Pittacus

/// Another gossip system, by the name that `--dialect` knows it by.
struct AgentDialect: Sendable {
  let name: String
  /// Whether its wire names IPv4 addresses only.
  let isIPv4Only: Bool
  /// Makes an agent that prints and ends on the given thread.
  let makeAgent: @Sendable (DialectOptions, DialectConsole) -> any DialectRunning
  /// Makes a peer that has joined its cluster, as one side of a bridge.
  let makePort: @Sendable (DialectOptions) async throws -> any BridgePort

  /// The name of an originator, as text for people.
  let nameOf: @Sendable ([UInt8]) -> String

  static let all = [
    AgentDialect("pittacus", addressOf: pittacusAddress, nameOf: pittacusName) {
      try PittacusEngine(
        address: $0, uid: UInt32(truncatingIfNeeded: WallClock.milliseconds() / 1_000),
        seed: $1)
    },
    AgentDialect("gossip-python", isIPv4Only: true, addressOf: pythonAddress) {
      try GossipPythonEngine(address: $0, seed: $1)
    },
    AgentDialect("clojure-gossip", isIPv4Only: true, hasPartialView: true) {
      try ClojureGossipEngine(address: $0, seed: $1)
    },
  ]

  static func named(_ name: String) -> AgentDialect? { all.first { $0.name == name } }

  private init<Engine: DialectEngine & SendableMetatype & ~Copyable>(
    _ name: String, isIPv4Only: Bool = false, hasPartialView: Bool = false,
    addressOf: @escaping @Sendable ([UInt8]) -> Endpoint? = { _ in nil },
    nameOf: @escaping @Sendable ([UInt8]) -> String = { String(decoding: $0, as: UTF8.self) },
    _ makeEngine: @escaping @Sendable (Endpoint, UInt64) throws -> Engine
  ) {
    (self.name, self.isIPv4Only, self.nameOf) = (name, isIPv4Only, nameOf)
    makeAgent = { DialectAgent($0, console: $1, makeEngine: makeEngine) }
    makePort = { options in
      let node = try await DialectNode(
        bind: options.bind, advertised: options.advertised, makeEngine: makeEngine)
      try await node.join(options.resolvedContacts(), limit: options.joinTimeout)
      return DialectPort(
        name: name, node: node, hasPartialView: hasPartialView, nameOf: nameOf, addressOf: addressOf)
    }
  }

  /// Pittacus names an originator by four bytes of its address, its port, and two bytes of its uid.
  @Sendable private static func pittacusAddress(_ origin: [UInt8]) -> Endpoint? {
    guard origin.count == 8 else { return nil }
    let address = origin[..<4].reduce(0) { $0 << 8 | UInt32($1) }
    // Of an IPv6 address it has the first four bytes only, which name nobody.
    guard address >> 24 != 0, address >> 28 != 2, address >> 28 != 15 else { return nil }
    return Endpoint(ipv4: address, port: UInt16(origin[4]) << 8 | UInt16(origin[5]))
  }

  @Sendable private static func pittacusName(_ origin: [UInt8]) -> String {
    guard let address = pittacusAddress(origin) else {
      return origin.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
    let uid = UInt16(origin[6]) << 8 | UInt16(origin[7])
    return "\(address.text)/\(String(uid, radix: 16))"
  }

  /// gossip_python names an originator as `/ip4/HOST/udp/PORT/uid/UID`.
  @Sendable private static func pythonAddress(_ origin: [UInt8]) -> Endpoint? {
    let parts = String(decoding: origin, as: UTF8.self).split(separator: "/")
    guard parts.count >= 4 else { return nil }
    return try? Endpoint("\(parts[1]):\(parts[3])")
  }
}

/// What an agent of another system was asked to be.
struct DialectOptions: Sendable {
  var dialect: String
  var bind: String
  var advertised: Endpoint?
  var contacts: [String]
  var exitsAtEnd: Bool
  var isJSON: Bool
  var joinTimeout = Duration.seconds(15)

  /// One address of each contact.
  func resolvedContacts() throws -> [Endpoint] {
    var endpoints: [Endpoint] = []
    let isIPv4Only = AgentDialect.named(dialect)?.isIPv4Only == true
    for contact in contacts {
      // A peer talks to one family only: that of its own address.
      let isIPv4 = isIPv4Only || (advertised ?? (try? Endpoint(bind)))?.ipv4 != nil
      let found = try Endpoint.resolve(contact).filter { ($0.ipv4 != nil) == isIPv4 }
      guard let endpoint = found.first else { throw DialectContactError(contact: contact, isIPv4: isIPv4) }
      endpoints.append(endpoint)
    }
    return endpoints
  }
}

/// A contact that has no address of the family that a peer talks to.
struct DialectContactError: Error, CustomStringConvertible {
  let contact: String
  let isIPv4: Bool

  var description: String {
    "\(contact) has no \(isIPv4 ? "IPv4" : "IPv6") address, and this peer, by its own address, talks to no other"
  }
}
