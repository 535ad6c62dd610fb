// The other systems that an agent can speak. One more is one more line.

import ClojureGossip
import GossipPython
import GrapevineCore
import GrapevineDialect

/// Another gossip system, by the name that `--dialect` knows it by.
struct AgentDialect: Sendable {
  let name: String
  /// Makes an agent that prints and ends on the given thread.
  let makeAgent: @Sendable (DialectOptions, DialectConsole) -> any DialectRunning

  static let all = [
    AgentDialect("gossip-python") { try GossipPythonEngine(address: $0, seed: $1) },
    AgentDialect("clojure-gossip") { try ClojureGossipEngine(address: $0, seed: $1) },
  ]

  static func named(_ name: String) -> AgentDialect? { all.first { $0.name == name } }

  private init<Engine: DialectEngine & SendableMetatype & ~Copyable>(
    _ name: String, _ makeEngine: @escaping @Sendable (Endpoint, UInt64) throws -> Engine
  ) {
    self.name = name
    makeAgent = { DialectAgent($0, console: $1, makeEngine: makeEngine) }
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
}
