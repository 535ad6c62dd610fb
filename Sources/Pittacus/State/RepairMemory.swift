// What a peer was sent for repair, so that it is not sent the same again while that is under way, and so that one
// who lacks a long run gets it in few steps.

import GrapevineCore

/// The last repair of one originator for one peer.
struct RepairStep: BitwiseCopyable {
  var peer: UInt16
  var originator: UInt16
  /// The number that the peer said it had.
  var after: UInt32
  /// The number that it was sent last.
  var last: UInt32
  /// How many it was sent.
  var batch: UInt8
  var at: Instant
}

/// A table in which an entry may be overwritten by one that falls on the same place: it only saves datagrams.
struct RepairMemory: ~Copyable {
  private let steps: FixedTable<RepairStep>

  private static let size = 1_024
  /// A peer that lacks what follows the last repair gets four times as many at once, up to this.
  private static let batchLimit = 64
  /// Time that a repair has to arrive before it is sent again.
  private static let patience: Nanoseconds = 100_000_000

  static let bytes = size * MemoryLayout<RepairStep>.stride

  init() { steps = FixedTable(count: Self.size) }

  /// How many messages to send to a peer that has `number` of an originator; 0 when they are under way.
  func batch(peer: Int, originator: Int, after number: UInt32, now: Instant) -> Int {
    let step = steps[place(peer, originator)]
    guard step.batch > 0, Int(step.peer) == peer, Int(step.originator) == originator else { return 1 }
    if step.after == number, now.since(step.at) < Self.patience { return 0 }
    return step.last == number ? min(Int(step.batch) * 4, Self.batchLimit) : 1
  }

  /// Notes what was sent.
  func note(peer: Int, originator: Int, after number: UInt32, last: UInt32, batch: Int, now: Instant) {
    steps[place(peer, originator)] = RepairStep(
      peer: UInt16(truncatingIfNeeded: peer), originator: UInt16(truncatingIfNeeded: originator),
      after: number, last: last, batch: UInt8(clamping: batch), at: now)
  }

  private func place(_ peer: Int, _ originator: Int) -> Int {
    (peer &* 31 &+ originator &* 17) & (Self.size - 1)
  }
}
