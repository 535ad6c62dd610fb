// One run of the campaign: what is written, what fails, and how all ends.

import GrapevineCore

/// A run that is going on.
final class TupleRun {
  let schedule: TupleSchedule
  let simulation: Simulation
  let ledger = TupleLedger()
  var generator: Generator
  /// When processes start again, in ticks; nil for those that run or stay away.
  var returns: [Int?]
  var partitionEnd: Int?
  /// Seconds of absence that are left.
  var absence: Double
  var hadLongAbsence = false
  var writeNumber: UInt64 = 0

  static let ticksPerSecond = 4
  private static let tick: Nanoseconds = 1_000_000_000 / UInt64(ticksPerSecond)

  init(_ schedule: TupleSchedule, _ simulation: Simulation, _ generator: Generator) {
    self.schedule = schedule
    self.simulation = simulation
    self.generator = generator
    absence = schedule.absence
    returns = Array(repeating: nil, count: schedule.nodes)
    ledger.slack = UInt64(2 * schedule.skew + 200)
    ledger.seats = Array(repeating: TupleSeat(), count: schedule.nodes)
  }

  var running: [Int] { ledger.seats.indices.filter { ledger.seats[$0].isRunning } }

  func log(_ text: @autoclosure () -> String) { ledger.log?(text()) }

  func step() {
    simulation.run(until: simulation.now + Self.tick)
    ledger.checkExpiry(in: simulation)
    for process in running where generator.chance(0.3) { ledger.commit(process, in: simulation) }
  }
}

// The time of faults.
extension TupleRun {
  /// Runs until the faults end.
  func write() {
    for process in 0..<schedule.nodes {
      _ = simulation.addProcess()
      ledger.seats[process].hasDisk = generator.chance(0.7)
      setClock(process)
    }
    let ticks = schedule.duration * Self.ticksPerSecond
    for tick in 0..<ticks {
      if tick < 2 * schedule.nodes, tick % 2 == 0 { start(tick / 2, founds: tick == 0) }
      comeBack(tick)
      if tick > 6 * Self.ticksPerSecond { fail(tick, of: ticks) }
      if tick > 3 * Self.ticksPerSecond { writeSome() }
      if tick % 8 == 0 { rejoin() }
      step()
    }
  }

  /// A clock that is right, or nearly so.
  private func setClock(_ process: Int) {
    let ahead = generator.below(2 * schedule.skew + 1) - schedule.skew
    simulation.setTimeOfDay(
      of: process, ahead: .milliseconds(ahead), partsPerMillion: generator.below(201) - 100)
  }

  func start(_ process: Int, founds: Bool = false) {
    let contacts = founds ? [] : (0..<schedule.nodes).filter { $0 != process }
    let image = ledger.seats[process].store.image
    let isRecalling = ledger.seats[process].hasDisk && !image.tuples.isEmpty
    log(
      "start \(process)\(isRecalling ? ", recalling \(image.tuples.count), shared at \(image.sharedAt)" : "")"
    )
    ledger.seats[process].isRunning = true
    let refused = simulation.restart(process, contacts: contacts, recalled: isRecalling ? image : nil)
    for stored in refused where !stored.isTombstone && !ledger.seats[process].isWild && !ledger.hadWildClock {
      ledger.fail("\(process) refused to recall \(stored.tuple.version)", simulation)
    }
    log("\(process) is \(simulation.identity(of: process).map { "\($0)" } ?? "-")")
  }

  /// What found nobody, or left for a while, joins again.
  private func rejoin() {
    for process in running where simulation.lifecycle(of: process) == .disconnected && returns[process] == nil
    {
      simulation.rejoin(process, contacts: (0..<schedule.nodes).filter { $0 != process })
    }
  }

  private func comeBack(_ tick: Int) {
    for process in returns.indices {
      guard let time = returns[process], tick >= time else { continue }
      returns[process] = nil
      if ledger.seats[process].isRunning { rejoin() } else { start(process) }
    }
    if let end = partitionEnd, tick >= end {
      partitionEnd = nil
      log("partition ends")
      simulation.heal()
    }
  }

