// Direct messages, questions and receipts, on the node's thread.

import GrapevineCore
import GrapevineTransport

extension NodeClient {
  /// Tries something for which there may be no room.
  func attempt<Done: Sendable>(
    _ body: (inout Node, Instant) throws(DirectError) -> Done
  ) throws(DirectError) -> Attempt<Done> {
    do throws(DirectError) {
      return .done(try body(&driver.node, MonotonicClock.now()))
    } catch .wouldBlock {
      return .mustWait(since: room.epoch)
    }
  }

  func send(_ payload: [UInt8], to id: StableID, isTagged: Bool) throws(DirectError) -> Attempt<UInt64> {
    try say(payload) { node, bytes, now throws(DirectError) in
      try node.send(bytes, to: id, isTagged: isTagged, now: now)
    }
  }

  func answer(_ call: UInt64, with payload: [UInt8], isTagged: Bool) throws(DirectError) -> Attempt<
    UInt64
  > {
    try say(payload) { node, bytes, now throws(DirectError) in
      try node.answer(call, with: bytes, isTagged: isTagged, now: now)
    }
  }

  private func say(
    _ payload: [UInt8],
    _ body: (inout Node, UnsafeRawBufferPointer, Instant) throws(DirectError) -> UInt64
  ) throws(DirectError) -> Attempt<UInt64> {
    try attempt { node, now throws(DirectError) in
      let token = try payload.withRawBytes { bytes throws(DirectError) in try body(&node, bytes, now) }
      desk.expect(token)
      return token
    }
  }

  func ask(
    _ payload: [UInt8], _ audience: Audience, isTagged: Bool, lifetime: Duration,
    onEnd: @escaping @Sendable (UInt64) -> Void
  ) throws(DirectError) -> Attempt<MemberAnswers> {
    try attempt { node, now throws(DirectError) in
      let question = try payload.withRawBytes { bytes throws(DirectError) in
        try node.ask(bytes, audience, isTagged: isTagged, lifetime: lifetime, now: now)
      }
      return desk.answers(to: question, until: now + lifetime.asNanoseconds) { onEnd(question.call) }
    }
  }

  /// Broadcasts a message behind those that are staged, and has it counted who has it.
  func broadcastCounted(
    _ payload: [UInt8], isTagged: Bool, lifetime: Duration, onEnd: @escaping @Sendable (UInt64) -> Void
  ) throws -> Attempt<AsyncStream<Int>> {
    do throws(BroadcastError) {
      let now = MonotonicClock.now()
      let sequence = try payload.withRawBytes { bytes throws(BroadcastError) in
        try driver.broadcast(bytes, Outbox.Handling(isTagged: isTagged), now: now)
      }
      return .done(try counts(of: sequence, lifetime: lifetime, onEnd: onEnd))
    } catch .wouldBlock {
      return .mustWait(since: room.epoch)
    }
  }

  /// Broadcasts a large message, and has it counted who has all of it.
  func broadcastCounted(
    _ content: LargeContent, isTagged: Bool, lifetime: Duration,
    onEnd: @escaping @Sendable (UInt64) -> Void
  ) throws -> Attempt<AsyncStream<Int>> {
    do throws(BroadcastError) {
      let id = try driver.broadcast(large: content, LargeHandling(isTagged: isTagged))
      return .done(try counts(of: id.sequence, lifetime: lifetime, onEnd: onEnd))
    } catch .wouldBlock {
      return .mustWait(since: room.epoch)
    }
  }

  private func counts(
    of sequence: UInt64, lifetime: Duration, onEnd: @escaping @Sendable (UInt64) -> Void
  ) throws(BroadcastError) -> AsyncStream<Int> {
    do throws(DirectError) {
      let now = MonotonicClock.now()
      let call = try driver.node.requestReceipts(for: sequence, lifetime: lifetime, now: now)
      return desk.counts(of: call, until: now + lifetime.asNanoseconds) { onEnd(call) }
    } catch {
      // The message is under way; the request for its receipts finds no room, or is not for this node: it counts none.
      let (stream, continuation) = AsyncStream.makeStream(of: Int.self)
      continuation.finish()
      return stream
    }
  }

  /// Takes no more answers to a question, or counts no more who has a message.
  func endCall(_ call: UInt64) {
    desk.forget(call)
    driver.node.endAsk(call)
    driver.node.endReceipts(call)
  }
}

extension [UInt8] {
  /// Calls `body` with the bytes; what it throws keeps its type.
  func withRawBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try withUnsafeBufferPointer { bytes throws(Failure) in try body(UnsafeRawBufferPointer(bytes)) }
  }
}
