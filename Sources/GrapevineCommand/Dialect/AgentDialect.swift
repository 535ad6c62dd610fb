// The other systems that the command can speak. One more is one more line.

import ClojureGossip
import GossipPython
import GrapevineBridge
import GrapevineCore
import GrapevineDialect
import GrapevineDialectNode
import GrapevineTransport

/// Another gossip system, by the name that `--dialect` knows it by.
struct AgentDialect: Sendable {
  let name: String
  /// Makes an agent that prints and ends on the given thread.
  let makeAgent: @Sendable (DialectOptions, DialectConsole) -> any DialectRunning
  /// Makes a peer that has joined its cluster, as one side of a bridge.
  let makePort: @Sendable (DialectOptions) async throws -> any BridgePort

  static let all = [
    AgentDialect("gossip-python", addressOf: pythonAddress) { try GossipPythonEngine(address: $0, seed: $1) },
    AgentDialect("clojure-gossip", hasPartialView: true) { try ClojureGossipEngine(address: $0, seed: $1) },
  ]

  static func named(_ name: String) -> AgentDialect? { all.first { $0.name == name } }

  private init<Engine: DialectEngine & SendableMetatype & ~Copyable>(
    _ name: String, hasPartialView: Bool = false,
    addressOf: @escaping @Sendable ([UInt8]) -> Endpoint? = { _ in nil },
    _ makeEngine: @escaping @Sendable (Endpoint, UInt64) throws -> Engine
  ) {
    self.name = name
    makeAgent = { DialectAgent($0, console: $1, makeEngine: makeEngine) }
    makePort = { options in
      let node = try await DialectNode(
        bind: options.bind, advertised: options.advertised, makeEngine: makeEngine)
      try await node.join(options.resolvedContacts())
      return DialectPort(name: name, node: node, hasPartialView: hasPartialView, addressOf: addressOf)
    }
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

  /// One address of each contact.
  func resolvedContacts() throws -> [Endpoint] {
    var endpoints: [Endpoint] = []
    for contact in contacts {
      // These wires are of IPv4 alone.
      endpoints += try Endpoint.resolve(contact).filter { $0.ipv4 != nil }.prefix(1)
    }
    return endpoints
  }
}
