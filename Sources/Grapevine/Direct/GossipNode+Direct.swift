// Messages to one member, questions to many, and receipts.

import GrapevineCore

// Messages to one member.
extension GossipNode {
  /// The messages that other members sent to this one alone. Ends when the node leaves.
  public nonisolated var directMessages: DirectSequence<DirectMessage> {
    DirectSequence(mailbox: client.desk.messages)
  }

  /// Sends bytes to one member, straight to its address; returns when it has confirmed them.
  ///
  /// They are sent again until then and delivered there once. Waits while too much is unconfirmed.
  ///
  /// - Parameters:
  ///   - payload: Up to `GrapevineCore.Configuration.directLimit` bytes.
  ///   - member: `Member.id`, or the `sender` of something that it said.
  /// - Throws: `DirectError`, and nothing was sent. `DirectFailure` when the member did not confirm it; it may have got
  ///   it. `CancellationError`; it may get it all the same.
  public nonisolated(nonsending) func send(_ payload: [UInt8], to member: StableID) async throws {
    try await send(payload, to: member, isTagged: false)
  }

  /// Sends text, as UTF-8; see `send(_:to:)` for bytes.
  public nonisolated(nonsending) func send(_ text: String, to member: StableID) async throws {
    try await send(Array(text.utf8), to: member, isTagged: false)
  }

  /// Sends a typed message; see `send(_:to:)` for bytes.
  ///
  /// - Throws: also `CodingFailure` when the value cannot be encoded.
  public nonisolated(nonsending) func send<Value: GossipMessage>(_ value: Value, to member: StableID)
    async throws
  {
    try await send(try MessageEnvelope.encode(value), to: member, isTagged: true)
  }

  private nonisolated(nonsending) func send(_ payload: [UInt8], to member: StableID, isTagged: Bool)
    async throws
  {
    try await say { try $0.send(payload, to: member, isTagged: isTagged) }
  }

  /// Has something said, and waits until it is confirmed.
  nonisolated(nonsending) func say(
    _ attempt: @Sendable (NodeClient) throws -> Attempt<UInt64>
  ) async throws {
    let token = try await taken(attempt)
    let failure = await withTaskCancellationHandler {
      await outcome(of: token)
    } onCancel: {
      Task { await self.stopWaiting(for: token) }
    }
    try Task.checkCancellation()
    if let failure { throw failure }
  }

  /// Tries until there is room.
  private nonisolated(nonsending) func taken<Done: Sendable>(
    _ attempt: @Sendable (NodeClient) throws -> Attempt<Done>
  ) async throws -> Done {
    while true {
      switch try await carryOut(attempt) {
      case .done(let result): return result
      case .mustWait(let epoch): try await waitForRoom(epoch)
      }
    }
  }

  private func carryOut<Done: Sendable>(
    _ attempt: @Sendable (NodeClient) throws -> Attempt<Done>
  ) throws -> Attempt<Done> {
    try attempt(client)
  }

  private func outcome(of token: UInt64) async -> DirectFailure? {
    await withCheckedContinuation { client.desk.wait(for: token, $0) }
  }

  private func stopWaiting(for token: UInt64) { client.desk.stopWaiting(for: token) }
}

// Questions.
extension GossipNode {
  /// The questions that other members ask this one. Ends when the node leaves.
  public nonisolated var questions: DirectSequence<MemberQuestion> {
    DirectSequence(mailbox: client.desk.questions)
  }

  /// Asks members something, and gives their answers as they come.
  ///
  /// ```swift
  /// for await answer in try await node.ask("load?", of: .tagged(key: "role", value: "web")) {
  ///   print(answer.sender, answer.text)
  /// }
  /// ```
  ///
  /// - Parameters:
  ///   - payload: Up to `GrapevineCore.Configuration.questionLimit` bytes.
  ///   - audience: Whom to ask. Members that are named are asked directly; else all hear the question, and those that
  ///     it is for answer, over a quarter of the time at most, so that not all answers come at once.
  ///   - time: How long to take answers, from a millisecond to a day.
  /// - Throws: `DirectError`, and nobody was asked; `CancellationError`.
  public nonisolated(nonsending) func ask(
    _ payload: [UInt8], of audience: Audience = .all, within time: Duration = .seconds(5)
  ) async throws -> MemberAnswers {
    try await ask(payload, audience, isTagged: false, within: time)
  }

