// A running agent: a node, what goes into it and what comes out.
//
// Everything here runs on one thread, the console's, which may block in `write` as long as the reader of the
// output likes: then messages are no longer taken from the node, and its back-pressure does the rest.
// Standard input is read on another thread, which may block as well. The node's own thread never does.

import Grapevine
import GrapevineConsole
import GrapevineCore
import GrapevineSecurity
import GrapevineTransport
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// One member of a cluster between standard input and standard output.
actor Agent {
  let options: AgentOptions
  private let loop: EventLoop
  private var node: GossipNode?
  /// What seals; nil for an agent that sends plain datagrams.
  private var keys: ClusterKeys?
  /// The node for those who must not wait for this thread, which may be held up by whoever reads the output.
  private nonisolated let reachable = Mutex<GossipNode?>(nil)
  private var output = JSONWriter()
  private var isFlushPlanned = false
  private var isEnding = false
  private var hasJoined = false
  /// The member that was found to have this one's name.
  private var nameHolder: Endpoint?
  /// The control socket, which must not stay behind however the process ends.
  private nonisolated let control = Mutex<ControlSocket?>(nil)
  private var readers: [Task<Void, Never>] = []

  /// Output that is collected before it is written. Chosen here: the size of a Linux pipe.
  private static var outputBytes: Int { 64 << 10 }

  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  init(_ options: AgentOptions, on loop: EventLoop) {
    self.options = options
    self.loop = loop
  }

  /// Creates the node, joins and starts reading and printing.
  func run() async {
    do {
      options.prepareData()
      keys = try options.readKeys()
      var configuration = options.node
      configuration.layer = keys
      configuration.signer = try options.readIdentity()
      let node = try await GossipNode(configuration)
      self.node = node
      reachable.withLock { $0 = node }
      try await startControl(node)
      let path = control.withLock { $0?.path }
      write { [isJSON = options.isJSON] in Report.listening(node, control: path, isJSON, &$0) }
      printSnapshot(node.snapshotRecovery)
      printTuples(node.tupleRecovery, count: await node.tuples.count)
      // In this order: whatever `events` tells of members, `memberEvents` tells too.
      let memberEvents = options.printsMembers ? node.members.events : nil
      let events = await node.events()
      let transfers = node.transfers
      // The preference keeps the tasks on this thread where they wait: no pool of threads is started for
      // them.
      readers = [
        Task(executorPreference: loop) { await self.printEvents(events, memberEvents) },
        Task(executorPreference: loop) { await self.printMessages(node.messages) },
        Task(executorPreference: loop) { await self.printDirect(node.directMessages) },
        Task(executorPreference: loop) { await self.printTransfers(transfers) },
      ]
      try startAnswering(node)
      for topic in options.topics { try await node.subscribe(topic) }
      try await node.join(options.contacts)
      hasJoined = true
      try startInput(node)
    } catch JoinError.hasLeft {
      // A signal came before joining began.
      await end(ExitCode.success)
    } catch {
      guard !isEnding else { return }
      Standard.error("grapevine agent: \(error)\n")
      await end(ExitCode.failure)
    }
  }

  /// Has the node say goodbye, also while the output is held up.
  nonisolated func partNow() {
    guard let node = reachable.withLock({ $0 }) else { return }
    Task(executorPreference: node.executor) { await node.leave() }
  }

  /// Leaves the cluster, prints what is left to print and ends the process; only the first call counts.
  func end(_ code: Int32) async {
    guard !isEnding else { return }
    isEnding = true
    if let node {
      await node.leave()
      for reader in readers { await reader.value }
      let statistics = await node.statistics
      if let reason = statistics.snapshotFailure {
        Standard.error("grapevine agent: the members were not always kept in the data directory: \(reason)\n")
      }
      if let reason = statistics.tupleStore?.lastFailure {
        Standard.error("grapevine agent: the last tuples were not kept in the data directory: \(reason)\n")
      }
      if options.isJSON { Report.counters(statistics, &output) }
    }
    flush()
    removeSockets()
    _exit(code)
  }

  /// Removes the control socket, and the node's own if that is one, also while the output is held up.
  nonisolated func removeSockets() {
    removeControl()
    reachable.withLock { $0 }?.releaseSeat()
  }

  private nonisolated func removeControl() {
    control.withLock { socket in
      socket?.remove()
      socket = nil
    }
  }

  /// Answers at the control socket from now on.
  ///
  /// - Throws: When there can be none where the user wants it. Where nobody asked for it, there is a warning.
  private func startControl(_ node: GossipNode) async throws {
    do {
      let path: String
      switch options.control {
      case .none: return
      case .path(let chosen): path = chosen
      case .standard:
        if let place = ControlPlace.among(options.node.bind) {
          path = place.path(number: node.localEndpoint.port)
        } else {
          let place = ControlPlace.standard
          try place.prepare()
          path = place.path(port: node.localEndpoint.port)
        }
      }
      let socket = try ControlSocket(path: path)
      control.withLock { $0 = socket }
      try await ControlServer(
        socket, requests: ControlRequest.all(of: node, tuples: options.node.core.tuples, keys: keys)
      ).start()
    } catch {
      removeControl()
      guard options.control == .standard else { throw error }
      Standard.error("grapevine agent: nobody can ask this agent for its members and tuples: \(error)\n")
    }
  }

  /// Answers questions with what a command prints, if the user gave one.
  private func startAnswering(_ node: GossipNode) throws {
    guard let command = options.answerCommand else { return }
    let answering = try EventLoop(name: "answers")
    let program = AnswerProgram(command: command, limit: node.directLimit)
    Task(executorPreference: answering) { await program.answer(node.questions, on: answering) }
  }

  private func startInput(_ node: GossipNode) throws {
    let input = try EventLoop(name: "input")
    let (agent, options) = (self, options)
    Task(executorPreference: input) {
      await AgentInput.broadcastLines(into: node, of: agent, options)
      if options.exitsAtEnd { await agent.end(ExitCode.success) }
    }
  }
}

