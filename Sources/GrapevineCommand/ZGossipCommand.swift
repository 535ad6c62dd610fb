// `grapevine zgossip`: its nodes are a program of their own, beside this one, so that agents load no ZeroMQ.

import GrapevineConsole

/// Becomes `grapevine-zgossip`, which was built into the same directory.
enum ZGossipCommand {
  /// Returns only when the node's program cannot be started.
  static func main(_ arguments: [String]) -> Int32 {
    SiblingProgram(
      command: "zgossip", name: "grapevine-zgossip",
      remedy: "build it with 'swift build --product grapevine-zgossip', or install it with 'make install'"
    ).run(arguments)
  }
}
