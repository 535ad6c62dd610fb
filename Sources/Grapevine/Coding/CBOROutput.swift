// The document being written.
//
// Every value is written where it belongs at once, into one buffer. A container does not know how many items
// it will get, so it starts with a head of one byte that is filled in, and if need be widened, when the
// value that opened it is complete; then a map's pairs are also put in order. A stack of frames holds the
// values that are being encoded now: only the container of the top frame may write.
//
// The exception are nested containers and super encoders, which may be written to in any order and until
// their parent is complete. Each gets an output of its own, and its parent copies it in at the end.

/// Bytes in the making, and the values that are not complete yet.
final class CBOROutput {
  /// One value that is being encoded.
  struct Frame {
    /// What the value has turned out to be.
    enum Kind { case nothing, single, array, map }

    var kind = Kind.nothing
    /// Whether the keys so far are in order.
    var isSorted = true
    /// Tells this frame from others that were at the same height of the stack.
    let serial: UInt32
    /// Containers around the value.
    let depth: Int
    /// Where the value's bytes start, and its pairs and detached containers in their stacks.
    let start: Int
    let firstPair: Int
    let firstDetached: Int
    /// Items written so far.
    var count = 0
    /// The field of the container around it that the value is; nil in arrays and single values.
    let key: (any CodingKey)?
  }

  /// A container with an output of its own: the key it is written under, or the place in its array.
  struct Detached {
    let key: String?
    let place: Int
    let output: CBOROutput
  }

  // Exclusive access is not checked at run time, which took 40% of the time to encode: no access below spans
  // a call into the types being encoded.
  @exclusivity(unchecked) var bytes: [UInt8] = []
  @exclusivity(unchecked) var frames: [Frame] = []
  /// Where the pairs of the open maps start.
  @exclusivity(unchecked) var pairs: [Int] = []
  @exclusivity(unchecked) var detached: [Detached] = []
  /// The first thing that went wrong where nothing could be thrown.
  @exclusivity(unchecked) var failure: CodingFailure?
  /// The path to the value that this output is for.
  private let prefix: [any CodingKey]
  @exclusivity(unchecked) private var serial: UInt32 = 0

  /// An output that goes on after `bytes`, which it takes from the caller until `give(back:)`.
  init(taking bytes: inout [UInt8]) {
    prefix = []
    swap(&self.bytes, &bytes)
    frames.reserveCapacity(4)
    pairs.reserveCapacity(8)
    push(key: nil, depth: 0)
  }

  /// An output for a detached container at `path`.
  init(path: [any CodingKey], depth: Int) {
    prefix = path
    push(key: nil, depth: depth)
  }

  /// Returns the bytes to the caller.
  func give(back bytes: inout [UInt8]) { swap(&self.bytes, &bytes) }

  /// Encodes `value` as the whole document; nothing is written when it throws.
  func encodeDocument<T: Encodable>(_ value: T) throws(CodingFailure) {
    let start = bytes.count
    do {
      if !write(special: value) {
        try value.encode(to: CBOREncoder(output: self, frame: token))
      }
      try pop()
      guard bytes.count - start <= BinaryCoding.documentBytesMax else {
        throw CodingFailure(.tooLarge(bytes: bytes.count - start, limit: BinaryCoding.documentBytesMax))
      }
    } catch {
      bytes.removeSubrange(start...)
      frames.removeAll()
      throw CodingFailure(thrown: error)
    }
  }
}

// MARK: - The stack of values

extension CBOROutput {
  /// Names a frame, so that a container can tell whether it may still write.
  struct Token {
    let level: Int32
    let serial: UInt32
  }

  /// The name of the top frame.
  var token: Token { Token(level: Int32(frames.count - 1), serial: frames.last?.serial ?? 0) }

  /// Whether the frame is the top one, whose container may write.
  func isTop(_ token: Token) -> Bool {
    Int(token.level) == frames.count - 1 && frames.last?.serial == token.serial && failure == nil
  }

  /// Starts a value inside the top frame.
  func push(key: (any CodingKey)?, depth: Int) {
    serial &+= 1
    frames.append(
      Frame(
        serial: serial, depth: depth, start: bytes.count, firstPair: pairs.count,
        firstDetached: detached.count, key: key))
  }

  /// Makes the frame's value a container, or a single value; records a failure when it cannot be.
  func open(_ token: Token, as kind: Frame.Kind) {
    let level = Int(token.level)
    guard isTop(token), frames[level].kind == .nothing || frames[level].kind == kind else {
      // The same keyed container may be asked for again: a subclass and its superclass share it.
      return fail(.misuse("a second container of another kind was asked for, or one out of turn"))
    }
    guard frames[level].kind == .nothing else { return }
    frames[level].kind = kind
    guard kind != .single else { return }
    guard frames[level].depth < BinaryCoding.depthMax else {
      return fail(.tooDeep(limit: BinaryCoding.depthMax))
    }
    bytes.append(0)
  }

  func fail(_ reason: CodingFailure.Reason) {
    guard failure == nil else { return }
    failure = CodingFailure(reason, path: topPath)
  }

  /// Completes the top frame's value.
  func pop() throws {
    if let failure { throw failure }
    guard let frame = frames.last else { return }
    try close(frame)
    frames.removeLast()
  }

  /// Encodes `value` in a frame of its own, as the next item of the top frame.
  func write<T: Encodable>(_ value: T, key: (any CodingKey)? = nil) throws {
    if write(special: value) { return }
    guard let outer = frames.last else { throw CodingFailure(.misuse("the document is complete")) }
    let isContained = outer.kind == .array || outer.kind == .map
    push(key: key, depth: outer.depth + (isContained ? 1 : 0))
    try value.encode(to: CBOREncoder(output: self, frame: token))
    try pop()
  }

  /// The path to the value that is being encoded, for failures.
  var topPath: [String] { path(to: frames.count).map(\.stringValue) }

  /// The path to the value of the frame at `level`.
  func path(to level: Int) -> [any CodingKey] {
    var path = prefix
    for (frame, next) in zip(frames.prefix(level), frames.prefix(level + 1).dropFirst()) {
      if let key = next.key {
        path.append(key)
      } else if frame.kind == .array {
        path.append(PathKey(intValue: max(0, frame.count - 1)))
      }
    }
    return path
  }
}
