// What may be seen of tuples, and what must: every write with its version, and what every process knows of it.
//
// The ledger believes no node: it hears of writes from whoever makes them and of everything else from the changes
// that nodes report, and it compares these with each other.

import GrapevineCore

/// One write, or the end of a tuple by a removal.
struct TupleWrite {
  var value: [UInt8]
  var isRemoval = false
  var isEphemeral = false
  var isRenewed = false
  /// Dated by a clock that was wrong: others may have given up removals of a later date before they hear of it.
  var isWild = false
  var expiresAt: UInt64 = 0
  /// Milliseconds that it lasts, and every renewal of it; 0 when it does not expire.
  var lifetime: UInt64 = 0
  var process: Int
  /// The processes that have known it; one that lost its memory knows nothing.
  var holders: UInt64 = 0
  /// A removal that was given up when somebody knew both: nobody may show this write again.
  var closedBy: TupleVersion?
}

/// What one process knows, as its changes tell.
struct TupleSeat {
  /// What it holds now, removals among it.
  var present: [[UInt8]: (version: TupleVersion, isTombstone: Bool)] = [:]
  /// What it shows to those that watch.
  var shown: [[UInt8]: TupleVersion] = [:]
  /// The greatest version of each key that it ever held, and the greatest removal that it has given up.
  var floors: [[UInt8]: TupleVersion] = [:]
  var givenUp: [[UInt8]: TupleVersion] = [:]
  var store = TupleStoreModel()
  var storedFloors: [[UInt8]: TupleVersion] = [:]
  var storedGivenUp: [[UInt8]: TupleVersion] = [:]
  var hasDisk = false
  var isRunning = false
  /// Its time of day is wrong by more than is allowed, or was: what it does with its tuples is not judged.
  var isWild = false
}

/// Everything that was written and seen in one run.
final class TupleLedger {
  private(set) var writes: [TupleVersion: TupleWrite] = [:]
  private(set) var versions: [[UInt8]: [TupleVersion]] = [:]
  var seats: [TupleSeat] = []
  /// Keys whose end is anybody's guess: somebody yielded a version of them, or wrote them with a wrong clock.
  private(set) var contested: Set<[UInt8]> = []
  private(set) var failures: [String] = []
  private(set) var changeCount = 0
  private(set) var yields = 0
  private(set) var lateReturns = 0
  /// When somebody went away for longer than removals are remembered, in milliseconds since 1970: what was written
  /// shortly before counts as known to nobody else. Nil as long as nobody has.
  var longAbsenceSince: UInt64?
  private var hasLongAbsence: Bool { longAbsenceSince != nil }
  /// It was a split: then one side counts as the absent one, and its removals as never made.
  var hadLongSplit = false
  var hadWildClock = false
  /// Milliseconds by which clocks that are right differ at most.
  var slack: UInt64 = 0
  /// The write that is being made: its version comes with the change.
  var pending: (key: [UInt8], write: TupleWrite)?
  var log: ((String) -> Void)?

  func fail(_ text: String, _ simulation: Simulation) {
    log?("FAILED: \(text)")
    guard failures.count < 20 else { return }
    failures.append("at \(Double(simulation.now.nanoseconds) / 1e9) s: \(text)")
  }

  func contest(_ key: [UInt8]) { contested.insert(key) }

  private func name(_ key: [UInt8]) -> String { String(decoding: key, as: UTF8.self) }
}

// What nodes report.
extension TupleLedger {
  func observe(_ process: Int, _ change: TupleObservation, in simulation: Simulation) {
    changeCount += 1
    seats[process].store.note(change)
    let (record, key) = (change.record, Array(change.key))
    log?(
      "\(process) \(record.kind) \(name(key)) \(record.version)\(record.isTombstone ? " tombstone" : "")"
        + "\(record.isTold ? "" : " untold")\(record.isStored ? "" : " unstored") expires \(record.expiresAt)"
    )
    if record.isStored, record.kind == .forgotten { return forget(process, key, record, simulation) }
    if writes[record.version] == nil { enterDatedAnew(process, key, record, simulation) }
    if writes[record.version] == nil { enter(process, key, change, simulation) }
    guard let write = writes[record.version] else {
      return fail("\(process) has \(name(key)) \(record.version), which nobody wrote", simulation)
    }
    check(process, key, change, write, simulation)
    if record.isTold { show(process, key, record) }
    guard record.isStored else { return }
    seats[process].present[key] = (record.version, record.isTombstone)
    seats[process].floors[key] = max(record.version, seats[process].floors[key] ?? record.version)
    writes[record.version]?.holders |= 1 << UInt64(process)
  }

