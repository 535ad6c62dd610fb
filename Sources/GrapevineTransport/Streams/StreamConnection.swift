// One connection: what waits to leave it, and what has come of the frame that is not whole yet.

import GrapevineCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What is found at the head of the bytes received.
enum StreamItem {
  /// Nothing whole.
  case none
  /// A datagram.
  case datagram(UnsafeRawBufferPointer)
  /// Whether the peer receives this side's UDP.
  case mark(heard: Bool)
  /// Bytes that are no frame.
  case malformed
}

/// A connection of a `StreamTransport`, which alone uses it.
final class StreamConnection {
  enum State {
    /// On its way; nothing can be sent yet.
    case connecting
    /// There, and the peer has not said who it is.
    case greeting
    /// In use.
    case open
    /// Sends what waits, then ends its direction and waits for the peer to end the other.
    case ending
    /// Its descriptor is closed; what it received may still be read.
    case closed
  }

  let tag: UInt64
  /// Whether this side opened it.
  let isOutgoing: Bool
  /// Closed by the transport.
  let descriptor: Int32
  /// The peer: where it listens once that is known, before that where the connection comes from.
  var remote: Endpoint
  var state: State
  /// The run of the peer; 0 before its greeting.
  var run: UInt64 = 0
  var hasHello = false
  /// When the present state has lasted too long; without meaning while open.
  var deadline: Instant
  /// When anything last moved, in either direction.
  var lastActivity: Instant
  /// When bytes last left, or began to wait.
  var lastProgress: Instant
  /// The peer sends no more.
  var hasEnded = false
  /// This side has said that it sends no more.
  var hasEndedSending = false
  /// It is in the transport's list of those that have something to take.
  var isWaiting = false
  /// It is in the transport's list of those to flush.
  var isTouched = false
  /// For what it is watched.
  var watchesReadable = true
  var watchesWritable: Bool

  @exclusivity(unchecked) var output: ByteRing
  private let input: FixedTable<UInt8>
  private var start = 0
  private var end = 0

  init(
    descriptor: Int32, tag: UInt64, isOutgoing: Bool, remote: Endpoint, deadline: Instant, now: Instant,
    configuration: StreamConfiguration
  ) {
    self.descriptor = descriptor
    self.tag = tag
    self.isOutgoing = isOutgoing
    self.remote = remote
    self.deadline = deadline
    state = isOutgoing ? .connecting : .greeting
    watchesWritable = isOutgoing
    lastActivity = now
    lastProgress = now
    output = ByteRing(capacity: configuration.queueRoom)
    input = FixedTable(count: configuration.readRoom)
  }

  /// Whether datagrams may be put into its queue.
  var takesDatagrams: Bool { state == .open || isOutgoing && (state == .connecting || state == .greeting) }

  /// Puts a greeting into the queue, which must be empty.
  func greet(_ hello: StreamHello) {
    withUnsafeTemporaryAllocation(byteCount: StreamHello.byteCount, alignment: 8) { bytes in
      hello.write(to: bytes)
      _ = output.append(UnsafeRawBufferPointer(bytes))
    }
  }

  /// Puts a datagram into the queue; false when there is no room for it.
  func enqueue(_ datagram: UnsafeRawBufferPointer, now: Instant) -> Bool {
    guard output.room >= datagram.count + StreamFrame.header else { return false }
    if output.count == 0 { lastProgress = now }
    var length = UInt16(truncatingIfNeeded: datagram.count).bigEndian
    withUnsafeBytes(of: &length) { _ = output.append($0) }
    return output.append(datagram)
  }

  /// Puts a mark into the queue, if there is room.
  func enqueue(mark heard: Bool, now: Instant) {
    guard output.room >= StreamFrame.header else { return }
    if output.count == 0 { lastProgress = now }
    var mark = (heard ? StreamFrame.heard : StreamFrame.unheard).bigEndian
    withUnsafeBytes(of: &mark) { _ = output.append($0) }
  }

  /// Takes over what another connection to the same peer has framed and not sent any part of.
  func takeOver(from other: StreamConnection) {
    other.output.consume(StreamHello.byteCount)
    let pieces = other.output.pieces()
    guard output.room >= pieces.first.count + pieces.second.count else { return }
    output.append(pieces.first)
    output.append(pieces.second)
  }

  // MARK: Receiving

  /// Room for what comes next, made by moving what is there to the front: nothing of it may be in use.
  func makeRoom() -> (memory: UnsafeMutableRawPointer, count: Int) {
    if start > 0 {
      memmove(input.pointer(at: 0), input.pointer(at: start), end - start)
      end -= start
      start = 0
    }
    return (UnsafeMutableRawPointer(input.pointer(at: end)), input.count - end)
  }

  /// Notes that so many bytes have come.
  func didReceive(_ length: Int) { end = min(end + max(0, length), input.count) }

  private var received: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: input.pointer(at: start), count: end - start)
  }

  /// Takes the greeting: nil when it is not whole yet, a nil inside when it is none.
  func takeHello() -> StreamHello?? {
    guard end - start >= StreamHello.byteCount else { return nil }
    let hello = StreamHello(received)
    start += StreamHello.byteCount
    return .some(hello)
  }

  /// Whether there is something to take, be it only the news that what came is no frame.
  var hasItem: Bool {
    guard hasHello, let length = nextLength else { return false }
    return length > StreamFrame.longest || end - start >= StreamFrame.header + length
  }

  private var nextLength: Int? {
    guard end - start >= StreamFrame.header else { return nil }
    return Int(UInt16(bigEndian: received.loadUnaligned(as: UInt16.self)))
  }

  /// Takes what is whole; its bytes stay where they are until `makeRoom`.
  func takeItem() -> StreamItem {
    guard hasHello, let length = nextLength else { return .none }
    if length > StreamFrame.longest {
      switch UInt16(truncatingIfNeeded: length) {
      case StreamFrame.heard, StreamFrame.unheard:
        start += StreamFrame.header
        return .mark(heard: length == Int(StreamFrame.heard))
      default:
        return .malformed
      }
    }
    let frame = StreamFrame.header + length
    guard end - start >= frame else { return .none }
    let datagram = UnsafeRawBufferPointer(rebasing: received[StreamFrame.header..<frame])
    start += frame
    return .datagram(datagram)
  }

  /// Forgets what came and was not taken.
  func forgetInput() { start = end }
}
