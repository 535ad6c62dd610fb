// The command on synthetic tables: what is run, what is printed, what the exit code is.

import Foundation
import GrapevineConsole
import GrapevineSimulator
import Synchronization
import Testing

@testable import GrapevineCommand

@Suite("The papers' tables: running and printing")
struct PapersSessionTests {
  /// What a session wrote.
  final class Written: Sendable {
    private let parts = Mutex("")
    var text: String { parts.withLock { $0 } }
    func add(_ text: String) -> Bool {
      parts.withLock { $0 += text }
      return true
    }
  }

  private func plan(_ line: [String], _ tables: [PaperTable]) throws -> PapersPlan {
    try PapersPlan(try #require(try PapersCommand.table.parse(line)), tables: tables)
  }

  private func run(
    _ line: [String], _ tables: [PaperTable], report: ReportFile? = nil
  ) async throws -> (output: String, code: Int32) {
    let written = Written()
    let session = PapersSession(try plan(line, tables), report: report, isShowingProgress: false) {
      written.add($0)
    }
    let code = await session.run()
    return (written.text, code)
  }

  private static let both = [SyntheticTables.good, SyntheticTables.bad]

  @Test("the figures do not depend on how many runs go at the same time")
  func determinism() async throws {
    var outputs: Set<String> = []
    for jobs in ["1", "2", "2", "7"] {
      let result = try await run(["--json", "--samples", "--jobs", jobs], Self.both)
      outputs.insert(result.output.replacing(#/"seconds":[^}]*/#, with: ""))
      let csv = try await run(["--csv", "--jobs", jobs], Self.both)
      outputs.insert(csv.output)
    }
    #expect(outputs.count == 2)
  }

  @Test("every experiment runs with its own number of seeds, or with the one that is asked for")
  func seeds() async throws {
    func samples(_ line: [String]) async throws -> [[String]] {
      let output = try await run(["--json", "--samples"] + line, [SyntheticTables.good]).output
      return try output.split(separator: "\n").compactMap { line in
        guard case .object(let fields)? = try JSONReader.read(Array(line.utf8)[...])["samples"] else {
          return nil
        }
        return fields.keys.sorted { $0.count == $1.count ? $0 < $1 : $0.count < $1.count }
      }
    }
    #expect(try await samples([])[0] == ["1", "2", "3", "4"])
    #expect(try await samples([])[3] == ["1", "2"])
    #expect(try await samples(["--seeds", "3", "--seed", "9"])[0] == ["9", "10", "11"])
  }

  @Test("the exit code and the summary say whether every row is reached")
  func codes() async throws {
    let good = try await run([], [SyntheticTables.good])
    #expect(good.code == ExitCode.success)
    #expect(good.output.contains("4 of 4 judged rows are reached; 1 more only shown."))
    let bad = try await run([], Self.both)
    #expect(bad.code == ExitCode.broken)
    #expect(bad.output.contains("4 of 7 judged rows are reached, 3 not; 1 more only shown."))
    #expect(
      bad.output.contains("not reached: bad, failed, run: 2 of 2 runs failed; seed 1: no <network> for 1\n"))
    #expect(bad.output.contains("the figure of seed 2 is nan"))
    let single = try await run(["--only", "good", "--seeds", "1"], Self.both)
    #expect(single.code == ExitCode.broken)
    #expect(single.output.contains("1 open for lack of runs"))
  }

  @Test("the text has a line of columns for each row, no wider than a wide terminal")
  func text() async throws {
    let output = try await run([], [SyntheticTables.good]).output
    let lines = output.split(separator: "\n")
    let row = try #require(lines.first { $0.contains("x, at most") })
    #expect(row.contains("11 [M], 10.5 [R]") && row.contains("at most 11") && row.hasSuffix("yes"))
    #expect(lines.allSatisfy { $0.count <= 160 })
    #expect(!output.contains("\u{1b}"))
  }

  @Test("a JSON line is an object with all digits of the figure")
  func json() async throws {
    let output = try await run(["--json"], Self.both).output
    let lines = try output.split(separator: "\n").map { try JSONReader.read(Array($0.utf8)[...]) }
    #expect(lines.count == 9)
    #expect(lines[0]["table"]?.text == "good")
    #expect(lines[0]["verdict"]?.text == "yes")
    #expect(lines[0]["atMost"] == .integer(11) && lines[0]["atLeast"] == nil)
    #expect(lines[1]["reference"] == .real(10.5) && lines[1]["rounding"] == .real(0.5))
    guard case .real(let tiny)? = lines[2]["mean"] else {
      Issue.record("no mean")
      return
    }
    #expect(tiny > 1e-7 && tiny < 2e-7 && tiny != 1e-7)
    #expect(lines[5]["mean"] == .null)
    #expect(lines[8]["no"]?.count == 3)
  }

  @Test("CSV quotes what has commas, quotes and line breaks, and ends lines as RFC 4180 has it")
  func csv() async throws {
    #expect(
      CSV.line(["a", "b,c", "d\"e", "f\ng", "h\r\ni", ""]) == "a,\"b,c\",\"d\"\"e\",\"f\ng\",\"h\r\ni\",\r\n")
    let output = try await run(["--csv"], Self.both).output
    #expect(output.hasPrefix("table,experiment,value,what,"))
    #expect(output.contains("\r\ngood,a,x,\"x, a \"\"reference\"\"\",,,4,"))
    #expect(
      output.contains("\r\nbad,d,odd,\"odd\nline\",,,0,,,,,at most 1,no,the figure of seed 2 is nan\r\n"))
    #expect(output.hasSuffix("\r\n"))
  }

