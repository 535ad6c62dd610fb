// A running node: what goes into it and what comes out.
//
// Everything here runs on one thread, the console's, which may block in `write` as long as the reader of the output
// likes: the node then waits a moment for it, and goes on without it. Standard input is read on another thread, which
// may block as well. The node's own thread never does.

import Grapevine
import GrapevineConsole
import GrapevineCore
import GrapevineTransport
import Synchronization
import ZGossipBridge
import ZGossipNode

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// One node between standard input and standard output.
actor Session {
  nonisolated let options: ZGossipOptions
  private nonisolated let loop: EventLoop
  /// The node for those who must not wait for this thread, which may be held up by whoever reads the output.
  private nonisolated let reachable = Mutex<ZGossipNode?>(nil)
  private let report: Report
  private var output = JSONWriter()
  private var isFlushPlanned = false
  private var isEnding = false
  private var printer: Task<Void, Never>?
  private var cluster: ClusterSide?

  /// Output that is collected before it is written. Chosen here: the size of a Linux pipe.
  private static var outputBytes: Int { 64 << 10 }

  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  init(_ options: ZGossipOptions) throws {
    self.options = options
    report = Report(isJSON: options.isJSON)
    loop = try EventLoop(name: "console")
  }

  /// Starts the node and all that belongs to it.
  nonisolated func start() { Task(executorPreference: loop) { await self.run() } }

  /// Has the node hand over what others lack, also while the output is held up.
  nonisolated func closeNow() {
    guard let node = reachable.withLock({ $0 }) else { return }
    Task { [linger = options.linger] in await node.close(within: linger) }
  }

  /// Ends the process once the node has handed over what others lack.
  nonisolated func endSoon(_ code: Int32) { Task(executorPreference: loop) { await self.end(code) } }

  private func run() async {
    do {
      var setup = try Setup(options)
      if !options.isQuiet {
        for warning in setup.warnings { Standard.error(warning + "\n") }
        setup.configuration.log = { [weak self] text in
          Task { await self?.log(text) }
        }
      }
      let node = try ZGossipNode(configuration: setup.configuration)
      reachable.withLock { $0 = node }
      // From the start, so that the node's own tuples are told of.
      let deliveries = options.isQuiet ? nil : node.deliveries
      try await connect(node, setup)
      for tuple in options.tuples {
        try await node.publish(
          Array(tuple.name.utf8), Array(tuple.value.utf8), lifetime: options.lifetime)
      }
      if let deliveries {
        printer = Task(executorPreference: loop) { await self.print(deliveries) }
      }
      startStatus(node)
      try startInput(Input(node: node, session: self, setup: setup, options: options))
      // Last: a cluster that is not there yet must hold up nothing.
      if let options = options.cluster { try await join(options, node) }
    } catch let failure as SetupFailure {
      await fail("\(failure)")
    } catch {
      await fail("grapevine zgossip: \(error)")
    }
  }

  /// Listens and connects as it was asked, and says where.
  private func connect(_ node: ZGossipNode, _ setup: Setup) async throws {
    if let document = setup.document {
      do {
        try await node.load(document)
      } catch ZGossipNodeError.setting(let line, let text) {
        throw SetupFailure(description: setup.place(line, text))
      }
    }
    for endpoint in options.binds { try await node.bind(endpoint, security: setup.server) }
    for endpoint in options.connects { try await node.connect(endpoint, security: setup.client) }
    let (endpoints, port) = (await node.endpoints, await node.port)
    write { report, output in
      for endpoint in endpoints { report.line("BOUND", "endpoint", endpoint, &output) }
      report.line("PORT", "port", port, &output)
    }
  }

  /// Becomes a bridge to a cluster of Grapevine.
  private func join(_ options: ClusterOptions, _ node: ZGossipNode) async throws {
    if !self.options.isQuiet { log("joining \(options.contacts.joined(separator: ", "))") }
    let cluster = try await ClusterSide(options, node) { [weak self] event in
      guard case .refused(key: let key, by: let side, reason: let reason) = event else { return }
      let text = "\(side) refused \(quoted(String(decoding: key, as: UTF8.self))): \(reason)"
      Task { await self?.log(text) }
    }
    self.cluster = cluster
    write { report, output in report.line("JOINED", "address", cluster.node.localEndpoint.text, &output) }
  }

  private func startInput(_ input: Input) throws {
    let thread = try EventLoop(name: "input")
    Task(executorPreference: thread) {
      if await input.run() { await self.end(ExitCode.success) }
    }
  }

  private func startStatus(_ node: ZGossipNode) {
    guard let interval = options.statusInterval else { return }
    Task {
      while (try? await Task.sleep(for: interval)) != nil, await !node.isClosed { await printStatus(node) }
    }
  }

  /// Says what went wrong and ends the process.
  private func fail(_ message: String) async {
    // A signal came first.
    guard !isEnding else { return }
    Standard.error(message + "\n")
    write { report, output in report.error(message, line: nil, &output) }
    await end(ExitCode.failure)
  }

  /// Ends the node, prints what is left to print and ends the process; only the first call counts.
  func end(_ code: Int32) async {
    guard !isEnding else { return }
    isEnding = true
    await cluster?.leave()
    if let node = reachable.withLock({ $0 }) {
      await node.close(within: code == ExitCode.success ? options.linger : .zero)
      await printer?.value
    }
    flush()
    _exit(code)
  }
}

// What is printed.
extension Session {
  private func print(_ deliveries: ZGossipDeliveries) async {
    for await batch in deliveries {
      if batch.lost > 0 { write { report, output in report.line("LOST", "count", batch.lost, &output) } }
      for change in batch {
        write { report, output in
          report.change(change.kind, change.key, change.value, change.version, &output)
        }
        guard output.bytes.count >= Self.outputBytes else { continue }
        flush()
        await Task.yield()
      }
    }
  }

  func printStatus(_ node: ZGossipNode) async {
    let (tuples, counters) = (await node.status, await node.counters)
    write { report, output in report.status(tuples, counters, &output) }
  }

  private func log(_ text: String) { Standard.error("grapevine zgossip: \(Terminal.printable(text))\n") }

  /// Says that a line of the input was not understood or not done.
  func refuse(line: Int, _ message: String) {
    Standard.error("standard input:\(line): \(message)\n")
    write { report, output in report.error(message, line: line, &output) }
  }

  /// Adds output, which is written once there is nothing else to do.
  func write(_ body: (Report, inout JSONWriter) -> Void) {
    body(report, &output)
    guard !isFlushPlanned else { return }
    isFlushPlanned = true
    Task { flush() }
  }

  private func flush() {
    isFlushPlanned = false
    guard !output.bytes.isEmpty else { return }
    let isWritten = Standard.write(output.bytes, to: 1)
    output.removeAll()
    // Nobody reads any more: there is nothing left to do but to end.
    if !isWritten, !isEnding { endSoon(ExitCode.success) }
  }
}