  private func fail(_ tick: Int, of ticks: Int) {
    if schedule.hasLongAbsence, !hadLongAbsence, generator.chance(0.05) {
      hadLongAbsence = true
      ledger.longAbsenceSince = (simulation.epoch ?? 0) + simulation.now.nanoseconds / 1_000_000
      let seconds = schedule.horizon * (10 + generator.below(4)) / 10
      if generator.chance(0.5) {
        ledger.hadLongSplit = true
        split(tick, seconds: seconds)
      } else {
        crash(tick, seconds: seconds)
      }
    }
    if generator.chance(0.015), partitionEnd == nil, let seconds = takeAbsence(2...25) {
      split(tick, seconds: seconds)
    }
    if generator.chance(0.015), let seconds = takeAbsence(1...25) { crash(tick, seconds: seconds) }
    if generator.chance(0.005), let seconds = takeAbsence(3...20) { leave(tick, seconds: seconds) }
    if generator.chance(0.01) {
      let process = generator.below(schedule.nodes)
      if !ledger.seats[process].isWild { setClock(process) }
    }
    if let wild = schedule.wildNode, !ledger.hadWildClock, generator.chance(0.02) {
      let seconds = 10 + generator.below(600)
      log("clock of \(wild) is wrong")
      ledger.setWild(true, wild)
      simulation.setTimeOfDay(of: wild, ahead: .seconds(generator.chance(0.5) ? seconds : -seconds))
    }
  }

  private func takeAbsence(_ range: ClosedRange<Int>) -> Int? {
    let seconds = range.lowerBound + generator.below(range.count)
    guard Double(seconds) <= absence else { return nil }
    absence -= Double(seconds)
    return seconds
  }

  private func split(_ tick: Int, seconds: Int) {
    guard partitionEnd == nil else { return }
    let groups = generator.chance(0.8) ? 2 : 3
    let isOneWay = generator.chance(0.25)
    let places = (0..<schedule.nodes).map { _ in generator.below(groups) }
    log("partition \(places)\(isOneWay ? " one-way" : "") for \(seconds) s")
    simulation.partition(isOneWay: isOneWay) { places[$0] }
    partitionEnd = tick + seconds * Self.ticksPerSecond
  }

  private func crash(_ tick: Int, seconds: Int) {
    guard running.count > 1 else { return }
    let process = running[generator.below(running.count)]
    let isClean = generator.chance(0.5)
    let keepsDisk = ledger.seats[process].hasDisk && generator.chance(0.8)
    if isClean { ledger.commit(process, in: simulation) }
    log(
      "crash \(process) for \(seconds) s, \(keepsDisk ? "keeps its disk" : "loses all"), "
        + "\(ledger.seats[process].store.pendingCount) not committed")
    simulation.crash(process)
    ledger.end(process, keepsDisk: keepsDisk)
    returns[process] = tick + seconds * Self.ticksPerSecond
  }

  private func leave(_ tick: Int, seconds: Int) {
    guard running.count > 1 else { return }
    let process = running[generator.below(running.count)]
    guard simulation.lifecycle(of: process) == .connected else { return }
    log("leave \(process) for \(seconds) s")
    simulation.leave(process)
    returns[process] = tick + seconds * Self.ticksPerSecond
  }
}

// What is written.
extension TupleRun {
  private func writeSome() {
    var count = schedule.writesPerSecond / Double(Self.ticksPerSecond)
    if schedule.keys > 100 { count *= 4 }
    while count > 0, generator.chance(count) {
      count -= 1
      guard running.count > 0 else { return }
      writeOne(running[generator.below(running.count)])
    }
  }

  private func key() -> [UInt8] { Array("key/\(generator.below(schedule.keys))".utf8) }

  private func writeOne(_ process: Int) {
    let key = key()
    let present = simulation.tuple(key, at: process)
    let condition: TupleCondition? =
      switch generator.below(10) {
      case 0: .ifAbsent
      case 1: present.map { .ifVersion($0.version) }
      default: nil
      }
    var write = TupleWrite(value: value(present), process: process)
    if generator.chance(0.25) {
      (write.value, write.isRemoval) = ([], true)
      ledger.pending = (key, write)
      _ = try? simulation.removeTuple(at: key, from: process, if: condition)
    } else {
      let lifetime = lifetime()
      if case .ephemeral = lifetime { write.isEphemeral = true }
      if case .renewed = lifetime { write.isRenewed = true }
      ledger.pending = (key, write)
      _ = try? simulation.publish(write.value, at: key, from: process, lifetime: lifetime, if: condition)
    }
    ledger.pending = nil
  }