// What is printed.
extension Agent {
  private func printMessages(_ messages: Messages) async {
    for await message in messages {
      write { [isJSON = options.isJSON] in Report.delivery(message, isJSON, &$0) }
      guard output.bytes.count >= Self.outputBytes else { continue }
      flush()
      await Task.yield()
    }
  }

  private func printDirect(_ messages: DirectSequence<DirectMessage>) async {
    for await message in messages {
      write { [isJSON = options.isJSON] in Report.direct(message, isJSON, &$0) }
      guard output.bytes.count >= Self.outputBytes else { continue }
      flush()
      await Task.yield()
    }
  }

  /// Prints which large messages did not come, or did not go.
  private func printTransfers(_ updates: AsyncStream<TransferUpdate>) async {
    for await update in updates {
      guard let end = TransferReport(update) else { continue }
      if options.isJSON { write { end.write(to: &$0) } } else { Standard.error(end.text + "\n") }
    }
  }

  /// Prints all events in their order, those of members with what is known of these.
  private func printEvents(_ events: AsyncStream<Event>, _ memberEvents: AsyncStream<MemberEvent>?) async {
    var memberEvents = memberEvents?.makeAsyncIterator()
    for await event in events {
      guard case .member(let change, let id, let run, _) = event else {
        print(event)
        if event == .lifecycle(.destroyed) { return }
        continue
      }
      // The same events in the same order. A sequence drops its oldest when the output is held up for long; since
      // the other one holds less of members, it never lacks what this one still has.
      while let told = await memberEvents?.next(isolation: self) {
        print(told)
        if told.change == change, told.member.id == id, told.member.run == run { break }
      }
    }
  }