  private func show(_ process: Int, _ key: [UInt8], _ record: ChangeBuffer.Record) {
    let isVisible = record.kind == .published || record.kind == .renewed
    seats[process].shown[key] = isVisible ? record.version : nil
  }

  /// A version of a node whose clock was wrong: what it has written stays what it is, and counts for less than whatever
  /// others wrote.
  private func enterDatedAnew(
    _ process: Int, _ key: [UInt8], _ record: ChangeBuffer.Record, _ simulation: Simulation
  ) {
    guard record.version.clock.milliseconds == 0, record.version.writer == simulation.identity(of: process),
      let before = seats[process].present[key]?.version
        ?? seats[process].store.image.tuples[key]?.tuple.version,
      var write = writes[before]
    else { return }
    let time = simulation.timeOfDay(of: process)
    if record.expiresAt != 0, record.expiresAt > time + write.lifetime + 100 {
      fail("\(process) dates \(name(key)) anew to last longer than it was written to", simulation)
    }
    (write.expiresAt, write.isRemoval) = (record.expiresAt, record.isTombstone)
    write.isWild = true
    (write.holders, write.closedBy) = (0, nil)
    writes[record.version] = write
    versions[key, default: []].append(record.version)
    contested.insert(key)
    (seats[process].floors[key], seats[process].storedFloors[key]) = (nil, nil)
  }

  /// A version that was not known: the write that is being made, or one that a node made to keep a tuple up.
  private func enter(_ process: Int, _ key: [UInt8], _ change: TupleObservation, _ simulation: Simulation) {
    let record = change.record
    guard record.version.writer == simulation.identity(of: process) else { return }
    var write: TupleWrite
    if let pending, pending.key == key, pending.write.isRemoval == record.isTombstone {
      write = pending.write
      self.pending = nil
    } else if let before = seats[process].present[key].flatMap({ writes[$0.version] }),
      before.process == process,
      before.isRenewed || before.isEphemeral, !record.isTombstone
    {
      write = before
    } else {
      return
    }
    write.expiresAt = record.expiresAt
    let lifetime = record.expiresAt - min(record.expiresAt, record.version.clock.milliseconds)
    if write.lifetime == 0 { write.lifetime = lifetime }
    if lifetime > write.lifetime + 100 {
      fail("\(process) renews \(name(key)) to last longer than it was written to", simulation)
    }
    (write.holders, write.closedBy) = (0, nil)
    write.isWild = seats[process].isWild
    writes[record.version] = write
    versions[key, default: []].append(record.version)
    if write.isWild { contested.insert(key) }
  }

  private func check(
    _ process: Int, _ key: [UInt8], _ change: TupleObservation, _ write: TupleWrite, _ simulation: Simulation
  ) {
    let record = change.record
    let time = simulation.timeOfDay(of: process)
    if record.kind == .published || record.kind == .renewed {
      if !write.value.elementsEqual(change.value) || write.isRemoval || record.isTombstone
        || write.expiresAt != record.expiresAt || write.isEphemeral != record.isEphemeral
      {
        fail("\(process) shows \(name(key)) \(record.version) as it was not written", simulation)
      }
      if record.expiresAt != 0, record.expiresAt <= time {
        fail("\(process) shows \(name(key)) \(record.version) after its time", simulation)
      }
    }
    if record.isTombstone, !write.isRemoval, write.expiresAt == 0, !write.isEphemeral {
      fail("\(process) ends \(name(key)) \(record.version), which lasts", simulation)
    }
    if record.kind == .expired, !hadWildClock, time + slack < write.expiresAt {
      fail("\(process) ends \(name(key)) \(record.version) before its time", simulation)
    }
    guard let floor = seats[process].floors[key], record.version < floor, !seats[process].isWild else {
      return
    }
    if let removal = seats[process].givenUp[key], record.version < removal,
      hasLongAbsence && (write.closedBy == nil || hadLongSplit || isJustBeforeAbsence(record.version))
        || write.isWild
        || writes[removal]?.isWild == true
    {
      lateReturns += 1
      contested.insert(key)
      seats[process].floors[key] = record.version
      return
    }
    fail("\(process) went back from \(floor) of \(name(key)) to \(record.version)", simulation)
  }

