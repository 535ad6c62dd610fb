// One place where messages of many kinds are received.
//
// A reader for each kind would get the messages of its kind in order, and nobody would know how those of two kinds stood
// to each other. A router reads all of them one after the other, and calls what was said for the tag of each.

import GrapevineCore

/// Calls a handler for each message by its tag, in the order in which messages are delivered.
///
/// ```swift
/// var router = MessageRouter()
/// router.on(Commit.self) { commit, message in store(commit) }
/// router.on(Ping.self) { ping, message in try await node.broadcast(Pong(ping)) }
/// router.otherwise { message in log(message.payload) }
/// try await router.run(node.messages)
/// ```
///
/// The next message is taken when the handler of the one before has returned.
public struct MessageRouter: Sendable {
  private typealias Handler = @Sendable ([UInt8], Message) async throws -> Void

  private var handlers: [String: Handler] = [:]
  private var fallback: @Sendable (Message) async throws -> Void = { _ in }

  /// Creates a router that passes over every message.
  public init() {}

  /// Says what to do with typed messages of one kind; a second handler of a kind takes the place of the first.
  ///
  /// - Parameters:
  ///   - type: The kind.
  ///   - tag: The tag that they travel under, where it is not the type's own: that of an earlier version of it, say.
  ///   - handler: Given the decoded value, and the message it came in.
  public mutating func on<Value: GossipMessage>(
    _ type: Value.Type, tag: String? = nil,
    _ handler: @escaping @Sendable (Value, Message) async throws -> Void
  ) {
    let tag = tag ?? type.tag
    handlers[tag] = { bytes, message in
      guard let body = MessageEnvelope.body(of: bytes, tagged: tag) else { return }
      try await handler(try BinaryCoding.decode(type, from: body), message)
    }
  }

  /// Says what to do with messages that have no tag, or one that no handler is for.
  public mutating func otherwise(_ handler: @escaping @Sendable (Message) async throws -> Void) {
    fallback = handler
  }

  /// Calls the handler of one message.
  ///
  /// - Throws: what the handler throws; `CodingFailure` when the tag is known and the body is no value of its kind.
  public func route(_ message: Message) async throws {
    guard message.isTagged else { return try await fallback(message) }
    let bytes = Array(message.payload)
    guard let tag = MessageEnvelope.split(bytes)?.tag, let handler = handlers[tag] else {
      return try await fallback(message)
    }
    try await handler(bytes, message)
  }

  /// Calls the handlers of messages until there are no more, or one throws.
  ///
  /// Messages that cannot be decoded are passed over.
  public func run(_ messages: Messages) async throws {
    for await message in messages {
      do {
        try await route(message)
      } catch is CodingFailure {
        messages.inbox.countUndecodable()
      }
    }
  }
}