  /// Asks with text, as UTF-8; see `ask(_:of:within:)` for bytes.
  public nonisolated(nonsending) func ask(
    _ text: String, of audience: Audience = .all, within time: Duration = .seconds(5)
  ) async throws -> MemberAnswers {
    try await ask(Array(text.utf8), audience, isTagged: false, within: time)
  }

  /// Asks with a typed message; see `ask(_:of:within:)` for bytes.
  ///
  /// - Throws: also `CodingFailure` when the value cannot be encoded.
  public nonisolated(nonsending) func ask<Value: GossipMessage>(
    _ value: Value, of audience: Audience = .all, within time: Duration = .seconds(5)
  ) async throws -> MemberAnswers {
    try await ask(try MessageEnvelope.encode(value), audience, isTagged: true, within: time)
  }

  private nonisolated(nonsending) func ask(
    _ payload: [UInt8], _ audience: Audience, isTagged: Bool, within time: Duration
  ) async throws -> MemberAnswers {
    let endCall = callEnder
    return try await taken {
      try $0.ask(payload, audience, isTagged: isTagged, lifetime: time, onEnd: endCall)
    }
  }

  /// Ends a question, or the counting of receipts, from any thread.
  private nonisolated var callEnder: @Sendable (UInt64) -> Void {
    { [weak self] call in Task { [weak self] in await self?.endCall(call) } }
  }

  private func endCall(_ call: UInt64) { client.endCall(call) }
}

// Receipts.
extension GossipNode {
  /// Broadcasts bytes to all members, and says how many of them have the message, whenever that changes; a large message
  /// has who has all of it.
  ///
  /// Members count that are connected and have it, whether or not their applications have read it; this node does
  /// not. Each counts once as soon as nothing changes any more. The numbers are added up along the tree, so that few
  /// datagrams tell them. Ends when the time is over or the node leaves; a slow reader sees the newest number only.
  ///
  /// - Throws: as `broadcast`.
  public nonisolated(nonsending) func broadcastCounting(
    _ payload: [UInt8], within time: Duration = .seconds(10)
  ) async throws -> AsyncStream<Int> {
    try await broadcastCounting(payload, isTagged: false, within: time)
  }

  /// Broadcasts text, as UTF-8; see `broadcastCounting(_:within:)` for bytes.
  public nonisolated(nonsending) func broadcastCounting(_ text: String, within time: Duration = .seconds(10))
    async throws -> AsyncStream<Int>
  {
    try await broadcastCounting(Array(text.utf8), isTagged: false, within: time)
  }

  /// Broadcasts a typed message; see `broadcastCounting(_:within:)` for bytes.
  ///
  /// - Throws: also `CodingFailure` when the value cannot be encoded.
  public nonisolated(nonsending) func broadcastCounting<Value: GossipMessage>(
    _ value: Value, within time: Duration = .seconds(10)
  ) async throws -> AsyncStream<Int> {
    try await broadcastCounting(try MessageEnvelope.encode(value), isTagged: true, within: time)
  }

  private nonisolated(nonsending) func broadcastCounting(
    _ payload: [UInt8], isTagged: Bool, within time: Duration
  ) async throws -> AsyncStream<Int> {
    let endCall = callEnder
    if payload.count > payloadLimit {
      guard payload.count <= largeLimit else { throw BroadcastError.tooLarge(limit: largeLimit) }
      guard let content = payload.withUnsafeBytes({ LargeContent(copying: $0) }) else {
        throw BroadcastError.wouldBlock
      }
      return try await taken {
        try $0.broadcastCounted(content, isTagged: isTagged, lifetime: time, onEnd: endCall)
      }
    }
    return try await taken {
      try $0.broadcastCounted(payload, isTagged: isTagged, lifetime: time, onEnd: endCall)
    }
  }
}
