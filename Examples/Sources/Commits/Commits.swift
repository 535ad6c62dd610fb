// Three members in one process tell each other of commits, as typed messages.
//
// Run with `swift run --package-path Examples Commits`.

import Grapevine

struct Commit: GossipMessage {
  var key: String
  var value: [UInt8]
}

@main
struct Commits {
  static func main() async throws {
    let founder = try await GossipNode(.init(bind: "127.0.0.1:0"))
    try await founder.join()
    let contact = "127.0.0.1:\(founder.localEndpoint.port)"
    let left = try await GossipNode(.init(bind: "127.0.0.1:0"))
    try await left.join([contact])
    let right = try await GossipNode(.init(bind: "127.0.0.1:0"))
    try await right.join([contact])

    // From here on, commits go to this reader. Messages come in no particular order.
    var commits = right.messages(of: Commit.self).makeAsyncIterator()
    try await left.broadcast(Commit(key: "colour", value: [1, 2, 3]))
    try await founder.broadcast(Commit(key: "size", value: [42]))
    for _ in 0..<2 {
      guard let commit = await commits.next() else { break }
      print("\(commit.sender) committed \(commit.value.key) = \(commit.value.value)")
    }
    for node in [left, right, founder] { await node.leave() }
  }
}
