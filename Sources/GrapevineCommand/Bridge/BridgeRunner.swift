// A running bridge: its sides, and what it prints.

import Grapevine
import GrapevineBridge
import GrapevineConsole
import GrapevineCore
import GrapevineSecurity
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A bridge on the console's thread.
actor BridgeRunner {
  private let options: BridgeOptions
  private let console: DialectConsole
  private var ports: [any BridgePort] = []
  private var bridge: Bridge?
  private var printer: Task<Void, Never>?
  /// What is to be printed: a reader that does not keep up loses the oldest of it, and the clusters nothing.
  private let (events, told) = AsyncStream<Bridge.Event>.makeStream(bufferingPolicy: .bufferingNewest(4_096))
  private var isEnding = false

  nonisolated var unownedExecutor: UnownedSerialExecutor { console.loop.asUnownedSerialExecutor() }

  init(_ options: BridgeOptions, console: DialectConsole) {
    (self.options, self.console) = (options, console)
  }

  /// Joins all clusters and carries messages.
  func run() async {
    for (dialect, options) in options.dialects {
      do {
        add(try await dialect.makePort(options))
      } catch {
        return await fail(dialect.name, DialectReport.reason(error, options))
      }
    }
    if var configuration = options.native {
      do {
        configuration.layer = try options.keyFile.map { try ClusterKeys(file: $0) }
        let node = try await GossipNode(configuration)
        let port = NativePort(node: node)
        try await node.join(options.contacts)
        add(port)
      } catch {
        return await fail("grapevine", "\(error)")
      }
    }
    guard !isEnding else { return }
    printer = Task(executorPreference: console.loop) { await self.printEvents() }
    let bridge = Bridge(ports, settling: options.settling) { [told] in told.yield($0) }
    self.bridge = bridge
    do {
      try await bridge.run()
    } catch {
      await fail("grapevine", "\(error)")
    }
  }

  private func printEvents() async {
    for await event in events { print { BridgeReport.event(event, options.isJSON, &$0, &$1) } }
  }

  /// Leaves all clusters and ends the process; only the first call counts.
  func end(_ code: Int32) async {
    guard !isEnding else { return }
    isEnding = true
    if let bridge {
      await bridge.leave()
      told.finish()
      await printer?.value
      let traffic = await bridge.traffic
      for (port, traffic) in zip(ports, traffic) {
        print { BridgeReport.traffic(port.name, traffic, self.options.isJSON, &$0, &$1) }
      }
    } else {
      for port in ports { await port.leave() }
    }
    _exit(code)
  }

  private func add(_ port: any BridgePort) {
    ports.append(port)
    print { BridgeReport.connected(port.name, port.address, self.options.isJSON, &$0, &$1) }
  }

  /// Prints what `body` writes for standard output and for standard error.
  private func print(_ body: (inout JSONWriter, inout String) -> Void) {
    var (output, note) = (JSONWriter(), "")
    body(&output, &note)
    if !note.isEmpty { Standard.error(note) }
    // Nobody reads any more: there is nothing left to do but to leave.
    if !output.bytes.isEmpty, !Standard.write(output.bytes, to: 1), !isEnding {
      Task(executorPreference: console.loop) { await self.end(ExitCode.success) }
    }
  }

  private func fail(_ side: String, _ reason: String) async {
    guard !isEnding else { return }
    Standard.error("grapevine bridge: \(side): \(reason)\n")
    await end(ExitCode.failure)
  }
}