  private func lifetime() -> TupleLifetime {
    switch generator.below(10) {
    case 0, 1: .expires(after: .milliseconds(200 + generator.below(20_000)))
    // Longer than clocks differ: whose clock is that far ahead would never see it. Many are written again less often,
    // so that the small log of these nodes holds what is under way.
    case 2: .renewed(every: .milliseconds((4_000 + generator.below(12_000)) * (schedule.keys > 100 ? 5 : 1)))
    case 3, 4: .ephemeral
    default: .permanent
    }
  }

  private func value(_ present: Tuple?) -> [UInt8] {
    if let present, generator.chance(0.1) { return present.value }
    writeNumber += 1
    let length = generator.chance(0.15) ? generator.below(8_185) : generator.below(60)
    var value = [UInt8](repeating: UInt8(truncatingIfNeeded: writeNumber &* 31), count: length)
    withUnsafeBytes(of: writeNumber) { value.append(contentsOf: $0) }
    return value
  }
}

// The end.
extension TupleRun {
  /// Ends all faults.
  func heal() {
    log("all faults end")
    simulation.heal()
    simulation.model = .hostile(loss: 0.02)
    simulation.model.corruption = 0
    if let wild = schedule.wildNode, ledger.seats[wild].isWild {
      setClock(wild)
      ledger.setWild(false, wild)
    }
    for process in returns.indices {
      guard returns[process] != nil else { continue }
      returns[process] = nil
      if !ledger.seats[process].isRunning, generator.chance(0.9) || running.isEmpty { start(process) }
    }
  }

  /// Runs until nothing is to be expected any more, and says what came of it.
  func settle() -> TupleCampaignReport {
    var report = TupleCampaignReport()
    let end = simulation.now
    for second in 0..<300 {
      if second >= 65, ledger.areEqual(in: simulation) {
        report.secondsToConverge = Double(simulation.now.since(end)) / 1e9
        break
      }
      runSecond()
    }
    let before = running.map { simulation.counters(of: $0).tupleSyncs }
    for _ in 0..<60 { runSecond() }
    let after = running.map { simulation.counters(of: $0).tupleSyncs }
    report.lastComparisons = zip(before, after).map { $1 - $0 }.max() ?? 0
    var isEqual = false
    for _ in 0..<80 where !isEqual {
      isEqual = ledger.areEqual(in: simulation)
      if !isEqual { step() }
    }
    if !isEqual { ledger.fail("maps are not the same in the end: \(differences)", simulation) }
    // Not more than each interval one of its own, and two that others begin.
    if report.lastComparisons > 180 {
      ledger.fail("\(report.lastComparisons) comparisons in the last minute", simulation)
    }
    ledger.checkEnd(in: simulation)
    fill(&report)
    return report
  }

  /// What each member has, in a few words.
  private var differences: String {
    running.map { process in
      let fingerprint = String((simulation.tupleFingerprint(at: process) ?? 0) & 0xffff, radix: 16)
      return "\(process) \(simulation.lifecycle(of: process).map { "\($0)" } ?? "-") \(fingerprint) "
        + "\(simulation.tupleCount(at: process)) tuples \(simulation.tombstoneCount(at: process)) removals "
        + "\(simulation.neighbours(of: process)) \(simulation.memberCounts(of: process).alive) alive"
    }.joined(separator: "; ")
  }

  private func runSecond() {
    rejoin()
    log(differences)
    for _ in 0..<Self.ticksPerSecond { step() }
  }

  private func fill(_ report: inout TupleCampaignReport) {
    report.failures = ledger.failures
    report.nodes = schedule.nodes
    report.writes = ledger.writes.count
    report.changes = ledger.changeCount
    report.yields = ledger.yields
    report.lateReturns = ledger.lateReturns
    report.contested = ledger.contested.count
    report.keys = ledger.versions.count
    for process in running {
      let counters = simulation.counters(of: process)
      report.comparisons += counters.tupleSyncs
      report.comparisonsFailed += counters.tupleSyncsFailed
      report.streams += counters.tupleStreams
    }
    report.hasLongAbsence = schedule.hasLongAbsence
    report.hasWildClock = ledger.hadWildClock
    report.events = simulation.eventCount
    report.trace = simulation.trace
  }
}
