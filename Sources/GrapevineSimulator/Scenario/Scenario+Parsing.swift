// From the text of a scenario to its value: total, and every refusal has its line.

import GrapevineCore

extension Scenario {
  /// Reads a scenario.
  ///
  /// - Parameters:
  ///   - bytes: The text, in UTF-8, at most 1 MiB.
  ///   - file: What errors call it.
  ///   - readFile: Reads a file that the scenario names, such as a matrix of delays.
  /// - Throws: `ScenarioError` for the first line that cannot be understood or contradicts another.
  public init(
    parsing bytes: [UInt8], file: String,
    readFile: @escaping (String) -> Result<[UInt8], FileProblem> = { _ in
      .failure(FileProblem(reason: "which nobody reads here"))
    }
  ) throws(ScenarioError) {
    let text = try TextLines(bytes, file: file)
    var reading = ScenarioReading(
      scenario: Scenario(name: file, nodes: 0, configuration: .simulated, end: .zero))
    for line in text.lines { try reading.read(ScenarioLine(line: line, readFile: readFile)) }
    self = try reading.finished(TextLines.Line(file: file, number: text.lastNumber, text: ""))
  }

  /// Every kind of line as it is written, and what it does: for help.
  public static var grammar: [(usage: String, help: String)] {
    Directive.all.map { ($0.usage, $0.help) }
  }
}

/// A scenario of which some lines have been read.
private struct ScenarioReading {
  var scenario: Scenario
  /// The lines of what may be said once.
  private var said: [String: Int] = [:]
  /// When the faults end, and the line that says so.
  private var end: (time: Nanoseconds, line: TextLines.Line)?
  /// The last line that changed the nodes' configuration.
  private var lastSetting: TextLines.Line?
  /// The lines of the steps, in their order.
  private var lines: [TextLines.Line] = []

  init(scenario: Scenario) { self.scenario = scenario }

  mutating func read(_ line: ScenarioLine) throws(ScenarioError) {
    let words = line.line.words[...]
    switch words.first {
    case "at": try readEvent(words.dropFirst(), line)
    case "expect":
      let (directive, values) = try find(words.dropFirst(), line) {
        if case .expectation = $0 { true } else { false }
      }
      try once("expect \(directive.name)", line)
      if case .expectation(let make) = directive.meaning { scenario.expectations.append(make(values)) }
    default:
      let (directive, values) = try find(words, line, besides: ["at", "expect"]) {
        switch $0 {
        case .setup, .network: true
        case .moment, .span, .end, .expectation: false
        }
      }
      // Two kinds of latency are one thing said twice.
      try once(String(directive.name.prefix { $0 != " " }), line)
      try apply(directive, values, line)
    }
  }

  private mutating func apply(
    _ directive: Directive, _ values: ScenarioValues, _ line: ScenarioLine
  ) throws(ScenarioError) {
    switch directive.meaning {
    case .setup(let apply):
      let before = scenario.configuration
      apply(values, &scenario)
      if scenario.configuration != before { lastSetting = line.line }
    case .network(let make): try make(values, line)(&scenario.network)
    case .moment, .span, .end, .expectation: break
    }
  }

