// Three members in one process share where services are: a directory without a server.
//
// Run with `swift run --package-path Examples Services`.

import Grapevine

@main
struct Services {
  static func main() async throws {
    let founder = try await GossipNode(.init(bind: "127.0.0.1:0"))
    try await founder.join()
    let contact = "127.0.0.1:\(founder.localEndpoint.port)"
    let web = try await GossipNode(.init(bind: "127.0.0.1:0"))
    try await web.join([contact])
    let reader = try await GossipNode(.init(bind: "127.0.0.1:0"))
    try await reader.join([contact])

    // One is there as long as its node, the other for half a second.
    try await web.tuples.publish("service/web", "10.0.0.4:80", lifetime: .ephemeral)
    try await founder.tuples.publish("service/mail", "10.0.0.5:25", expiresAfter: .milliseconds(500))

    var gone = 0
    for await news in await reader.tuples.watch(.prefix("service/")) {
      switch news {
      case .present(let tuple): print("is there: \(tuple.name) at \(tuple.text ?? "")")
      case .upToDate: print("what follows are changes")
      case .changed(let change):
        print("\(change.kind): \(change.tuple.name) \(change.tuple.text ?? "")")
        if change.kind == .expired { await web.leave() }
        if !change.isPresent { gone += 1 }
      }
      if gone == 2 { break }
    }
    for node in [reader, founder] { await node.leave() }
  }
}
