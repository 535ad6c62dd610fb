// One call of `grapevine simulate --papers` from its first run to its exit code.

import GrapevineConsole
import GrapevineCore
import GrapevineSimulator
import GrapevineTransport
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Runs a plan, shows how far it is, prints what came out.
final class PapersSession: Sendable {
  private let plan: PapersPlan
  private let queue: PapersQueue
  private let report: ReportFile?
  private let write: @Sendable (String) -> Bool
  private let isShowingProgress: Bool
  private let shown = Mutex(Shown())
  /// Held by whoever prints the outcome; never given back, since the process ends then.
  private let isPrinting = Atomic(false)

  private struct Shown {
    var at: UInt64 = 0
    var isOver = false
  }

  /// Time between two drawings, in nanoseconds. Chosen here: five a second look alive.
  private static let interval: UInt64 = 200_000_000

  /// Creates a session.
  ///
  /// - Parameters:
  ///   - report: Where the page goes.
  ///   - write: Takes what goes to standard output, and says whether that worked.
  init(
    _ plan: PapersPlan, report: ReportFile? = nil, isShowingProgress: Bool = Standard.hasTerminal,
    write: @escaping @Sendable (String) -> Bool = { Standard.write(Array($0.utf8), to: 1) }
  ) {
    self.plan = plan
    self.report = report
    self.isShowingProgress = isShowingProgress
    self.write = write
    queue = PapersQueue(plan)
  }

  /// Runs everything and prints it; returns the exit code.
  func run() async -> Int32 {
    await runAll()
    return finish()
  }

  /// Runs everything: first what can share the machine, then what cannot.
  private func runAll() async {
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<max(1, min(plan.jobs, plan.runCount)) { group.addTask { self.work(isHeavy: false) } }
    }
    work(isHeavy: true)
  }

  private func work(isHeavy: Bool) {
    while let job = queue.take(isHeavy: isHeavy) {
      tick()
      let run: PaperRun
      do {
        let sample = try job.experiment.run(job.seed) { share in
          queue.note(share, of: job)
          tick()
        }
        run = PaperRun(seed: job.seed, sample: sample)
      } catch {
        run = PaperRun(seed: job.seed, failure: "\(error)")
      }
      queue.finish(job, run)
      tick()
    }
  }

  private func finish() -> Int32 {
    guard isPrinting.exchange(true, ordering: .sequentiallyConsistent) == false else {
      // The thread that waits for signals was first: it prints, and ends the process.
      return ExitCode.interrupted
    }
    let seconds = queue.progress.elapsed
    endProgress()
    let outcome = PapersOutcome(plan, runs: queue.complete, seconds: seconds)
    // The page first: it must not be lost because a pipe's reader has gone.
    if let report {
      do throws(ReportFileError) {
        try report.finish(ReportPage(outcome).html)
      } catch {
        _ = write(outcome.output)
        Standard.error("grapevine simulate: \(error.text)\n")
        return ExitCode.failure
      }
    }
    guard write(outcome.output) else { return ExitCode.failure }
    return outcome.isReached ? ExitCode.success : ExitCode.broken
  }

  /// Ends the process with the code of `run`, unless an interruption does so.
  func end(_ code: Int32) {
    guard code != ExitCode.interrupted else { return }
    exit(code)
  }

  /// Prints the tables all of whose runs are done, and ends the process as a shell expects of signal `number`.
  func interrupt(by number: Int32) -> Never {
    guard isPrinting.exchange(true, ordering: .sequentiallyConsistent) == false else {
      // The end is being printed already, to a reader who does not take it or wants no more.
      report?.remove()
      _exit(128 + number)
    }
    _exit(printComplete(signal: number))
  }

  /// What an interruption prints; returns its exit code.
  func printComplete(signal number: Int32) -> Int32 {
    queue.stop()
    let seconds = queue.progress.elapsed
    endProgress()
    report?.remove()
    let runs = queue.complete
    var rest = plan
    rest.tables = plan.tables.filter { table in table.experiments.allSatisfy { runs[$0.id] != nil } }
    var outcome = PapersOutcome(rest, runs: runs, seconds: seconds)
    outcome.unfinished = plan.tables.count - rest.tables.count
    _ = write(outcome.output)
    return 128 + number
  }

  /// Shows how far everything is, on a terminal and not too often.
  func tick() {
    guard isShowingProgress else { return }
    let now = MonotonicClock.now().nanoseconds
    let isDue = shown.withLock { shown in
      guard !shown.isOver, now &- shown.at >= Self.interval else { return false }
      shown.at = now
      return true
    }
    guard isDue else { return }
    let line = queue.progress.line(columns: Self.columns)
    shown.withLock { shown in
      if !shown.isOver { Standard.error("\r\u{1b}[K" + line) }
    }
  }

  private func endProgress() {
    guard isShowingProgress else { return }
    shown.withLock { shown in
      shown.isOver = true
      Standard.error("\r\u{1b}[K")
    }
  }

  /// The terminal's width; 80 where it does not say.
  private static var columns: Int {
    var size = winsize()
    return ioctl(2, numericCast(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
  }
}
