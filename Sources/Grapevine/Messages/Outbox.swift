// From the application's tasks to the node's thread.
//
// A broadcast is copied into a staging buffer under a lock and picked up by the node's thread together with
// all that came meanwhile, so that many small messages cost one wake and leave in full datagrams. When the
// buffer is full, the caller waits: that is the back-pressure.

import GrapevineCore
import GrapevineTransport
import Synchronization

/// Messages on their way to the node, in order, in bounded memory.
final class Outbox: Sendable {
  /// What is to become of a message.
  struct Handling {
    var level = DeliveryLevel.reliable
    var isTagged = false
    var order = MessageOrder.unordered
    /// Empty for none; valid during the call.
    var topic = UnsafeRawBufferPointer(start: nil, count: 0)

    /// Whether it travels as it is.
    var isPlain: Bool { order == .unordered && topic.isEmpty }
  }

  /// Staged messages: a head of six bytes each, the topic and its length where there is one, and the payload.
  struct Stage: ~Copyable, @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let capacity: Int
    var used = 0

    init(capacity: Int) {
      base = .allocate(byteCount: capacity, alignment: 8)
      self.capacity = capacity
    }

    deinit { base.deallocate() }

    static var headLength: Int { 6 }
    private static var tagBit: UInt8 { 1 }
    private static var topicBit: UInt8 { 2 }

    func hasRoom(for length: Int) -> Bool { capacity - used >= length + Self.headLength }

    mutating func append(_ payload: UnsafeRawBufferPointer, _ handling: Handling) {
      base.storeBytes(of: UInt32(payload.count), toByteOffset: used, as: UInt32.self)
      base.storeBytes(of: handling.level.rawValue, toByteOffset: used + 4, as: UInt8.self)
      let flags =
        handling.order.rawValue << 2 | (handling.isTagged ? Self.tagBit : 0)
        | (handling.topic.isEmpty ? 0 : Self.topicBit)
      base.storeBytes(of: flags, toByteOffset: used + 5, as: UInt8.self)
      used += Self.headLength
      if let from = handling.topic.baseAddress, !handling.topic.isEmpty {
        base.storeBytes(
          of: UInt8(truncatingIfNeeded: handling.topic.count), toByteOffset: used, as: UInt8.self)
        (base + used + 1).copyMemory(from: from, byteCount: handling.topic.count)
        used += 1 + handling.topic.count
      }
      if let from = payload.baseAddress { (base + used).copyMemory(from: from, byteCount: payload.count) }
      used += payload.count
    }

    /// The staged message at `offset`, which moves behind it.
    func read(at offset: inout Int) -> (payload: UnsafeRawBufferPointer, handling: Handling) {
      let length = Int(base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
      var handling = Handling()
      handling.level =
        DeliveryLevel(rawValue: base.load(fromByteOffset: offset + 4, as: UInt8.self)) ?? .reliable
      let flags = base.load(fromByteOffset: offset + 5, as: UInt8.self)
      handling.isTagged = flags & Self.tagBit != 0
      handling.order = MessageOrder(rawValue: flags >> 2) ?? .unordered
      offset += Self.headLength
      if flags & Self.topicBit != 0 {
        let count = Int(base.load(fromByteOffset: offset, as: UInt8.self))
        handling.topic = UnsafeRawBufferPointer(start: base + offset + 1, count: count)
        offset += 1 + count
      }
      let payload = UnsafeRawBufferPointer(start: base + offset, count: length)
      offset += length
      return (payload, handling)
    }
  }

  private struct State: ~Copyable, WaitedFor {
    var stage: Stage
    var isOpen = false
    var waiters = Waiters<Void>()

    init(stage: consuming Stage) { self.stage = stage }
  }

  /// Bytes staged at most. Chosen here: a few thousand small messages, as many as leave in one turn of the
  /// loop.
  private static var stageBytes: Int { 256 << 10 }

  private let state: Mutex<State>
  private let payloadLimit: Int
  /// The same for messages with a topic or an order, the topic among it.
  private let orderedLimit: Int

  init(payloadLimit: Int, orderedLimit: Int) {
    self.payloadLimit = payloadLimit
    self.orderedLimit = orderedLimit
    state = Mutex(State(stage: Stage(capacity: max(Self.stageBytes, payloadLimit * 4))))
  }

  static func emptyStage(payloadLimit: Int) -> Stage { Stage(capacity: max(stageBytes, payloadLimit * 4)) }

  /// Lets messages in, or keeps them out with `notConnected`.
  func setOpen(_ isOpen: Bool) {
    let waiting = state.withLock { state in
      state.isOpen = isOpen
      return isOpen ? [] : state.waiters.takeAll()
    }
    waiting.resumeAll()
  }

  /// What became of a message.
  enum Outcome {
    /// Staged, and the only one: the node's thread must be woken.
    case first
    /// Staged behind others.
    case behind
    /// Not staged: there is no room.
    case full
  }

  /// Stages a message.
  ///
  /// - Throws: `tooLarge`, `notConnected`, `topicTooLong`, `unordered`.
  func push(_ payload: UnsafeRawBufferPointer, _ handling: Handling) throws(BroadcastError) -> Outcome {
    if handling.isPlain {
      guard payload.count <= payloadLimit else { throw .tooLarge(limit: payloadLimit) }
    } else {
      try check(payload, handling)
    }
    return try state.withLock { state throws(BroadcastError) -> Outcome in
      guard state.isOpen else { throw .notConnected }
      guard state.stage.hasRoom(for: payload.count + handling.topic.count + 1), state.waiters.isEmpty else {
        return .full
      }
      let isFirst = state.stage.used == 0
      state.stage.append(payload, handling)
      return isFirst ? .first : .behind
    }
  }

  /// Checks what the core would refuse.
  private func check(_ payload: UnsafeRawBufferPointer, _ handling: Handling) throws(BroadcastError) {
    guard handling.topic.count <= 255 else { throw .topicTooLong }
    guard handling.level == .reliable || handling.order == .unordered else { throw .unordered }
    let limit = orderedLimit - handling.topic.count
    guard payload.count <= limit else { throw .tooLarge(limit: limit) }
  }

  /// Waits until the node's thread has taken what is staged, or the task is cancelled.
  nonisolated(nonsending) func waitForRoom() async {
    await state.wait(cancelled: ()) { $0.isOpen && $0.stage.used > 0 ? nil : () }
  }

  /// Trades what is staged for an empty stage and lets waiting callers go on.
  ///
  /// - Returns: Whether anything was staged.
  func exchange(_ stage: inout Stage) -> Bool {
    let (hasAny, waiting) = state.withLock { state in
      guard state.stage.used > 0 else { return (false, state.waiters.takeAll()) }
      swap(&state.stage, &stage)
      return (true, state.waiters.takeAll())
    }
    waiting.resumeAll()
    return hasAny
  }
}
