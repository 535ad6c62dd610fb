// A program with its own loop: no thread, no async, one poll for everything.
//
// Run with `swift run --package-path Examples OwnLoop`. Two nodes share the loop here; usually one of them
// would be another program.

import Grapevine

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@main
struct OwnLoop {
  static func main() throws {
    let first = try DrivenNode(bind: "127.0.0.1:0")
    let second = try DrivenNode(bind: "127.0.0.1:0")
    var isDone = false
    second.onMessage = { sender, sequence, _, payload in
      print("message \(sequence) of \(sender): \(String(decoding: payload, as: UTF8.self))")
      isDone = true
    }
    second.onEvent = { event in
      guard case .lifecycle(.connected) = event else { return }
      Array("hello from my own loop".utf8).withUnsafeBytes { _ = try? first.broadcast($0) }
    }
    first.join([])
    second.join([first.localEndpoint])

    let nodes = [first, second]
    while !isDone {
      var wait = Duration.seconds(1)
      for node in nodes {
        while node.receive() > 0 {}
        wait = min(wait, node.tick() ?? wait)
        node.send()
      }
      var descriptors = nodes.map { pollfd(fd: $0.fileDescriptor, events: Int16(POLLIN), revents: 0) }
      let milliseconds = wait.components.seconds * 1_000 + wait.components.attoseconds / 1_000_000_000_000_000
      poll(&descriptors, nfds_t(descriptors.count), Int32(milliseconds) + 1)
    }
  }
}
