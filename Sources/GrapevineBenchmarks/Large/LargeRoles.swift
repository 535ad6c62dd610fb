// One of the processes that a large message goes to: it does what it is told on its standard input, and says when it
// has the message.

import Grapevine
import GrapevineCore
import GrapevineTransport

enum LargeRoles {
  /// Founds a cluster or joins one through `contact`, and does what it is told until its input ends.
  static func play(joining contact: String?) async throws {
    let node = try await GossipNode(.init(bind: "127.0.0.1:0"))
    try await node.join(contact.map { [$0] } ?? [])
    System.print("listening \(node.localEndpoint.text)")
    let reader = Task {
      for await message in node.messages {
        let at = MonotonicClock.now().nanoseconds
        guard message.payload.count > 16 else {
          System.print("shaped")
          continue
        }
        System.print("got \(at) bytes \(message.payload.count) intact \(isIntact(message.payload) ? 1 : 0)")
      }
    }
    while let line = readLine() {
      let words = line.split(separator: " ")
      switch words.first {
      case "shape": try await node.broadcast("shape")
      case "send":
        guard words.count == 2, let count = Int(words[1]) else { break }
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) }
        System.print("started \(MonotonicClock.now().nanoseconds)")
        try await node.broadcast(payload)
      default:
        let all = await node.statistics
        System.print(
          "statistics bytes \(all.core.bytesReceived) fragments \(all.core.fragmentsReceived) "
            + "wasted \(all.core.fragmentsDuplicate + all.core.fragmentsUnwanted) "
            + "pushed \(all.core.fragmentsSent) repaired \(all.core.fragmentsRepaired) "
            + "parity \(all.core.paritySent) drops \(all.transport.receiveDrops) "
            + "cpu \(System.cpuNanoseconds)")
      }
    }
    reader.cancel()
    await node.leave()
  }

  /// Whether some hundred bytes of it are what they should be; the core has checked all of them.
  private static func isIntact(_ payload: Payload) -> Bool {
    stride(from: 0, to: payload.count, by: max(1, payload.count / 500)).allSatisfy {
      payload[$0] == UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9)
    }
  }
}
