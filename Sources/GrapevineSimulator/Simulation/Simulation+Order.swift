// Topics and order of simulated nodes.

import GrapevineCore

extension Simulation {
  /// Has the node of a process hear a topic.
  ///
  /// - Returns: Whether it does: there is a node, and it has room for one more.
  @discardableResult
  public func subscribe(_ topic: [UInt8], at process: Int) -> Bool {
    topic.withUnsafeBytes { topic in
      (try? processes[process].node?.pointee.subscribe(topic)) != nil
    }
  }

  /// Has the node of a process hear a topic no longer.
  public func unsubscribe(_ topic: [UInt8], at process: Int) {
    topic.withUnsafeBytes { topic in processes[process].node?.pointee.unsubscribe(topic) }
  }

  /// Broadcasts from a process, in a topic and an order.
  ///
  /// - Returns: The origin and sequence number, or nil when the node could not take it or is paused.
  public func broadcast(
    _ payload: [UInt8], topic: [UInt8], order: MessageOrder, from process: Int,
    level: DeliveryLevel = .reliable
  ) -> (origin: MemberID, sequence: UInt64)? {
    guard let identity = processes[process].node?.pointee.identity, !isPaused(process) else { return nil }
    let time = clock(of: process)
    let sequence = payload.withUnsafeBytes { bytes in
      topic.withUnsafeBytes { topic in
        try? processes[process].node?.pointee.broadcast(
          bytes, topic: topic, order: order, level: level, now: time)
      }
    }
    settle(process)
    guard let sequence else { return nil }
    return (identity, sequence)
  }

  /// The number of messages that wait at the node of a process for others to be delivered before them.
  public func heldBackCount(at process: Int) -> Int { processes[process].node?.pointee.heldBackCount ?? 0 }
}
