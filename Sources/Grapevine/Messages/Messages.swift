// The public sequences of messages.

import GrapevineCore

/// The messages that a node delivers, in the order of delivery.
///
/// Each message goes to one iterator; with several, they share the messages. The sequence ends when the node
/// has left or is gone. A consumer that falls behind makes the node, and then its neighbours, wait. Before
/// the first iterator exists nobody is made to wait: then the latest few thousand messages are kept.
public struct Messages: AsyncSequence, Sendable {
  /// The element.
  public typealias Element = Message

  let inbox: Inbox

  /// Creates an iterator, which from now on has a claim on the messages.
  public func makeAsyncIterator() -> Iterator { Iterator(inbox) }

  /// Takes messages batch by batch and hands them out without suspending in between.
  public struct Iterator: AsyncIteratorProtocol {
    @usableFromInline let place: ReadingPlace

    init(_ inbox: Inbox) {
      place = ReadingPlace(inbox)
    }

    /// Returns the next message; nil at the end of the sequence or when the task is cancelled.
    @inlinable
    public mutating func next() async -> Message? {
      await next(isolation: #isolation)
    }

    /// Returns the next message; nil at the end of the sequence or when the task is cancelled.
    @inlinable
    public mutating func next(isolation: isolated (any Actor)?) async -> Message? {
      if let message = place.nextOfBatch() { return message }
      return await place.nextOfNextBatch()
    }
  }
}

/// The typed messages of one tag that a node delivers, decoded.
///
/// While an iterator exists, messages of the tag go to it and not to `GossipNode.messages`. A message whose
/// value cannot be decoded is skipped and counted in `GossipNode.Statistics.undecodable`.
public struct TypedMessages<Value: GossipMessage>: AsyncSequence, Sendable {
  /// A decoded message and who sent it.
  public struct Element: Sendable {
    /// The member that broadcast it.
    public let sender: MemberID
    /// Its number among the sender's messages of its level.
    public let sequence: UInt64
    /// The decoded value.
    public let value: Value
  }

  let inbox: Inbox
  /// The topic of the messages; nil for those of any topic and of none.
  var topic: String?

  /// Creates an iterator, which from now on has a claim on the messages of the tag.
  public func makeAsyncIterator() -> Iterator { Iterator(inbox, topic) }

  /// Waits for messages and decodes them on the caller's side.
  public struct Iterator: AsyncIteratorProtocol {
    private let inbox: Inbox
    private let reading: ClaimedReading

    init(_ inbox: Inbox, _ topic: String?) {
      self.inbox = inbox
      reading = ClaimedReading(inbox, Claim(tag: Value.tag, topic: topic.map { Array($0.utf8) }))
    }

    /// Returns the next message; nil at the end of the sequence or when the task is cancelled.
    public mutating func next() async -> Element? {
      await next(isolation: #isolation)
    }

    /// Returns the next message; nil at the end of the sequence or when the task is cancelled.
    public mutating func next(isolation: isolated (any Actor)?) async -> Element? {
      while let raw = await reading.mailbox.next() {
        guard let value = try? MessageEnvelope.decode(Value.self, from: raw.bytes) else {
          inbox.countUndecodable()
          continue
        }
        return Element(sender: raw.sender, sequence: raw.sequence, value: value)
      }
      return nil
    }
  }
}
