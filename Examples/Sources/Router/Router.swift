// What gossip.rs shows in its own example, in Swift: messages of several kinds, told apart by their tags, received in one
// place, over a network in memory.
//
// Run with `swift run --package-path Examples Router`.

import Grapevine
import GrapevineTransport

struct Commit: GossipMessage {
  var key: String
  var value: [UInt8]
}

struct Ping: GossipMessage {
  var number: Int
}

/// The second version of a message whose first one was called `Greeting` and had no language: a type and a tag of its
/// own, for what old programs cannot read.
struct Greeting: GossipMessage {
  static let tag = "Greeting/2"

  var text: String
  var language: String
}

@main
struct Router {
  static func main() async throws {
    let network = MemoryNetwork()
    let left = try await GossipNode(on: network)
    try await left.join()
    let right = try await GossipNode(on: network)
    try await right.join(endpoints: [left.localEndpoint])

    let (lines, done) = AsyncStream.makeStream(of: String.self)
    var router = MessageRouter()
    router.on(Commit.self) { commit, _ in done.yield("commit of \(commit.key) = \(commit.value)") }
    router.on(Ping.self) { ping, _ in done.yield("ping \(ping.number)") }
    router.on(Greeting.self) { greeting, _ in done.yield("greeting in \(greeting.language): \(greeting.text)")
    }
    router.otherwise { message in done.yield("\(message.payload.count) bytes, \(message.topic ?? "to all")") }
    try await right.subscribe("chat")
    let receiving = Task { [router] in try await router.run(right.messages) }

    // One member's messages to all in FIFO order are received in the order in which it sent them, whatever kinds they are.
    try await left.broadcast(Commit(key: "colour", value: [1, 2, 3]), order: .fifo)
    try await left.broadcast(Ping(number: 1), order: .fifo)
    try await left.broadcast(Greeting(text: "Grüezi", language: "gsw"), order: .fifo)
    try await left.broadcast("for those who chat", topic: "chat", order: .fifo)
    try await left.broadcast("for nobody here", topic: "elsewhere")

    var count = 0
    for await line in lines {
      print(line)
      count += 1
      if count == 4 { break }
    }
    await right.leave()
    try await receiving.value
    await left.leave()
  }
}
