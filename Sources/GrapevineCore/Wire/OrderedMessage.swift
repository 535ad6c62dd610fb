// Messages with a topic or an order on the wire.
//
//   broadcast    0(1)  kind(1)  [topic length(1)  topic]  [predecessor(v)]  [count(v)  so many dependencies]  body
//   dependency   origin(8)  sequence(v)
//   kind         0001 oo t b   oo: order, 3 for a causal message of which nothing is delivered
//                              t: topic follows   b: the body begins with a tag
//
// It travels as a tagged broadcast of the reliable level, or of the other one when it has no order: the first byte is
// the empty tag of nodes themselves. A topic has at least one byte. Ordered messages have a predecessor:
//
//   0            the origin has sent nothing in this run that must be delivered before
//   1            everything that the origin has sent before
//   n            the message whose number is n - 1 less than this one's, and what that had to come after
//
// Causal ones name what else must be delivered before. v is a variable-length integer.
//
// A body that begins with an empty tag is the announcement of a large message, see TransferMessages.swift, which takes
// this message's place.

/// A message with a topic or an order, as it lies in a payload.
struct OrderedMessage {
  /// The first kind, and the bits that make it one of these.
  static let kind: UInt8 = 0x10
  static let kindMask: UInt8 = 0xf0
  private static let topicBit: UInt8 = 2
  private static let tagBit: UInt8 = 1
  private static let barrierOrder: UInt8 = 3
  /// Bytes before the body at most, without topic and dependencies.
  static let headLimit = 2 + 1 + 10 + 1
  /// Bytes of a dependency at most.
  static let dependencyLimit = 8 + 10
  /// The longest topic, in bytes.
  static let topicLimit = 255

  /// What stands for the predecessor.
  enum Predecessor {
    static let none: UInt64 = 0
    static let everything: UInt64 = 1
  }

  var order = MessageOrder.unordered
  /// Nothing of it is delivered: it carries dependencies that the next message of its origin had no room for.
  var isBarrier = false
  var isTagged = false
  var topic = UnsafeRawBufferPointer(start: nil, count: 0)
  var predecessor = Predecessor.none
  var dependencyCount: UInt64 = 0
  /// Where the dependencies lie.
  var dependencies = UnsafeRawBufferPointer(start: nil, count: 0)
  var body = UnsafeRawBufferPointer(start: nil, count: 0)
  /// The bytes before the body.
  var headLength = 0

  init() {}

  /// Whether it stands for a large message: its body is the announcement, which begins with an empty tag.
  var isLarge: Bool { isTagged && body.first == 0 }

  /// Whether a payload is one of these.
  @inline(__always)
  static func isOne(_ payload: UnsafeRawBufferPointer) -> Bool {
    payload.count > 1 && payload[1] & kindMask == kind
  }

  /// Reads a payload for which `isOne` holds; the bytes stay where they are.
  ///
  /// - Parameter sequence: Its number among the origin's messages.
  init(_ payload: UnsafeRawBufferPointer, sequence: UInt64) throws(DecodeError) {
    var cursor = Cursor(RawSpan(_unsafeBytes: payload))
    _ = try cursor.read(UInt8.self)
    let kind = try cursor.read(UInt8.self)
    let bits = kind >> 2 & 3
    isBarrier = bits == Self.barrierOrder
    order = isBarrier ? .causal : MessageOrder(rawValue: bits) ?? .unordered
    isTagged = kind & Self.tagBit != 0
    if kind & Self.topicBit != 0 {
      let length = try cursor.read(UInt8.self)
      guard length > 0 else { throw .outOfRange }
      topic = try cursor.readBytes(UInt64(length))
    }
    // Without either it would be a plain message, which has a shorter form.
    guard order != .unordered || !topic.isEmpty else { throw .outOfRange }
    if order != .unordered {
      predecessor = try cursor.readVariable()
      guard predecessor <= sequence else { throw .outOfRange }
    }
    if order == .causal {
      dependencyCount = try cursor.readVariable(in: 0...UInt64(cursor.remaining))
      let start = cursor.offset
      for _ in 0..<dependencyCount { _ = try Self.readDependency(from: &cursor) }
      dependencies = UnsafeRawBufferPointer(rebasing: payload[start..<cursor.offset])
    }
    headLength = cursor.offset
    body = try cursor.readBytes(UInt64(cursor.remaining))
    guard !isBarrier || body.isEmpty else { throw .outOfRange }
  }

  /// Reads one dependency.
  @_lifetime(cursor: copy cursor)
  static func readDependency(from cursor: inout Cursor) throws(DecodeError) -> (
    origin: UInt64, sequence: UInt64
  ) {
    let origin = try cursor.read(UInt64.self)
    guard origin != 0 else { throw .outOfRange }
    return (origin, try cursor.readVariable(in: 1...UInt64.max / 2))
  }

  /// Calls `body` with each dependency until it returns false.
  @inline(__always)
  func forEachDependency(_ body: (_ origin: UInt64, _ sequence: UInt64) -> Bool) {
    guard dependencyCount > 0 else { return }
    var cursor = Cursor(RawSpan(_unsafeBytes: dependencies))
    for _ in 0..<dependencyCount {
      // They were read once when the message came.
      guard let dependency = try? Self.readDependency(from: &cursor),
        body(dependency.origin, dependency.sequence)
      else { return }
    }
  }

  /// The bytes before the dependencies, their count not among them.
  func prefixLength() -> Int {
    2 + (topic.isEmpty ? 0 : 1 + topic.count) + (order == .unordered ? 0 : variableLength(predecessor))
  }

  /// Writes what stands before the dependencies' count.
  func writePrefix(to writer: inout Writer) {
    let bits = isBarrier ? Self.barrierOrder : order.rawValue
    writer.write(UInt8(0))
    writer.write(
      Self.kind | bits << 2 | (topic.isEmpty ? 0 : Self.topicBit) | (isTagged ? Self.tagBit : 0))
    if !topic.isEmpty {
      writer.write(UInt8(truncatingIfNeeded: topic.count))
      writer.write(topic)
    }
    if order != .unordered { writer.writeVariable(predecessor) }
  }
}
