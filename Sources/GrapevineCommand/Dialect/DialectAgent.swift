// A running peer of another system: a node, what goes into it and what comes out.
//
// As with an agent of ours, everything here runs on the console's thread, which may block in `write`; standard input
// is read on another one. The node's own thread never waits for either.

import GrapevineConsole
import GrapevineCore
import GrapevineDialect
import GrapevineDialectNode
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// An agent of another system, whichever that is.
protocol DialectRunning: Actor {
  /// Creates the node, joins, and starts reading and printing.
  func run() async
  /// Leaves and ends the process; only the first call counts.
  func end(_ code: Int32) async
}

/// A peer between standard input and standard output.
actor DialectAgent<Engine: DialectEngine & SendableMetatype & ~Copyable>: DialectRunning {
  private let options: DialectOptions
  private let console: DialectConsole
  private let makeEngine: @Sendable (Endpoint, UInt64) throws -> Engine
  private var node: DialectNode<Engine>?
  private var reader: Task<Void, Never>?
  private var isEnding = false

  nonisolated var unownedExecutor: UnownedSerialExecutor { console.loop.asUnownedSerialExecutor() }

  init(
    _ options: DialectOptions, console: DialectConsole,
    makeEngine: @escaping @Sendable (Endpoint, UInt64) throws -> Engine
  ) {
    (self.options, self.console, self.makeEngine) = (options, console, makeEngine)
  }

  func run() async {
    do {
      let node = try await DialectNode(
        bind: options.bind, advertised: options.advertised, makeEngine: makeEngine)
      self.node = node
      print { [options] in DialectReport.listening(node.localEndpoint, options, &$0) }
      reader = Task(executorPreference: console.loop) { await self.printMessages(node.messages) }
      try await node.join(options.resolvedContacts(), limit: options.joinTimeout)
      tell(.connected)
      try startInput(node)
    } catch {
      guard !isEnding else { return }
      Standard.error("grapevine agent: \(DialectReport.reason(error, options))\n")
      await end(ExitCode.failure)
    }
  }

  func end(_ code: Int32) async {
    guard !isEnding else { return }
    isEnding = true
    if let node {
      await node.leave()
      await reader?.value
      tell(.disconnected)
      let counters = await node.counters
      if options.isJSON { print { DialectReport.counters(counters, &$0) } }
    }
    _exit(code)
  }

  private func printMessages(_ messages: AsyncStream<DialectMessage>) async {
    for await message in messages {
      print { [options] in DialectReport.delivery(message, options, &$0) }
    }
  }

  private func startInput(_ node: DialectNode<Engine>) throws {
    let input = try EventLoop(name: "input")
    Task(executorPreference: input) {
      await self.broadcastLines(into: node)
      if self.options.exitsAtEnd { await self.end(ExitCode.success) }
    }
  }

  /// Broadcasts line after line; runs on the thread that may wait for input.
  private nonisolated func broadcastLines(into node: DialectNode<Engine>) async {
    let limit = await node.payloadLimit
    var reader = LineReader(descriptor: 0, limit: limit)
    while true {
      switch reader.next() {
      case .end: return
      case .tooLong(let bytes):
        await refuse("a line of \(bytes) bytes was not sent: a message has at most \(limit) bytes")
      case .text(let line):
        do {
          let sequence = try await node.broadcast(line)
          await tookLine(line, sequence)
        } catch DialectError.notConnected {
          return
        } catch {
          await refuse("a line was not sent: \(DialectReport.reason(error, options))")
        }
      }
    }
  }

  private func tookLine(_ line: [UInt8], _ sequence: UInt64) {
    guard options.isJSON else { return }
    print { Report.broadcast(line, sequence: sequence, at: MonotonicClock.now().nanoseconds, &$0) }
  }

  private func refuse(_ reason: String) {
    Standard.error("grapevine agent: \(reason)\n")
    if options.isJSON { print { DialectReport.rejected(reason, &$0) } }
  }

  private func tell(_ state: Lifecycle) {
    if options.isJSON {
      print { DialectReport.lifecycle(state, &$0) }
    } else {
      Standard.error("\(state)\n")
    }
  }

  private func print(_ body: (inout JSONWriter) -> Void) {
    var output = JSONWriter()
    body(&output)
    // Nobody reads any more: there is nothing left to do but to leave.
    if !Standard.write(output.bytes, to: 1), !isEnding {
      Task(executorPreference: console.loop) { await self.end(ExitCode.success) }
    }
  }
}