  /// Whether a version is dated so shortly before the long absence that it may count as never shared: members wait half
  /// a minute until they believe that a write has reached the others.
  private func isJustBeforeAbsence(_ version: TupleVersion) -> Bool {
    guard let since = longAbsenceSince else { return false }
    return version.clock.milliseconds + 30_000 + 2 * slack >= since
  }

  private func forget(
    _ process: Int, _ key: [UInt8], _ record: ChangeBuffer.Record, _ simulation: Simulation
  ) {
    seats[process].present[key] = nil
    if !record.isTombstone {
      yields += 1
      contested.insert(key)
      (seats[process].floors[key], seats[process].shown[key]) = (nil, nil)
      if !hasLongAbsence, !seats[process].isWild, writes[record.version]?.isWild != true {
        fail("\(process) gave up \(name(key)) \(record.version)", simulation)
      }
      return
    }
    seats[process].givenUp[key] = record.version
    // One dated long ago by a wrong clock is forgotten at once.
    guard let removal = writes[record.version], !seats[process].isWild, !removal.isWild else { return }
    for version in versions[key] ?? [] where version < record.version {
      guard let write = writes[version], write.holders & removal.holders != 0 else { continue }
      writes[version]?.closedBy = record.version
    }
    for other in seats.indices where !seats[other].isWild {
      guard let version = valueHeld(by: other, key), version < record.version,
        let write = writes[version], write.expiresAt == 0 || write.expiresAt > simulation.timeOfDay(of: other)
      else { continue }
      contested.insert(key)
      guard !hasLongAbsence else { continue }
      fail(
        "\(process) gave up the removal \(record.version) of \(name(key)), and \(other) has \(version)",
        simulation)
    }
  }

  /// The version of a value that a process has, in memory or on its disk.
  private func valueHeld(by process: Int, _ key: [UInt8]) -> TupleVersion? {
    if seats[process].isRunning {
      return seats[process].present[key].flatMap { $0.isTombstone ? nil : $0.version }
    }
    guard seats[process].hasDisk, let stored = seats[process].store.image.tuples[key], !stored.isTombstone
    else {
      return nil
    }
    return stored.tuple.version
  }
}

// What becomes of processes.
extension TupleLedger {
  /// Puts on the disk what a process has done.
  func commit(_ process: Int, in simulation: Simulation) {
    guard seats[process].hasDisk else { return }
    seats[process].store.commit(sharedAt: simulation.tuplesSharedAt(at: process))
    seats[process].storedFloors = seats[process].floors
    seats[process].storedGivenUp = seats[process].givenUp
  }

  /// A process ended; call after what it still committed.
  func end(_ process: Int, keepsDisk: Bool) {
    let bit = UInt64(1) << UInt64(process)
    var seat = TupleSeat()
    (seat.hasDisk, seat.isWild) = (seats[process].hasDisk, seats[process].isWild)
    if keepsDisk {
      seat.store = seats[process].store
      seat.store.crash()
      (seat.storedFloors, seat.storedGivenUp) = (seats[process].storedFloors, seats[process].storedGivenUp)
      (seat.floors, seat.givenUp) = (seat.storedFloors, seat.storedGivenUp)
    }
    for (key, list) in versions {
      for version in list where seat.floors[key].map({ $0 < version }) ?? true {
        writes[version]?.holders &= ~bit
      }
    }
    seats[process] = seat
  }

  /// A process' time of day goes wrong, or right again: it begins to be judged anew.
  func setWild(_ isWild: Bool, _ process: Int) {
    hadWildClock = true
    seats[process].isWild = isWild
    seats[process].floors = [:]
    seats[process].givenUp = [:]
    if !isWild { for (key, value) in seats[process].present { seats[process].floors[key] = value.version } }
  }
}
