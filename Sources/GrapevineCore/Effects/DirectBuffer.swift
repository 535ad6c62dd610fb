// What other members said to this one, on its way to the application.

/// What arrived directly.
public enum DirectKind: UInt8, Sendable, BitwiseCopyable {
  /// A message to this member.
  case message = 0
  /// A question, which `Node.answer` answers.
  case question = 1
  /// An answer to a question of this member.
  case answer = 2
}

/// A caller-owned buffer of messages, questions and answers: one block of payload bytes, and what each is.
public struct DirectBuffer: ~Copyable {
  /// One of them.
  public struct Record: BitwiseCopyable, Sendable {
    /// What it is.
    public var kind: DirectKind
    /// Whether the payload begins with a tag.
    public var isTagged: Bool
    /// Who sent it.
    public var sender: StableID
    /// The sender's run.
    public var run: MemberID
    /// For a question, what to give `Node.answer`; for an answer, what `Node.ask` returned; else 0.
    public var call: UInt64
    var offset: Int
    var length: Int
  }

  private let storage: FixedTable<UInt8>
  private let records: FixedTable<Record>
  private var bytesUsed = 0

  /// How many there are.
  public private(set) var count = 0

  /// Creates a buffer; memory becomes resident as it is used.
  ///
  /// - Parameters:
  ///   - records: How many it holds at most.
  ///   - bytes: Payload bytes it holds at most; no less than a datagram.
  public init(records: Int = 1_024, bytes: Int = 256 << 10) {
    self.records = FixedTable(count: records)
    storage = FixedTable(count: bytes)
  }

  /// Whether a payload of `length` bytes fits. The last quarter is for answers, which somebody waits for: messages and
  /// questions that nobody reads must not keep them out.
  func hasRoom(for length: Int, isAnswer: Bool = false) -> Bool {
    let (places, bytes) =
      isAnswer ? (records.count, storage.count) : (records.count * 3 / 4, storage.count * 3 / 4)
    return count < places && bytes &- bytesUsed >= length
  }

  /// What is said of the one at `index`, which must be below `count`.
  public func record(_ index: Int) -> Record {
    precondition(index < count, "index out of range")
    return records[index]
  }

  /// The payload of the one at `index`; valid until the buffer changes.
  public func payload(_ index: Int) -> UnsafeRawBufferPointer {
    let record = record(index)
    return UnsafeRawBufferPointer(start: storage.pointer(at: record.offset), count: record.length)
  }

  /// Forgets all of them.
  public mutating func removeAll() {
    count = 0
    bytesUsed = 0
  }

  /// Appends one; call only when `hasRoom(for:)` its payload.
  mutating func append(_ record: Record, payload: UnsafeRawBufferPointer) {
    precondition(hasRoom(for: payload.count, isAnswer: true), "no room in the buffer")
    var record = record
    record.offset = bytesUsed
    record.length = payload.count
    records[count] = record
    if let source = payload.baseAddress {
      UnsafeMutableRawPointer(storage.pointer(at: bytesUsed)).copyMemory(
        from: source, byteCount: payload.count)
    }
    bytesUsed &+= payload.count
    count &+= 1
  }
}

/// What became of something that this node said or asked.
public enum DirectOutcome: Equatable, Sendable {
  /// The member has the message that `Node.send` or `Node.answer` returned this number for.
  case received(UInt64)
  /// The message did not arrive, as far as is known.
  case failed(UInt64, DirectFailure)
  /// So many members besides this one are known to have the message that `Node.requestReceipts` returned this number
  /// for; said again whenever it changes.
  case receipts(UInt64, count: Int)
}

/// Why a message to a member was given up.
public enum DirectFailure: UInt8, Error, Sendable {
  /// It did not confirm it for `DirectRules.patience`; it may have got it.
  case timedOut
  /// It has failed, left, or begun another run.
  case gone
}

/// Why nothing can be said to a member, asked or answered now.
public enum DirectError: Error, Equatable, Sendable {
  /// Too much waits for being confirmed. Try again after the next step.
  case wouldBlock
  /// The payload is longer than `limit` bytes.
  case tooLarge(limit: Int)
  /// The node is not a member: join first.
  case notConnected
  /// The node has no list of members, or no direct messages: see `Configuration`.
  case disabled
  /// Nobody living is known by this id.
  case unknownMember
  /// The question is answered already, or its time is over.
  case notOpen
}
