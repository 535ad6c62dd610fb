// Standard input, read on a thread that may block, and done line by line.

import GrapevineConsole
import GrapevineCore
import ZGossip
import ZGossipNode

/// Does what the lines of standard input ask for.
struct Input: Sendable {
  let node: ZGossipNode
  let session: Session
  let lifetime: TupleLifetime
  let server: ZGossipServerSecurity
  let client: ZGossipClientSecurity
  let exitsAtEnd: Bool
  /// The longest line: the longest tuple behind the longest command.
  let limit: Int

  init(node: ZGossipNode, session: Session, setup: Setup, options: ZGossipOptions) {
    self.node = node
    self.session = session
    lifetime = options.lifetime
    (server, client) = (setup.server, setup.client)
    exitsAtEnd = options.exitsAtEnd
    limit = setup.configuration.engine.tuples.valueLimit + 255 + "unpublish  ".utf8.count
  }

  /// Does line after line until the input ends; returns whether the program is to end then.
  func run() async -> Bool {
    var reader = LineReader(descriptor: 0, limit: limit)
    var number = 0
    while true {
      let line = reader.next()
      number += 1
      switch line {
      case .end: return exitsAtEnd
      case .tooLong(let bytes):
        await session.refuse(line: number, "the line has \(bytes) bytes; a tuple fits in \(limit)")
      case .text(let bytes):
        do {
          guard let line = try InputLine.read(bytes) else { continue }
          if line == .quit { return true }
          try await perform(line)
        } catch ZGossipNodeError.closed {
          return false
        } catch {
          await session.refuse(line: number, "\(error)")
        }
      }
    }
  }

  private func perform(_ line: InputLine) async throws {
    switch line {
    case .publish(let key, let value): try await node.publish(key, value, lifetime: lifetime)
    case .unpublish(let key):
      if try await !node.unpublish(key) { await session.write { $0.none(key, &$1) } }
    case .get(let key):
      let tuple = await node.tuple(at: key)
      await session.write { report, output in
        if let tuple { report.found(tuple, &output) } else { report.none(key, &output) }
      }
    case .list(let prefix):
      let tuples = await node.snapshot(prefix: prefix)
      await session.write { report, output in
        for tuple in tuples { report.found(tuple, &output) }
        report.line("END", "count", tuples.count, &output)
      }
    case .status: await session.printStatus(node)
    case .port:
      let port = await node.port
      await session.write { $0.line("PORT", "port", port, &$1) }
    case .connect(let endpoint):
      try await node.connect(endpoint, security: client)
      await session.write { $0.line("CONNECTING", "endpoint", endpoint, &$1) }
    case .bind(let endpoint):
      let bound = try await node.bind(endpoint, security: server)
      await session.write { $0.line("BOUND", "endpoint", bound, &$1) }
    case .set(let path, let value): try await node.set(path, value)
    case .save(let file):
      try await node.save(to: file)
      await session.write { $0.line("SAVED", "file", file, &$1) }
    case .quit: break
    }
  }
}