  /// Prints what was in the data directory, if there is one; damage on standard error in any case.
  private func printSnapshot(_ recovery: SnapshotRecovery) {
    guard options.node.dataDirectory != nil else { return }
    if options.isJSON { write { Report.snapshot(recovery, &$0) } }
    switch recovery {
    case .none: break
    case .loaded(let members):
      if !options.isJSON { Standard.error("\(members) members of the last run are remembered\n") }
    case .damaged(let reason, let setAside):
      Standard.error(
        "grapevine agent: the members of the last run are lost, since their file is damaged (\(reason)); "
          + "it is called \(setAside) now\n")
    }
  }

  /// Prints which tuples were in the data directory, if there is one; what was lost on standard error in any case.
  private func printTuples(_ recovery: TupleRecovery, count: Int) {
    guard options.node.tupleStorage != nil else { return }
    if options.isJSON { write { Report.tuples(recovery, count: count, &$0) } }
    guard let text = Report.text(recovery, count: count) else { return }
    if case .loaded(_, 0) = recovery, options.isJSON { return }
    Standard.error(text + "\n")
  }

  private func print(_ event: MemberEvent) {
    if options.isJSON {
      write { MemberReport.event(event, at: MonotonicClock.now().nanoseconds, &$0) }
    } else {
      Standard.error(MemberReport.text(event) + "\n")
    }
  }

  private func print(_ event: Event) {
    if options.isJSON {
      write { Report.event(event, &$0) }
    } else if let text = Report.text(event) {
      Standard.error(text + "\n")
    }
    if case .nameConflict(let holder) = event { nameHolder = holder }
    guard event == .lifecycle(.disconnected), hasJoined, !isEnding, let nameHolder else { return }
    // While joining, `join` fails with this.
    let failure = JoinError.nameTaken(
      name: options.node.core.membership?.name ?? "", by: nameHolder.text)
    Standard.error("grapevine agent: \(failure)\n")
    Task(executorPreference: loop) { await self.end(ExitCode.failure) }
  }

  /// Prints that a line was taken.
  func tookLine(_ line: [UInt8], isLarge: Bool, sequence: UInt64, at: UInt64) {
    guard options.isJSON else { return }
    write { Report.broadcast(line, isLarge: isLarge, sequence: sequence, at: at, &$0) }
  }

  /// Prints that a line was not taken, being too long.
  func refusedLine(bytes: Int, limit: Int) {
    Standard.error(
      "grapevine agent: a line of \(bytes) bytes was not sent: a message has at most \(limit) bytes\n")
    guard options.isJSON else { return }
    write { Report.refused(bytes: bytes, limit: limit, &$0) }
  }

  /// Adds output, which is written once there is nothing else to do.
  private func write(_ body: (inout JSONWriter) -> Void) {
    body(&output)
    guard !isFlushPlanned else { return }
    isFlushPlanned = true
    Task { flush() }
  }

  private func flush() {
    isFlushPlanned = false
    guard !output.bytes.isEmpty else { return }
    let isWritten = Standard.write(output.bytes, to: 1)
    output.removeAll()
    // Nobody reads any more: there is nothing left to do but to leave.
    if !isWritten, !isEnding { Task(executorPreference: loop) { await self.end(ExitCode.success) } }
  }
}

/// Standard input, read on a thread that may block.
enum AgentInput {
  /// Broadcasts line after line until the input ends or the node has left.
  static func broadcastLines(into node: GossipNode, of agent: Agent, _ options: AgentOptions) async {
    let limit = max(node.payloadLimit, node.largeLimit)
    var reader = LineReader(descriptor: 0, limit: limit)
    var sequence: UInt64 = 0
    while true {
      switch reader.next() {
      case .end:
        return
      case .tooLong(let bytes):
        await agent.refusedLine(bytes: bytes, limit: limit)
      case .text(let line):
        let at = MonotonicClock.now().nanoseconds
        do {
          try await node.broadcast(line, level: options.level)
        } catch {
          return
        }
        sequence += 1
        let isLarge = line.count > node.payloadLimit
        if options.isJSON { await agent.tookLine(line, isLarge: isLarge, sequence: sequence, at: at) }
      }
    }
  }
}
