// A demo from start to end: start agents, wait until they are connected, broadcast, wait, have them leave.
//
// One thread does it all around `poll`. Signals are blocked and asked after in every turn. If this process
// is killed, the agents see their standard input end and leave.

import GrapevineConsole
import GrapevineCore
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A run of the demo.
final class Demo {
  /// What is known of one agent.
  struct Agent {
    let process: ChildProcess
    let startedAt: UInt64
    var address: String?
    var connectedAt: UInt64?
    var isKilled = false
    var counters: AgentCounters?
  }

  let options: DemoOptions
  private(set) var agents: [Agent] = []
  private(set) var ledger: DemoLedger
  private(set) var members: [String: Int] = [:]
  private(set) var gaps = 0
  private var isLeaving = false
  /// What the agents seal with; nil when they do not.
  private var keys: DemoKeys?
  /// Where the agents' sockets are; nil when these are of the network.
  private var sockets: DemoDirectory?
  private var descriptors: [pollfd] = []
  private var progress = DemoProgress()

  /// Time for agents to leave before they are killed. Chosen here: the core's limit of 2 s, and a busy
  /// machine.
  private static let leaveSeconds = 5.0
  /// Time in which a message that arrives twice would do so. Chosen here: several repair round trips.
  private static let settleSeconds = 0.3

  init(_ options: DemoOptions) {
    self.options = options
    ledger = DemoLedger(nodes: options.nodes, messages: options.messages, size: options.size)
  }

  /// Runs the demo and prints its outcome; returns the exit code. No agent is left, whatever happens.
  func run() throws(DemoFailure) -> Int32 {
    if !options.isJSON { Standard.output(DemoReport.opening(options)) }
    if options.isSealed { keys = try DemoKeys() }
    if options.transport == "unix" { sockets = try DemoDirectory(agents: options.nodes) }
    defer { endAgents() }
    try startAgents()
    try broadcastAll()
    try wait(seconds: options.timeout, ledger.isComplete)
    try wait(seconds: Self.settleSeconds, false)
    try leave()
    progress.end()
    let report = DemoReport(self)
    Standard.output(options.isJSON ? report.json : report.text)
    return report.holds ? ExitCode.success : ExitCode.broken
  }

  private var now: UInt64 { MonotonicClock.now().nanoseconds }

  // MARK: Starting

  private func startAgents() throws(DemoFailure) {
    try raiseDescriptorLimit()
    guard let path = Executable.path else { throw .system(call: "finding this program", error: ENOENT) }
    let deadline = now + UInt64(options.timeout * 1e9)
    try start(path, join: nil)
    try untilConnected(deadline) { agents[0].connectedAt != nil && agents[0].address != nil }
    for _ in 1..<options.nodes {
      try start(path, join: agents[0].address)
      try turn(milliseconds: 0)
    }
    try untilConnected(deadline) { agents.allSatisfy { $0.connectedAt != nil } }
  }

  private func start(_ path: String, join contact: String?) throws(DemoFailure) {
    // Nobody asks these agents, and every change at one of them would be a line of each other one.
    var arguments = ["agent", "--json", "--no-member-events", "--control", "none"]
    arguments += ["--exit-at-end", "--transport", options.transport]
    arguments += ["--bind", sockets.map { "unix:\($0.path)" } ?? "127.0.0.1:0"]
    arguments += ["--join-timeout", "\(options.timeout)"]
    if options.loss > 0 { arguments += ["--loss", "\(options.loss)"] }
    if let keys { arguments += ["--keys", keys.file] }
    if let contact { arguments += ["--join", contact] }
    let startedAt = now
    agents.append(Agent(process: try ChildProcess(path: path, arguments: arguments), startedAt: startedAt))
  }

  private func untilConnected(_ deadline: UInt64, _ isDone: () -> Bool) throws(DemoFailure) {
    while !isDone() {
      let connected = agents.count { $0.connectedAt != nil }
      guard now < deadline else {
        throw .notConnected(connected: connected, of: options.nodes, seconds: options.timeout)
      }
      progress.show("connected", connected, of: options.nodes)
      try turn(milliseconds: 50)
    }
  }

  private func raiseDescriptorLimit() throws(DemoFailure) {
    let needed = 2 * options.nodes + 32
    var limit = rlimit()
    #if canImport(Glibc)
      let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
      let kind = RLIMIT_NOFILE
    #endif
    guard getrlimit(kind, &limit) == 0, limit.rlim_cur < rlim_t(needed) else { return }
    guard limit.rlim_max >= rlim_t(needed) else {
      throw .descriptors(needed: needed, limit: Int(limit.rlim_max))
    }
    limit.rlim_cur = rlim_t(needed)
    guard setrlimit(kind, &limit) == 0 else { throw .system(call: "setrlimit", error: errno) }
  }

  // MARK: Broadcasting

  /// The agent that `--kill` kills: the last, which is never a sender then.
  private var victim: Int? { options.kills ? options.nodes - 1 : nil }