  private mutating func readEvent(
    _ words: ArraySlice<String>, _ line: ScenarioLine
  ) throws(ScenarioError) {
    let word = words.first ?? ""
    guard let (from, until) = ScenarioValueKind.interval(word) else {
      throw line.line.error(
        "found \(words.isEmpty ? "the end of the line" : quoted(word)) behind \"at\"; "
          + "allowed are times up to \(ScenarioValueKind.text(ScenarioValueKind.timeLimit)), such as 20s, "
          + "or two in their order, such as 0s..10s")
    }
    let (directive, values) = try find(words.dropFirst(), line) {
      switch $0 {
      case .network, .moment, .span, .end: true
      case .setup, .expectation: false
      }
    }
    func step(_ action: ScenarioAction) -> ScenarioStep {
      ScenarioStep(line: line.line.number, from: from, until: until, action: action)
    }
    if case .span = directive.meaning {
    } else if from != until {
      throw line.refusal(found: "the interval \(quoted(word))", allowed: "one time for '\(directive.name)'")
    }
    switch directive.meaning {
    case .network(let make): scenario.steps.append(step(.network(try make(values, line))))
    case .moment(let make), .span(let make): scenario.steps.append(step(make(values)))
    case .end:
      try once("at TIME end", line)
      end = (from, line.line)
      return
    case .setup, .expectation: return
    }
    lines.append(line.line)
    guard scenario.steps.count <= Scenario.stepsLimit else {
      throw line.refusal(
        found: "step \(scenario.steps.count)", allowed: "at most \(Scenario.stepsLimit)")
    }
  }

  private mutating func once(_ name: String, _ line: ScenarioLine) throws(ScenarioError) {
    if let before = said[name] {
      throw line.refusal(
        found: "\"\(name)\" again", allowed: "it once (line \(before))")
    }
    said[name] = line.line.number
  }

  /// The directive that the words begin with, and the values behind its name.
  private func find(
    _ words: ArraySlice<String>, _ line: ScenarioLine, besides others: [String] = [],
    where isAllowed: (Directive.Meaning) -> Bool
  ) throws(ScenarioError) -> (Directive, ScenarioValues) {
    let known = Directive.all.filter { isAllowed($0.meaning) }
    let word = words.first ?? ""
    let first = known.filter { $0.words[0] == word }
    guard let directive = first.first else {
      throw refusal(words.first, known.map { $0.words[0] } + others, line)
    }
    if directive.words.count == 1 { return (directive, try directive.values(words.dropFirst(), line)) }
    let second = words.dropFirst().first
    guard let directive = first.first(where: { $0.words[1] == second }) else {
      throw refusal(second, first.map { $0.words[1] }, line)
    }
    return (directive, try directive.values(words.dropFirst(2), line))
  }

  private func refusal(_ word: String?, _ allowed: [String], _ line: ScenarioLine) -> ScenarioError {
    var names: [String] = []
    for name in allowed where !names.contains(name) { names.append(name) }
    return line.refusal(
      found: word.map { quoted($0) } ?? "the end of the line", allowed: names.joined(separator: ", "))
  }
}

// What lines say about each other.
extension ScenarioReading {
  /// The scenario, once all lines are read.
  ///
  /// - Parameter last: Where to complain of what is missing.
  mutating func finished(_ last: TextLines.Line) throws(ScenarioError) -> Scenario {
    do {
      // Only now: lines may stand in any order, and one setting may need another.
      try scenario.configuration.validate()
    } catch {
      throw (lastSetting ?? last).error("found settings that cannot work; \(error.description)")
    }
    guard scenario.nodes > 0 else {
      throw last.error("found no \"nodes\"; allowed is a scenario with a line 'nodes COUNT'")
    }
    guard scenario.messages > 0 else {
      throw last.error("found no broadcast; allowed is a scenario with '\(Self.broadcastUsage)'")
    }
    try checkJoins(last)
    try checkTimes()
    try checkPartitions()
    try checkAmounts()
    try checkMembers(last.file)
    if scenario.expectations.isEmpty { scenario.expectations = ScenarioExpectation.standard }
    return scenario
  }

  private static let broadcastUsage = Directive.events.first { $0.name == "broadcast" }?.usage ?? ""

