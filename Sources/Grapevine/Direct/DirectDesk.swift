// Where what was said directly is handed out, on the node's thread, and where those wait who said something.

import GrapevineCore

/// The application's side of direct messages, questions and receipts. One thread uses it.
final class DirectDesk {
  /// Elements that wait for a reader at most. Chosen here.
  private static var limit: Int { 1_024 }

  private struct Ask {
    var until: Instant
    var missing: Int
    var answered: Set<MemberID> = []
    var continuation: AsyncStream<MemberAnswer>.Continuation
  }

  /// A message whose outcome somebody wants to know: it may be known before that task comes to wait for it.
  private enum Said {
    case underWay
    case known(DirectFailure?)
    case awaited(CheckedContinuation<DirectFailure?, Never>)
  }

  let messages = Mailbox<DirectMessage>(limit: DirectDesk.limit)
  let questions = Mailbox<MemberQuestion>(limit: DirectDesk.limit)
  var node = WeakNode(node: nil)
  /// Records at the head of the buffer that were handed out, and those behind them that were.
  private var taken = 0
  private var takenBehind: Set<Int> = []
  private var asks: [UInt64: Ask] = [:]
  private var counts: [UInt64: (until: Instant, continuation: AsyncStream<Int>.Continuation)] = [:]
  private var said: [UInt64: Said] = [:]
  private var isFinished = false
  /// What was dropped because nobody had ever asked for it.
  private(set) var unread: UInt64 = 0

  /// When the next question of this node's ends, or the next counting of receipts.
  var nextDeadline: Instant {
    min(asks.values.map(\.until).min() ?? .never, counts.values.map(\.until).min() ?? .never)
  }

  /// Hands out what came, as far as readers take it.
  func handOut(_ effects: inout Effects, now: Instant) {
    // What one reader has no room for does not keep from others what is theirs.
    for index in taken..<max(taken, effects.direct.count) where !takenBehind.contains(index) {
      let record = effects.direct.record(index)
      guard hasRoom(for: record.kind) else { continue }
      put(record, Array(effects.direct.payload(index)))
      takenBehind.insert(index)
    }
    while takenBehind.remove(taken) != nil { taken += 1 }
    if taken == effects.direct.count {
      effects.removeDirect()
      taken = 0
    }
    for outcome in effects.outcomes { tell(outcome) }
    effects.removeOutcomes()
    for (call, ask) in asks where ask.until <= now { end(call) }
    for (call, count) in counts where count.until <= now {
      counts[call] = nil
      count.continuation.finish()
    }
  }

  private func hasRoom(for kind: DirectKind) -> Bool {
    switch kind {
    case .message: !messages.isFull
    case .question: !questions.isFull
    case .answer: true
    }
  }

  private func put(_ record: DirectBuffer.Record, _ payload: [UInt8]) {
    switch record.kind {
    case .message:
      let message = DirectMessage(
        sender: record.sender, run: record.run, payload: payload, isTagged: record.isTagged)
      if messages.push(message) != nil { unread &+= 1 }
    case .question:
      let question = MemberQuestion(
        sender: record.sender, run: record.run, payload: payload, isTagged: record.isTagged,
        call: record.call, node: node)
      if questions.push(question) != nil { unread &+= 1 }
    case .answer:
      let answer = MemberAnswer(
        sender: record.sender, run: record.run, payload: payload, isTagged: record.isTagged)
      take(answer, to: record.call)
    }
  }

  /// A member answers once, whatever it sends.
  private func take(_ answer: MemberAnswer, to call: UInt64) {
    guard asks[call]?.answered.insert(answer.run).inserted == true, let ask = asks[call] else { return }
    ask.continuation.yield(answer)
    if ask.answered.count >= ask.missing { end(call) }
  }

  private func end(_ call: UInt64) { asks.removeValue(forKey: call)?.continuation.finish() }

  private func tell(_ outcome: DirectOutcome) {
    switch outcome {
    case .received(let token): settle(token, nil)
    case .failed(let token, let failure): settle(token, failure)
    case .receipts(let call, let count): counts[call]?.continuation.yield(count)
    }
  }

  private func settle(_ token: UInt64, _ failure: DirectFailure?) {
    switch said[token] {
    case nil, .known: break
    case .underWay: said[token] = .known(failure)
    case .awaited(let continuation):
      said[token] = nil
      continuation.resume(returning: failure)
    }
  }

  /// Remembers what becomes of a message, until somebody waits for it.
  func expect(_ token: UInt64) { said[token] = .underWay }

  /// Has somebody wait until it is known what became of a message.
  func wait(for token: UInt64, _ continuation: CheckedContinuation<DirectFailure?, Never>) {
    if case .underWay = said[token], !isFinished {
      said[token] = .awaited(continuation)
    } else if case .known(let failure) = said.removeValue(forKey: token) {
      continuation.resume(returning: failure)
    } else {
      continuation.resume(returning: .gone)
    }
  }

  /// Nobody waits for it any longer.
  func stopWaiting(for token: UInt64) {
    if case .awaited(let continuation) = said.removeValue(forKey: token) {
      continuation.resume(returning: .timedOut)
    }
  }

  /// The answers to a question.
  func answers(
    to question: AskedQuestion, until: Instant, onEnd: @escaping @Sendable () -> Void
  ) -> MemberAnswers {
    let (stream, continuation) = AsyncStream.makeStream(of: MemberAnswer.self)
    if question.expected > 0, !isFinished {
      asks[question.call] = Ask(until: until, missing: question.expected, continuation: continuation)
      continuation.onTermination = { _ in onEnd() }
    } else {
      continuation.finish()
    }
    return MemberAnswers(expected: question.expected, stream: stream)
  }

  /// How many members have a message, whenever that changes.
  func counts(of call: UInt64, until: Instant, onEnd: @escaping @Sendable () -> Void) -> AsyncStream<Int> {
    let (stream, continuation) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
    guard !isFinished else {
      continuation.finish()
      return stream
    }
    counts[call] = (until, continuation)
    continuation.onTermination = { _ in onEnd() }
    return stream
  }

  /// Forgets a question, or a message whose receipts were counted.
  func forget(_ call: UInt64) {
    asks[call] = nil
    counts.removeValue(forKey: call)?.continuation.finish()
  }

  /// The node is no member any more: nothing comes, and nobody waits in vain.
  func finish() {
    isFinished = true
    messages.finish()
    questions.finish()
    for call in asks.keys { end(call) }
    for count in counts.values { count.continuation.finish() }
    counts = [:]
    for token in said.keys { settle(token, .gone) }
  }
}
