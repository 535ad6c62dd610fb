// Which run of which experiment is next, and what is done: shared by all workers, under one lock.

import GrapevineCore
import GrapevineSimulator
import GrapevineTransport
import Synchronization

/// One run that a worker takes.
struct PapersJob: Sendable {
  /// The experiment's place among all.
  var slot: Int
  /// The run's place among those of the experiment.
  var index: Int
  var seed: UInt64
  var experiment: PaperExperiment
}

/// The runs of all experiments, from waiting to done.
///
/// Results are kept by experiment and seed, so it does not matter which run ends first. How long runs take is
/// not known beforehand: each experiment is run once, and then those whose runs take longest go first, so that
/// no long one is left alone at the end.
final class PapersQueue: Sendable {
  private struct Slot {
    var experiment: PaperExperiment
    var runs: [PaperRun?]
    var started = 0
    var finished = 0
    /// Nanoseconds of the finished runs together.
    var spent: UInt64 = 0
    /// When each run that is under way started, and the share that it says is done.
    var underway: [Int: (start: UInt64, share: Double)] = [:]

    /// Nanoseconds that a run takes, as far as one can tell.
    func expected(now: UInt64) -> UInt64 {
      let longest = underway.values.map { now &- min(now, $0.start) }.max() ?? 0
      return finished > 0 ? spent / UInt64(finished) : longest
    }

    /// Seconds of a run: the mean of the finished ones, or what the one that is furthest promises.
    func secondsPerRun(now: UInt64) -> Double? {
      if finished > 0 { return Double(spent) / Double(finished) / 1e9 }
      guard let furthest = underway.values.max(by: { $0.share < $1.share }), furthest.share > 0.01 else {
        return nil
      }
      return Double(now &- min(now, furthest.start)) / furthest.share / 1e9
    }
  }

  private struct State {
    var slots: [Slot]
    var isStopped = false
    var last = ""
  }

  private let state: Mutex<State>
  private let firstSeed: UInt64
  private let jobs: Int
  private let started = MonotonicClock.now().nanoseconds

  init(_ plan: PapersPlan) {
    firstSeed = plan.firstSeed
    jobs = plan.jobs
    let slots = plan.tables.flatMap(\.experiments).map {
      Slot(experiment: $0, runs: [PaperRun?](repeating: nil, count: plan.seedCount(of: $0)))
    }
    state = Mutex(State(slots: slots))
  }

  /// The next run, of heavy experiments or of the others; nil when all of them are taken, or after `stop`.
  func take(isHeavy: Bool) -> PapersJob? {
    let now = MonotonicClock.now().nanoseconds
    return state.withLock { state in
      guard !state.isStopped else { return nil }
      let open = state.slots.indices.filter {
        state.slots[$0].experiment.isHeavy == isHeavy && state.slots[$0].started < state.slots[$0].runs.count
      }
      let fresh = open.first { state.slots[$0].started == 0 }
      let longest = open.max { state.slots[$0].expected(now: now) < state.slots[$1].expected(now: now) }
      guard let slot = fresh ?? longest else { return nil }
      let index = state.slots[slot].started
      state.slots[slot].started += 1
      state.slots[slot].underway[index] = (now, 0)
      let experiment = state.slots[slot].experiment
      let seed = firstSeed &+ UInt64(index)
      state.last = "\(experiment.id), seed \(seed)"
      return PapersJob(slot: slot, index: index, seed: seed, experiment: experiment)
    }
  }

  /// Notes the share of a run that is done, 0 to 1.
  func note(_ share: Double, of job: PapersJob) {
    guard share.isFinite else { return }
    state.withLock { state in
      state.slots[job.slot].underway[job.index]?.share = min(1, max(0, share))
      state.last = "\(job.experiment.id), seed \(job.seed)"
    }
  }

  /// Keeps what a run measured.
  func finish(_ job: PapersJob, _ run: PaperRun) {
    let now = MonotonicClock.now().nanoseconds
    state.withLock { state in
      let start = state.slots[job.slot].underway.removeValue(forKey: job.index)?.start ?? now
      state.slots[job.slot].spent &+= now &- min(now, start)
      state.slots[job.slot].finished += 1
      state.slots[job.slot].runs[job.index] = run
    }
  }

  /// Hands out no further run.
  func stop() { state.withLock { $0.isStopped = true } }

  /// The runs of every experiment all of whose runs are done, by its `id`, in the order of the seeds.
  var complete: [String: [PaperRun]] {
    state.withLock { state in
      var runs: [String: [PaperRun]] = [:]
      for slot in state.slots where slot.finished == slot.runs.count {
        runs[slot.experiment.id] = slot.runs.compactMap { $0 }
      }
      return runs
    }
  }

  /// How far everything is.
  var progress: PapersProgress {
    let now = MonotonicClock.now().nanoseconds
    return state.withLock { state in
      var progress = PapersProgress(jobs: jobs, last: state.last)
      progress.elapsed = Double(now &- started) / 1e9
      for slot in state.slots {
        progress.parts.append(
          PapersProgress.Part(
            total: slot.runs.count, finished: slot.finished,
            partial: slot.underway.values.reduce(0) { $0 + $1.share },
            secondsPerRun: slot.secondsPerRun(now: now),
            isHeavy: slot.experiment.isHeavy))
      }
      return progress
    }
  }
}
