// A cluster's key is changed under 10,000 messages a second, while one member is away.

import Grapevine
import GrapevineCore
import GrapevineSecurity
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

enum SealedRotationBenchmark {
  private static let members = 8
  private static let rate = 10_000
  private static let messages = 80_000

  static func report(into report: inout Report) throws {
    report.title("Eight processes, 10,000 messages a second, the key changed while one of them is away")
    let run = try RotationRun(members: members)
    let outcome = try run.play(messages: messages, rate: rate)
    report.add(
      Row(
        "sealed.rotation.lost", [outcome.lost], "messages", reach: .atMost(0), everyRun: true,
        note: "of \(messages), at \(members - 1) members"))
    report.add(
      Row("sealed.rotation.repeated", [outcome.repeated], "messages", reach: .atMost(0), everyRun: true))
    report.add(
      Row("sealed.rotation.rate", [outcome.rate], "messages/s", reach: .atLeast(0.95 * Double(rate))))
    report.add(
      Row(
        "sealed.rotation.plainSent", [outcome.plainSent], "datagrams", reach: .atMost(0), everyRun: true,
        note: "sent less sealed, as the processes count"))
    if let wire = outcome.wire {
      report.add(
        Row(
          "sealed.rotation.captured", [Double(wire.sealed)], "datagrams",
          reach: .atLeast(Double(messages) / 10),
          note: "sealed ones that the raw capture saw; a tenth of the messages shows that it looked"))
      report.add(
        Row(
          "sealed.rotation.plainOnWire", [Double(wire.plain + wire.readable)], "datagrams", reach: .atMost(0),
          everyRun: true,
          note:
            "of \(Row.text(Double(wire.sealed + wire.plain))) in a raw capture: not of the form, or with a message in it"
        ))
    } else {
      report.title("  no raw capture here: it takes CAP_NET_RAW")
    }
    report.add(
      Row(
        "sealed.rotation.refusedAway", [outcome.refusedAway], "datagrams", reach: .atLeast(1),
        note: "of others, by the member that came back with the old key alone: it stays outside"))
    report.add(
      Row(
        "sealed.rotation.back", [outcome.backSeconds], "s", reach: .atMost(10),
        note: "from its start with the new key in its file to its first message; none lost from then on"))
    report.add(
      Row(
        "sealed.rotation.lostAfterBack", [outcome.lostAfterBack], "messages", reach: .atMost(0),
        everyRun: true))
  }
}

/// One run of it.
private final class RotationRun {
  struct Outcome {
    var lost = 0.0
    var repeated = 0.0
    var rate = 0.0
    var plainSent = 0.0
    var wire: WireCapture.Counts?
    var refusedAway = 0.0
    var backSeconds = 0.0
    var lostAfterBack = 0.0
  }

  private let keys: BenchmarkKeys
  private let old: (file: String, id: KeyID)
  private let new: (file: String, id: KeyID)
  private var files: [String] = []
  private var children: [Child] = []
  private var contact = "-"
  private let capture = WireCapture(marker: 0x70)

  init(members: Int) throws {
    keys = try BenchmarkKeys()
    old = try keys.draw("old")
    new = try keys.draw("new")
    for index in 0..<members { files.append(try keys.copy(old.file, to: "member\(index)")) }
    for index in 0..<members { children.append(try start(index)) }
  }

  private func start(_ index: Int) throws -> Child {
    let child = try Child(System.executable, ["role-sealed-member", files[index], contact])
    guard let address = child.line(after: "listening ", seconds: 10) else {
      throw BenchmarkError("member \(index) did not start")
    }
    if contact == "-" { contact = address }
    if let port = address.split(separator: ":").last.flatMap({ UInt16($0) }) { capture?.watch(port) }
    return child
  }

  private func order(_ child: Child, _ words: String) throws {
    try child.say(words)
    while let line = child.line(seconds: 20) {
      if line == "done" { return }
      if line.hasPrefix("failed") { throw BenchmarkError("\(words): \(line)") }
    }
    throw BenchmarkError("a member does not answer: \(words)")
  }

  private func report(_ child: Child) throws -> String {
    try child.say("report")
    guard let line = child.line(after: "report ", seconds: 20) else {
      throw BenchmarkError("a member does not report")
    }
    return line
  }

  private func pause(_ milliseconds: UInt32) { usleep(milliseconds * 1_000) }

  func play(messages: Int, rate: Int) throws -> Outcome {
    var outcome = Outcome()
    let away = children.count - 1
    pause(2_000)
    try order(children[0], "send \(messages) \(rate)")
    pause(1_000)
    children[away].end(SIGKILL)
    for words in ["install \(new.file)", "use \(new.id)", "retire \(old.id)"] {
      for child in children[..<away] {
        try order(child, words)
        pause(20)
      }
      pause(300)
    }
    outcome.refusedAway = try comeBackTooSoon(away)
    outcome.backSeconds = try comeBack(away)
    guard let sent = children[0].line(after: "sent ", seconds: 60),
      let nanoseconds = Fields.number("in", in: sent)
    else { throw BenchmarkError("the sender did not end") }
    outcome.rate = Double(messages) / nanoseconds * 1e9
    try settle(messages, away, &outcome)
    outcome.wire = capture?.end()
    return outcome
  }

  /// With the old key alone the member finds nobody; returns how many datagrams it refused.
  private func comeBackTooSoon(_ away: Int) throws -> Double {
    let child = try Child(System.executable, ["role-sealed-member", files[away], contact])
    guard let line = child.line(after: "alone ", seconds: 15),
      let refused = Fields.number("refused", in: line)
    else {
      throw BenchmarkError("a member with a retired key was taken in")
    }
    child.wait()
    // What others answer, it cannot open; what it says, they refuse, so that mostly nothing is answered at all.
    let theirs = try Fields.number("refused", in: report(children[0])) ?? 0
    return refused + theirs
  }

  /// The operator gives the member the new key; returns the seconds until it hears a message.
  private func comeBack(_ away: Int) throws -> Double {
    let given = try ClusterKeys(file: files[away])
    try given.install(file: new.file)
    try given.use(new.id)
    let begun = MonotonicClock.now()
    children[away] = try start(away)
    while try Fields.number("count", in: report(children[away])) == 0 {
      guard MonotonicClock.now().since(begun) < 20_000_000_000 else {
        throw BenchmarkError("the member that was away hears nothing")
      }
      pause(10)
    }
    return Double(MonotonicClock.now().since(begun)) / 1e9
  }

  /// Waits until all have everything, and adds up what is missing.
  private func settle(_ messages: Int, _ away: Int, _ outcome: inout Outcome) throws {
    var reports: [String] = []
    for _ in 0..<100 {
      reports = try children.map { try report($0) }
      let isWhole = reports[1..<away].allSatisfy { Fields.number("count", in: $0) == Double(messages) }
      if isWhole, Fields.number("last", in: reports[away]) == Double(messages - 1) { break }
      pause(100)
    }
    func number(_ name: String, _ index: Int) -> Double { Fields.number(name, in: reports[index]) ?? .nan }
    for index in reports.indices {
      outcome.repeated += number("repeated", index)
      outcome.plainSent += number("plainSent", index) + number("plainTaken", index)
    }
    // The sender does not hear itself.
    for index in 1..<away { outcome.lost += Double(messages) - number("count", index) }
    outcome.lostAfterBack = Double(messages) - number("first", away) - number("count", away)
  }
}
