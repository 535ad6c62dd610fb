// Large messages in virtual time.

import GrapevineCore

extension Simulation {
  /// Broadcasts a large message from a process, in a topic and an order if they are given.
  ///
  /// - Returns: Which message it is, or nil when the node could not take it or is paused.
  public func broadcast(
    large content: LargeContent, topic: [UInt8] = [], order: MessageOrder = .unordered, from process: Int
  ) -> TransferID? {
    guard processes[process].node != nil, !isPaused(process) else { return nil }
    let time = clock(of: process)
    let id = topic.withUnsafeBytes { topic in
      try? processes[process].node?.pointee.broadcast(
        large: content, topic: topic, order: order, now: time, into: &effects)
    }
    settle(process)
    return id
  }

  /// Cancels a large message at a process.
  ///
  /// - Returns: Whether there was anything to cancel.
  @discardableResult
  public func cancelTransfer(_ id: TransferID, at process: Int) -> Bool {
    guard processes[process].node != nil, !isPaused(process) else { return false }
    let time = clock(of: process)
    let isCancelled = processes[process].node?.pointee.cancelTransfer(id, now: time, into: &effects) ?? false
    settle(process)
    return isCancelled
  }

  /// Bytes of large messages that the node of a process holds; 0 after a crash.
  public func transferBytes(of process: Int) -> Int { processes[process].node?.pointee.transferBytes ?? 0 }

  func reportTransfers(_ process: Int) {
    guard !effects.transfers.isEmpty else { return }
    if let transferObserver {
      for update in effects.transfers { transferObserver(process, update) }
    }
    effects.removeTransfers()
  }
}
