// Tuples of simulated nodes: written, asked for, watched, and recalled from stores.

import GrapevineCore

/// A change of a tuple at a node. The bytes are valid until the observer returns.
public struct TupleObservation {
  /// What changed, and for whom it is.
  public let record: ChangeBuffer.Record
  /// The key.
  public let key: UnsafeRawBufferPointer
  /// The new value; empty when there is none.
  public let value: UnsafeRawBufferPointer
}

/// How wrong the time of day of a process is.
struct SkewedTimeOfDay {
  /// Milliseconds that it is ahead, and how many more it gains in a million.
  var ahead: Int64 = 0
  var partsPerMillion: Int64 = 0
  var since = Instant()

  func error(at time: Instant) -> Int64 {
    ahead + Int64(clamping: time.since(since) / 1_000_000) * partsPerMillion / 1_000_000
  }
}

// Commands.
extension Simulation {
  /// Makes the time of day of a process wrong; it stays so over crashes and restarts.
  ///
  /// - Parameters:
  ///   - ahead: How far it is ahead from now on; behind when negative. It may go backwards.
  ///   - partsPerMillion: What it gains from then on, or loses when negative; brought between -500,000 and 1,000,000.
  public func setTimeOfDay(of process: Int, ahead: Duration, partsPerMillion: Int = 0) {
    let (seconds, attoseconds) = ahead.components
    var time = SkewedTimeOfDay()
    time.ahead = min(max(seconds, -(1 << 40)), 1 << 40) * 1_000 + attoseconds / 1_000_000_000_000_000
    time.partsPerMillion = Int64(min(max(partsPerMillion, -500_000), 1_000_000))
    time.since = now
    special(process).timeOfDay = time
    // Deadlines of the node are now at other times.
    processes[process].armed = .never
    settle(process)
  }

  /// Writes a tuple at a process; `Node.publish` explains it. Nothing when it has no node or is paused.
  @discardableResult
  public func publish(
    _ value: [UInt8], at key: [UInt8], from process: Int, lifetime: TupleLifetime = .permanent,
    if condition: TupleCondition? = nil
  ) throws(TupleError) -> TupleVersion? {
    guard let node = processes[process].node, !isPaused(process) else { return nil }
    tellTimeOfDay(process)
    let result = value.withUnsafeBytes { value in
      key.withUnsafeBytes { key in
        Result { () throws(TupleError) in
          try node.pointee.publish(
            value, at: key, lifetime: lifetime, if: condition, now: clock(of: process), into: &effects)
        }
      }
    }
    settle(process)
    return try result.get()
  }

  /// Removes a tuple at a process; `Node.removeTuple` explains it. Nothing when it has no node or is paused.
  @discardableResult
  public func removeTuple(
    at key: [UInt8], from process: Int, if condition: TupleCondition? = nil
  ) throws(TupleError) -> TupleVersion? {
    guard let node = processes[process].node, !isPaused(process) else { return nil }
    tellTimeOfDay(process)
    let result = key.withUnsafeBytes { key in
      Result { () throws(TupleError) in
        try node.pointee.removeTuple(at: key, if: condition, now: clock(of: process), into: &effects)
      }
    }
    settle(process)
    return try result.get()
  }
}

// Questions.
extension Simulation {
  /// The time of day as a process believes it to be, in milliseconds since 1970.
  public func timeOfDay(of process: Int) -> UInt64 {
    let time = Int64(clamping: (epoch ?? 0) &+ now.nanoseconds / 1_000_000)
    guard hasSpecial, let special = processes[process].special else { return UInt64(max(0, time)) }
    return UInt64(max(0, time &+ special.timeOfDay.error(at: now)))
  }

  /// The tuples at the node of a process, in order of their keys; none after a crash.
  public func tuples(at process: Int) -> [Tuple] { processes[process].node?.pointee.tuples() ?? [] }

  /// The tuple of a key at the node of a process.
  public func tuple(_ key: [UInt8], at process: Int) -> Tuple? {
    key.withUnsafeBytes { processes[process].node?.pointee.tuple(at: $0) }
  }

  /// The number of tuples at the node of a process that have a value; 0 after a crash.
  public func tupleCount(at process: Int) -> Int { processes[process].node?.pointee.tupleCount ?? 0 }

  /// The fingerprint of the map at the node of a process; nil after a crash.
  public func tupleFingerprint(at process: Int) -> UInt64? {
    processes[process].node?.pointee.tupleFingerprint
  }

  /// The number of removals that the node of a process remembers; 0 after a crash.
  public func tombstoneCount(at process: Int) -> Int { processes[process].node?.pointee.tombstoneCount ?? 0 }

  /// What a store keeps beside the tuples of the node of a process.
  public func tuplesSharedAt(at process: Int) -> TupleClock {
    processes[process].node?.pointee.tuplesSharedAt ?? TupleClock(bits: 0)
  }
}

extension Simulation {
  /// Tells the node of a process what time of day it is, as a driver does before each step.
  func tellTimeOfDay(_ process: Int) {
    guard epoch != nil else { return }
    processes[process].node?.pointee.setTimeOfDay(
      milliseconds: timeOfDay(of: process), now: clock(of: process))
  }

  /// Hands the changes of tuples to whoever watches.
  func reportChanges(_ process: Int) {
    guard effects.changes.count > 0 else { return }
    for index in 0..<effects.changes.count {
      let observation = TupleObservation(
        record: effects.changes.record(index), key: effects.changes.key(index),
        value: effects.changes.value(index))
      changeObserver?(process, observation)
    }
    effects.removeChanges()
  }

  /// Gives a node what its store has kept; returns what it refused.
  func recall(_ image: TupleStoreImage, into process: Int) -> [StoredTuple] {
    var refused: [StoredTuple] = []
    for (_, stored) in image.tuples.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      let isTaken = processes[process].node?.pointee.recallTuple(
        stored, now: clock(of: process), into: &effects)
      if isTaken != true { refused.append(stored) }
      reportChanges(process)
    }
    processes[process].node?.pointee.recallTuples(sharedAt: image.sharedAt)
    return refused
  }
}