  @Test("the page is written even when nobody takes the output")
  func deaf() async throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "papers-\(UUID().uuidString).html").path
    defer { unlink(path) }
    let session = PapersSession(
      try plan([], [SyntheticTables.good]), report: try ReportFile(path), isShowingProgress: false
    ) { _ in false }
    #expect(await session.run() == ExitCode.failure)
    #expect(try String(contentsOfFile: path, encoding: .utf8).hasSuffix("</html>\n"))
  }

  @Test("an interruption prints the tables that are complete")
  func interruption() async throws {
    let written = Written()
    let blocked = PaperTable(
      id: "blocked", title: "Blocked", source: "S", setup: "U",
      experiments: [SyntheticTables.experiment("never")], rows: [])
    let session = PapersSession(try plan([], [SyntheticTables.good, blocked]), isShowingProgress: false) {
      written.add($0)
    }
    // Before anything was run no table is complete.
    #expect(session.printComplete(signal: 2) == ExitCode.interrupted)
    #expect(written.text.contains("0 of 0 judged rows are reached; interrupted, tables left out: 2."))
    // After it nothing is handed out any more.
    #expect(await session.run() == ExitCode.broken)
  }

  @Test("a heavy experiment never runs beside another")
  func heavy() async throws {
    let running = Atomic(0)
    let most = Atomic(0)
    func experiment(_ id: String, isHeavy: Bool) -> PaperExperiment {
      PaperExperiment(id: id, title: id, seeds: 5, isHeavy: isHeavy) { _, _ in
        let now = running.add(1, ordering: .sequentiallyConsistent).newValue
        if isHeavy { most.max(now, ordering: .sequentiallyConsistent) }
        for _ in 0..<200 { _ = running.load(ordering: .sequentiallyConsistent) }
        running.subtract(1, ordering: .sequentiallyConsistent)
        return PaperSample()
      }
    }
    let table = PaperTable(
      id: "t", title: "T", source: "S", setup: "U",
      experiments: [
        experiment("h", isHeavy: true), experiment("i", isHeavy: false), experiment("j", isHeavy: true),
      ],
      rows: [])
    #expect(try await run(["--jobs", "4"], [table]).code == ExitCode.success)
    #expect(most.load(ordering: .sequentiallyConsistent) == 1)
  }

  @Test("every experiment is tried once, then the longest go first")
  func order() throws {
    let experiments = ["quick", "slow"].map { SyntheticTables.experiment($0, seeds: 3) }
    let table = PaperTable(
      id: "t", title: "T", source: "S", setup: "U", experiments: experiments, rows: [])
    let queue = PapersQueue(PapersPlan(tables: [table]))
    let quick = try #require(queue.take(isHeavy: false))
    queue.finish(quick, PaperRun(seed: quick.seed, sample: PaperSample()))
    let slow = try #require(queue.take(isHeavy: false))
    let start = ContinuousClock.now
    while ContinuousClock.now - start < .milliseconds(5) {}
    queue.finish(slow, PaperRun(seed: slow.seed, sample: PaperSample()))
    var rest: [String] = []
    while let job = queue.take(isHeavy: false) { rest.append(job.experiment.id) }
    #expect(
      [quick.experiment.id, slow.experiment.id] + rest == ["quick", "slow", "slow", "slow", "quick", "quick"])
  }
}

@Suite("The papers' tables: command line and progress")
struct PapersPlanTests {
  private func message(_ line: [String]) -> String? {
    do throws(UsageError) {
      guard let arguments = try PapersCommand.table.parse(line) else { return nil }
      _ = try PapersPlan(arguments, tables: [SyntheticTables.good, SyntheticTables.bad])
      return nil
    } catch {
      return error.message
    }
  }