  private func broadcastAll() throws(DemoFailure) {
    let senders = options.sendersAreAll ? (victim ?? options.nodes) : 1
    if let victim { ledger.exclude(victim) }
    let start = now
    var sent = 0
    while sent < options.messages {
      let due = start + UInt64(Double(sent) * 1e9 / options.rate)
      let time = now
      let sender = agents[sent % senders].process
      guard due <= time, sender.takesLines else {
        showDelivered()
        try turn(milliseconds: due <= time ? 10 : Int32(min(100, (due - time + 999_999) / 1_000_000)))
        continue
      }
      if sent == options.messages / 2, let victim, !agents[victim].isKilled {
        agents[victim].isKilled = true
        agents[victim].process.signal(SIGKILL)
      }
      sender.send(ledger.payload(sent))
      sent += 1
    }
  }

  /// Goes on until `isDone` or the time is over.
  private func wait(seconds: Double, _ isDone: @autoclosure () -> Bool) throws(DemoFailure) {
    let deadline = now + UInt64(seconds * 1e9)
    while !isDone(), now < deadline {
      showDelivered()
      try turn(milliseconds: 20)
    }
    showDelivered()
  }

  private func showDelivered() {
    progress.show("delivered", ledger.delivered, of: ledger.expected)
  }

  // MARK: Ending

  /// Tells every agent to leave and reads until all have.
  private func leave() throws(DemoFailure) {
    isLeaving = true
    for agent in agents { agent.process.signal(SIGTERM) }
    let deadline = now + UInt64(Self.leaveSeconds * 1e9)
    while agents.contains(where: { $0.process.output >= 0 }), now < deadline {
      progress.show("left", agents.count { $0.process.output < 0 }, of: agents.count)
      try turn(milliseconds: 50)
    }
  }

  /// Ends what is still there: asks first, waits, then kills.
  private func endAgents() {
    progress.end()
    for agent in agents where !agent.process.reap() {
      agent.process.signal(SIGTERM)
      agent.process.closeInput()
    }
    let deadline = now + 3_000_000_000
    while now < deadline, !agents.allSatisfy({ $0.process.reap() }) {
      drain()
    }
    for agent in agents where !agent.process.reap() {
      agent.process.signal(SIGKILL)
      agent.process.reap(waiting: true)
    }
  }

  /// Takes what agents still print, so that none waits for room in its pipe.
  private func drain() {
    for agent in agents where agent.process.output >= 0 {
      _ = try? agent.process.readLines { (_) throws(DemoFailure) in }
    }
    poll(nil, 0, 10)
  }
}

// One turn of the loop.
extension Demo {
  /// Waits for pipes, at most `milliseconds`, and does what they allow.
  private func turn(milliseconds: Int32) throws(DemoFailure) {
    if let signal = Signals.pending() { throw .interrupted(signal) }
    descriptors.removeAll(keepingCapacity: true)
    for agent in agents {
      // A negative descriptor is one that `poll` skips.
      descriptors.append(pollfd(fd: agent.process.output, events: Int16(POLLIN), revents: 0))
      let input = agent.process.hasOutgoing ? agent.process.input : -1
      descriptors.append(pollfd(fd: input, events: Int16(POLLOUT), revents: 0))
    }
    guard poll(&descriptors, nfds_t(descriptors.count), milliseconds) > 0 else { return }
    for index in agents.indices {
      if descriptors[2 * index + 1].revents != 0 { agents[index].process.writeOutgoing() }
      if descriptors[2 * index].revents != 0 { try readAgent(index) }
    }
  }

  private func readAgent(_ index: Int) throws(DemoFailure) {
    let process = agents[index].process
    let isShort = try process.readLines { (line) throws(DemoFailure) in try take(line, from: index) }
    guard isShort else { throw .agentOutput(index, reason: "a line without end") }
    guard process.output < 0, !isLeaving, !agents[index].isKilled else { return }
    process.closeInput()
    process.reap(waiting: true)
    // Ctrl-C at a terminal goes to the agents too.
    if let signal = Signals.pending() { throw .interrupted(signal) }
    throw .agentEnded(index, status: process.statusText)
  }

  private func take(_ line: ArraySlice<UInt8>, from index: Int) throws(DemoFailure) {
    let value: JSONValue
    do {
      value = try JSONReader.read(line)
    } catch {
      throw .agentOutput(index, reason: "\(error)")
    }
    let at = value["at"]?.count ?? 0
    switch value["event"]?.text {
    case "listening":
      agents[index].address = value["address"]?.text
      if let member = value["member"]?.text { members[member] = index }
    case "lifecycle":
      if value["state"]?.text == "connected" { agents[index].connectedAt = at }
    case "broadcast":
      ledger.deliver(value["text"]?.text, at: index, from: index, time: at)
    case "delivery":
      let origin = value["sender"]?.text.flatMap { members[$0] }
      ledger.deliver(value["payload"]?.text, at: index, from: origin, time: at)
    case "gap":
      gaps += 1
    case "counters":
      agents[index].counters = AgentCounters(value)
    default:
      break
    }
  }
}
