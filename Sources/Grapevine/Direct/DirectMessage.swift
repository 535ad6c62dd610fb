// What one member says to another one, as applications see it.

import GrapevineCore

/// Something that a member said to this one: bytes, text or a typed value.
public protocol DirectContent {
  /// Its bytes.
  var payload: [UInt8] { get }
  /// Whether it is a typed message: a tag and its encoded value, see `MessageEnvelope`.
  var isTagged: Bool { get }
}

extension DirectContent {
  /// The payload as text; bytes that are not UTF-8 become U+FFFD.
  public var text: String { String(decoding: payload, as: UTF8.self) }

  /// The value, if it is a typed message of this type; nil when it is anything else.
  ///
  /// - Throws: `CodingFailure` when the tag is this type's and the body does not fit it.
  public func decode<Value: GossipMessage>(_ type: Value.Type) throws(CodingFailure) -> Value? {
    guard isTagged else { return nil }
    return try MessageEnvelope.decode(type, from: payload)
  }
}

/// A message to this member alone.
public struct DirectMessage: DirectContent, Sendable {
  /// Who sent it: what `GossipNode.send` takes.
  public let sender: StableID
  /// The sender's run.
  public let run: MemberID
  /// Its bytes.
  public let payload: [UInt8]
  /// Whether it is a typed message.
  public let isTagged: Bool
}

/// A question of another member.
public struct MemberQuestion: DirectContent, Sendable {
  /// Who asks.
  public let sender: StableID
  /// The asker's run.
  public let run: MemberID
  /// Its bytes.
  public let payload: [UInt8]
  /// Whether it is a typed message.
  public let isTagged: Bool
  let call: UInt64
  let node: WeakNode

  /// Answers with bytes, once; returns when the asker has confirmed it.
  ///
  /// - Throws: `DirectError`: with `notOpen` it was answered, or its time is over, with `notConnected` the node has
  ///   left. `DirectFailure` when the answer did not arrive, as far as is known. `CancellationError`.
  public nonisolated(nonsending) func answer(_ payload: [UInt8]) async throws {
    try await answer(payload, isTagged: false)
  }

  /// Answers with text, as UTF-8; see `answer(_:)` for bytes.
  public nonisolated(nonsending) func answer(_ text: String) async throws {
    try await answer(Array(text.utf8), isTagged: false)
  }

  /// Answers with a typed message; see `answer(_:)` for bytes.
  ///
  /// - Throws: also `CodingFailure` when the value cannot be encoded.
  public nonisolated(nonsending) func answer<Value: GossipMessage>(_ value: Value) async throws {
    try await answer(try MessageEnvelope.encode(value), isTagged: true)
  }

  private nonisolated(nonsending) func answer(_ payload: [UInt8], isTagged: Bool) async throws {
    guard let node = node.node else { throw DirectError.notConnected }
    try await node.say { try $0.answer(call, with: payload, isTagged: isTagged) }
  }
}

/// A reference that does not keep the node alive: questions that nobody reads must not.
struct WeakNode: Sendable {
  weak let node: GossipNode?
}

/// An answer to a question of this member's.
public struct MemberAnswer: DirectContent, Sendable {
  /// Who answers.
  public let sender: StableID
  /// The answerer's run.
  public let run: MemberID
  /// Its bytes.
  public let payload: [UInt8]
  /// Whether it is a typed message.
  public let isTagged: Bool
}

/// The answers to a question, as they come.
///
/// Ends when all members that were asked have answered, when the time is over, or when the node leaves. For one reader;
/// who stops reading ends the question.
public struct MemberAnswers: AsyncSequence, Sendable {
  /// The element.
  public typealias Element = MemberAnswer

  /// The members that could answer, as far as the node knew when it asked.
  public let expected: Int
  let stream: AsyncStream<MemberAnswer>

  /// Creates an iterator.
  public func makeAsyncIterator() -> AsyncStream<MemberAnswer>.Iterator { stream.makeAsyncIterator() }
}

/// What is said to this member, one after the other: each element goes to one reader.
///
/// While readers are behind by 1,024 elements the node confirms nothing more, and its members wait. As long as nobody
/// has ever read, the oldest make room for new ones, which `GossipNode.Statistics.unread` counts.
public struct DirectSequence<Element: Sendable>: AsyncSequence, Sendable {
  let mailbox: Mailbox<Element>

  /// Creates an iterator, which from now on has a claim on the elements.
  public func makeAsyncIterator() -> Iterator { Iterator(reading: DirectReading(mailbox)) }

  /// Waits for elements.
  public struct Iterator: AsyncIteratorProtocol {
    fileprivate let reading: DirectReading<Element>

    /// Returns the next element; nil when the node has left or the task is cancelled.
    public mutating func next() async -> Element? { await reading.mailbox.next() }

    /// Returns the next element; nil when the node has left or the task is cancelled.
    public mutating func next(isolation: isolated (any Actor)?) async -> Element? {
      await reading.mailbox.next()
    }
  }
}

/// Counts as a reader as long as it lives.
private final class DirectReading<Element: Sendable>: Sendable {
  let mailbox: Mailbox<Element>

  init(_ mailbox: Mailbox<Element>) {
    self.mailbox = mailbox
    mailbox.addReader()
  }

  deinit { mailbox.removeReader() }
}
