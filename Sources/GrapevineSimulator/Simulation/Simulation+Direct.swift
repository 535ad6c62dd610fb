// What simulated members say to each other directly.

import GrapevineCore

extension Simulation {
  /// What a node hands to its application besides broadcasts and tuples.
  public enum DirectObservation: Sendable, Equatable {
    /// Something was said to it.
    case said(DirectKind, sender: StableID, call: UInt64, payload: [UInt8])
    /// Something became of what it said or asked.
    case outcome(DirectOutcome)
  }

  /// Sends bytes from one process to another one.
  ///
  /// - Returns: The number that the outcome will carry.
  /// - Throws: `DirectError`; also `notConnected` when the node has crashed.
  public func send(_ payload: [UInt8], from process: Int, to other: Int) throws(DirectError) -> UInt64 {
    try command(process) { node, now throws(DirectError) in
      try payload.withUnsafeBufferPointer { bytes throws(DirectError) in
        try node.send(UnsafeRawBufferPointer(bytes), to: Self.stableID(of: other), now: now)
      }
    }
  }

  /// Has a process ask others.
  ///
  /// - Throws: `DirectError`; also `notConnected` when the node has crashed.
  public func ask(_ payload: [UInt8], from process: Int, _ audience: Audience, lifetime: Duration)
    throws(DirectError) -> AskedQuestion
  {
    try command(process) { node, now throws(DirectError) in
      try payload.withUnsafeBufferPointer { bytes throws(DirectError) in
        try node.ask(UnsafeRawBufferPointer(bytes), audience, lifetime: lifetime, now: now)
      }
    }
  }

  /// Has a process answer a question.
  ///
  /// - Throws: `DirectError`; also `notConnected` when the node has crashed.
  @discardableResult
  public func answer(_ question: UInt64, with payload: [UInt8], from process: Int) throws(DirectError)
    -> UInt64
  {
    try command(process) { node, now throws(DirectError) in
      try payload.withUnsafeBufferPointer { bytes throws(DirectError) in
        try node.answer(question, with: UnsafeRawBufferPointer(bytes), now: now)
      }
    }
  }

  /// Has it counted who has a message of a process.
  ///
  /// - Throws: `DirectError`; also `notConnected` when the node has crashed.
  public func requestReceipts(for sequence: UInt64, of process: Int, lifetime: Duration) throws(DirectError)
    -> UInt64
  {
    try command(process) { node, now throws(DirectError) in
      try node.requestReceipts(for: sequence, lifetime: lifetime, now: now)
    }
  }

  /// Has a node carry out a command, and then do what follows from it.
  private func command<Result>(
    _ process: Int, _ body: (inout Node, Instant) throws(DirectError) -> Result
  ) throws(DirectError) -> Result {
    guard let node = processes[process].node, !isPaused(process) else { throw .notConnected }
    let result = try body(&node.pointee, clock(of: process))
    settle(process)
    return result
  }

  func reportDirect(_ process: Int) {
    for index in 0..<effects.direct.count {
      let record = effects.direct.record(index)
      directObserver?(
        process,
        .said(
          record.kind, sender: record.sender, call: record.call,
          payload: Array(effects.direct.payload(index))))
    }
    effects.removeDirect()
    for outcome in effects.outcomes { directObserver?(process, .outcome(outcome)) }
    effects.removeOutcomes()
  }
}
