// From the application's tasks to the node's thread.
//
// A tuple is copied into a staging buffer under a lock and picked up by the node's thread together with all that came
// meanwhile, so that many small ones cost one wake. When the buffer is full, the caller waits: that is the
// back-pressure.

import GrapevineCore
import GrapevineTransport
import Synchronization

/// Tuples on their way to the node, in order, in bounded memory.
final class TupleStage: Sendable {
  /// Staged tuples: a head each, then key and value.
  struct Buffer: ~Copyable, @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let capacity: Int
    var used = 0

    init(capacity: Int) {
      base = .allocate(byteCount: capacity, alignment: 8)
      self.capacity = capacity
    }

    deinit { base.deallocate() }

    /// Length of the value, time of a lifetime, kind of a lifetime, length of the key.
    static var headLength: Int { 4 + 8 + 1 + 1 }

    func hasRoom(for length: Int) -> Bool { capacity - used >= length + Self.headLength }

    mutating func append(
      _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, lifetime: TupleLifetime
    ) {
      let (kind, nanoseconds) = Self.parts(of: lifetime)
      base.storeBytes(of: UInt32(truncatingIfNeeded: value.count), toByteOffset: used, as: UInt32.self)
      base.storeBytes(of: nanoseconds, toByteOffset: used + 4, as: UInt64.self)
      base.storeBytes(of: kind, toByteOffset: used + 12, as: UInt8.self)
      base.storeBytes(of: UInt8(truncatingIfNeeded: key.count), toByteOffset: used + 13, as: UInt8.self)
      used += Self.headLength
      append(key)
      append(value)
    }

    private mutating func append(_ part: UnsafeRawBufferPointer) {
      if let from = part.baseAddress { (base + used).copyMemory(from: from, byteCount: part.count) }
      used += part.count
    }

    /// The staged tuple at `offset`, and where the next one is.
    func read(
      at offset: Int
    ) -> (key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, lifetime: TupleLifetime, next: Int) {
      let length = Int(base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
      let nanoseconds = base.loadUnaligned(fromByteOffset: offset + 4, as: UInt64.self)
      let kind = base.load(fromByteOffset: offset + 12, as: UInt8.self)
      let keyLength = Int(base.load(fromByteOffset: offset + 13, as: UInt8.self))
      let start = base + offset + Self.headLength
      return (
        UnsafeRawBufferPointer(start: start, count: keyLength),
        UnsafeRawBufferPointer(start: start + keyLength, count: length),
        Self.lifetime(kind, nanoseconds), offset + Self.headLength + keyLength + length
      )
    }

    private static func parts(of lifetime: TupleLifetime) -> (kind: UInt8, nanoseconds: UInt64) {
      switch lifetime {
      case .permanent: (0, 0)
      case .expires(let time): (1, time.asNanoseconds)
      case .renewed(let time): (2, time.asNanoseconds)
      case .ephemeral: (3, 0)
      }
    }

    private static func lifetime(_ kind: UInt8, _ nanoseconds: UInt64) -> TupleLifetime {
      let time = Duration.nanoseconds(Int64(clamping: nanoseconds))
      switch kind {
      case 1: return .expires(after: time)
      case 2: return .renewed(every: time)
      case 3: return .ephemeral
      default: return .permanent
      }
    }
  }

  private struct State: ~Copyable, WaitedFor {
    var buffer: Buffer
    var isOpen = true
    var waiters = Waiters<Void>()

    init(buffer: consuming Buffer) { self.buffer = buffer }
  }

  private let state: Mutex<State>
  private let valueLimit: Int
  private let capacity: Int

  init(bytes: Int, valueLimit: Int) {
    self.valueLimit = valueLimit
    capacity = max(bytes, 4 * (valueLimit + 255 + Buffer.headLength))
    state = Mutex(State(buffer: Buffer(capacity: capacity)))
  }

  func emptyBuffer() -> Buffer { Buffer(capacity: capacity) }

  /// Keeps tuples out from now on.
  func close() {
    let waiting = state.withLock { state in
      state.isOpen = false
      return state.waiters.takeAll()
    }
    waiting.resumeAll()
  }

  /// What became of a tuple.
  enum Outcome {
    /// Staged, and the only one: the node's thread must be woken.
    case first
    /// Staged behind others.
    case behind
    /// Not staged: there is no room.
    case full
  }

  /// Stages a tuple.
  ///
  /// - Throws: `keyInvalid`, `valueInvalid`, `closed`.
  func push(
    _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, lifetime: TupleLifetime
  ) throws(ZGossipNodeError) -> Outcome {
    guard key.count <= 255, !hasZero(key) else { throw .keyInvalid }
    guard value.count <= valueLimit, !hasZero(value) else { throw .valueInvalid(limit: valueLimit) }
    return try state.withLock { state throws(ZGossipNodeError) -> Outcome in
      guard state.isOpen else { throw .closed }
      guard state.waiters.isEmpty, state.buffer.hasRoom(for: key.count + value.count) else { return .full }
      let isFirst = state.buffer.used == 0
      state.buffer.append(key, value, lifetime: lifetime)
      return isFirst ? .first : .behind
    }
  }

  /// Waits until the node's thread has taken what is staged, or the task is cancelled.
  nonisolated(nonsending) func waitForRoom() async {
    await state.wait(cancelled: ()) { $0.isOpen && $0.buffer.used > 0 ? nil : () }
  }

  /// Trades what is staged for an empty buffer and lets waiting callers go on.
  ///
  /// - Returns: Whether anything was staged.
  func exchange(_ buffer: inout Buffer) -> Bool {
    let (hasAny, waiting) = state.withLock { state in
      guard state.buffer.used > 0 else { return (false, state.waiters.takeAll()) }
      swap(&state.buffer, &buffer)
      return (true, state.waiters.takeAll())
    }
    waiting.resumeAll()
    return hasAny
  }

  private func hasZero(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.contains(0) }
}