  @Test("what cannot be meant is refused, with what is known")
  func refusals() {
    #expect(message(["--only", "ugly"]) == "--only is \"ugly\", which is no table; known are good, bad")
    #expect(message(["--json", "--csv"]) == "--json and --csv cannot be given together")
    #expect(message(["--samples"]) == "--samples needs --json")
    #expect(message(["--report="]) == "--report is empty; it must be a file")
    #expect(message(["--seeds", "0"]) != nil)
    #expect(message(["--seed", "\(Int.max)"]) != nil)
    #expect(message(["--only", "bad", "--only", "good", "--seed", "7"]) == nil)
  }

  @Test("tables keep their order, and the command that repeats them names what was chosen")
  func choice() throws {
    let all = [SyntheticTables.good, SyntheticTables.bad]
    func plan(_ line: [String]) throws -> PapersPlan {
      try PapersPlan(try #require(try PapersCommand.table.parse(line)), tables: all)
    }
    #expect(try plan(["--only", "bad", "--only", "good"]).tables.map(\.id) == ["good", "bad"])
    #expect(try plan([]).command == "grapevine simulate --papers --seed 1")
    #expect(
      try plan(["--only", "bad", "--seeds", "2", "--jobs", "1"]).command
        == "grapevine simulate --papers --only bad --seeds 2 --seed 1")
    #expect(try plan([]).runCount == 4 + 3 + 2 + 2 + 4)
    #expect(try plan([]).listing.contains("Made of c & <seeds>; 2 runs, one at a time"))
  }

  @Test("progress counts runs, and what is left follows from what they took")
  func progress() {
    var progress = PapersProgress(jobs: 2, last: "a, seed 4")
    #expect(progress.left == nil && progress.share == 1)
    progress.parts = [
      PapersProgress.Part(total: 10, finished: 4, partial: 1, secondsPerRun: 6),
      PapersProgress.Part(total: 10, finished: 0, secondsPerRun: nil),
      PapersProgress.Part(total: 1, finished: 0, secondsPerRun: 60, isHeavy: true),
    ]
    progress.elapsed = 3_725
    // 5 runs of 6 s and 10 of 33 s by two, and one of 60 s alone.
    #expect(progress.left == 240)
    // 30 of 60 + 330 + 60 seconds of work.
    #expect(abs(progress.share - 30.0 / 450) < 1e-12)
    #expect(
      progress.line(columns: 200)
        == "[#.......................] 6 %, 4 of 21 runs, 1:02:05, about 4:00 left; a, seed 4")
    #expect(progress.line(columns: 20).count == 19)
  }

  @Test("figures have the digits that mean something")
  func numbers() throws {
    #expect(PaperNumber.text(0.17534) == "0.1753")
    #expect(PaperNumber.text(1_000) == "1000")
    #expect(PaperNumber.text(3.3333e-6) == "3.333e-6")
    #expect(PaperNumber.text(9.99999e-6) == "10.000e-6" || PaperNumber.text(9.99999e-6) == "1.000e-5")
    #expect(PaperNumber.text(-0.0) == "0")
    #expect(PaperNumber.text(.leastNonzeroMagnitude).hasSuffix("e-324"))
    #expect(PaperNumber.text(1.7e308) == "1.700e308")
    #expect(PaperNumber.text(.nan) == "not a number")
    let estimate = PaperNumber.estimate(try #require(PaperSummary([0.174, 0.176, 0.175, 0.1755])))
    #expect(estimate == ("0.1751", "0.1738 to 0.1765"))
    #expect(PaperNumber.estimate(try #require(PaperSummary([3]))) == ("3", "-"))
    #expect(PaperNumber.estimate(try #require(PaperSummary([3, 3]))) == ("3", "3 to 3"))
    #expect(PaperNumber.text(PaperReach.reference(0.175, rounding: 0.0005)) == "0.175 ± 0.0005")
  }

  @Test("a report goes to its place whole, and a place that cannot take it is refused at once")
  func reportFile() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "papers-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func names() throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }
    let path = folder.appending(path: "page.html").path
    try "old".write(toFile: path, atomically: false, encoding: .utf8)
    let file = try ReportFile(path)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
    try file.finish("new")
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "new")
    #expect(try names() == ["page.html"])
    let dropped = try ReportFile(folder.appending(path: "other.html").path)
    dropped.remove()
    #expect(try names() == ["page.html"])
    #expect(throws: ReportFileError.self) { try ReportFile(folder.appending(path: "none/page.html").path) }
    #expect(throws: ReportFileError.self) { try ReportFile(folder.path) }
    #expect(throws: ReportFileError.self) { try ReportFile("/dev/null") }
  }
}