  private mutating func checkJoins(_ last: TextLines.Line) throws(ScenarioError) {
    var left = scenario.nodes
    var restLine: TextLines.Line?
    var hasJoin = false
    for (step, line) in zip(scenario.steps, lines) {
      guard case .join(let amount) = step.action else { continue }
      hasJoin = true
      guard let amount else {
        if let restLine {
          throw line.error(
            "found the rest joining again; allowed is that once, as in line \(restLine.number)")
        }
        restLine = line
        continue
      }
      left -= amount.resolved(of: scenario.nodes)
      guard left >= 0 else {
        throw line.error(
          "found \(scenario.nodes - left) of \(scenario.nodes) processes joining; allowed are all of them")
      }
    }
    if !hasJoin {
      scenario.steps.insert(
        ScenarioStep(line: last.number, from: 0, until: 10_000_000_000, action: .join(nil)), at: 0)
      lines.insert(last, at: 0)
    } else if restLine == nil, left > 0 {
      throw last.error("found \(left) processes that never join; allowed is one more line 'at TIME join'")
    }
  }

  private mutating func checkTimes() throws(ScenarioError) {
    let latest = scenario.steps.map { $0.over ?? $0.until }.max() ?? 0
    guard let end else {
      scenario.end = .nanoseconds(Int64(clamping: latest))
      return
    }
    for (step, line) in zip(scenario.steps, lines) where (step.over ?? step.until) > end.time {
      throw line.error(
        "found something that lasts until \(ScenarioValueKind.text(step.over ?? step.until)); allowed are times "
          + "up to the end of the faults at \(ScenarioValueKind.text(end.time)) in line \(end.line.number)")
    }
    scenario.end = .nanoseconds(Int64(clamping: end.time))
  }

  private func checkPartitions() throws(ScenarioError) {
    var open: (until: Nanoseconds, line: TextLines.Line)?
    var crashes: Nanoseconds?
    // Steps of the same time happen in the order of their lines.
    let order = zip(scenario.steps, lines).enumerated().sorted {
      ($0.element.0.from, $0.offset) < ($1.element.0.from, $1.offset)
    }
    for (_, (step, line)) in order {
      if let before = open, before.until <= step.from { open = nil }
      switch step.action {
      case .partition:
        if let open {
          throw line.error(
            "found a partition within that of line \(open.line.number); allowed is one at a time")
        }
        open = (step.over ?? .max, line)
      case .heal:
        guard open != nil else {
          throw line.error("found \"heal\" without a partition; allowed is one that ends a partition")
        }
        open = nil
      case .crash: crashes = crashes ?? step.from
      case .restart where crashes == nil:
        throw line.error("found \"restart\" before any crash; allowed is one after 'at TIME crash AMOUNT'")
      default: break
      }
    }
  }

  private func checkMembers(_ file: String) throws(ScenarioError) {
    func error(_ line: Int, _ message: String) -> ScenarioError {
      ScenarioError(file: file, line: line, message: message)
    }
    guard let rules = scenario.configuration.membership else {
      for name in Directive.needingMembership {
        guard let line = said[name] else { continue }
        throw error(line, "found \"\(name)\" and \"membership off\"; allowed is one of the two")
      }
      return
    }
    guard let line = said["expect \(Directive.membersExpectation)"], scenario.nodes > rules.capacity else {
      return
    }
    throw error(
      line,
      "found \(scenario.nodes) processes, of whom a node lists at most \(rules.capacity); allowed is that with a "
        + "line 'members \(scenario.nodes)'")
  }

  private func checkAmounts() throws(ScenarioError) {
    for (step, line) in zip(scenario.steps, lines) {
      guard case .broadcast(let plan) = step.action else { continue }
      guard plan.senders <= scenario.nodes else {
        throw line.error(
          "found \(plan.senders) processes that broadcast; allowed are at most \(scenario.nodes), all of them"
        )
      }
      guard scenario.messages <= Scenario.messagesLimit,
        scenario.messages * scenario.nodes <= Scenario.deliveriesLimit
      else {
        throw line.error(
          "found \(scenario.messages) messages for \(scenario.nodes) processes; allowed are at most "
            + "\(Scenario.messagesLimit) messages and \(Scenario.deliveriesLimit) deliveries")
      }
    }
  }
}
