// Direct messages, questions and receipts for programs that own their loop.

import GrapevineCore
import GrapevineTransport

extension DrivenNode {
  /// Sends bytes to one member, straight to its address; they leave with the next `send()`.
  ///
  /// - Returns: A number; `onOutcome` says with it what became of the message.
  /// - Throws: `DirectError`, and nothing changed; with `wouldBlock`, receive and send before trying again.
  public func send(_ payload: [UInt8], to member: StableID, isTagged: Bool = false) throws(DirectError)
    -> UInt64
  {
    try command { node, now throws(DirectError) in
      try payload.withRawBytes { bytes throws(DirectError) in
        try node.send(bytes, to: member, isTagged: isTagged, now: now)
      }
    }
  }

  /// Asks members something; `onDirect` gets their answers.
  ///
  /// - Throws: `DirectError`, and nothing changed; with `wouldBlock`, receive and send before trying again.
  public func ask(
    _ payload: [UInt8], of audience: Audience = .all, within time: Duration, isTagged: Bool = false
  ) throws(DirectError) -> AskedQuestion {
    try command { node, now throws(DirectError) in
      try payload.withRawBytes { bytes throws(DirectError) in
        try node.ask(bytes, audience, isTagged: isTagged, lifetime: time, now: now)
      }
    }
  }

  /// Answers a question, once.
  ///
  /// - Parameter question: `DirectBuffer.Record.call` of the question.
  /// - Returns: A number; `onOutcome` says with it whether the answer arrived.
  /// - Throws: `DirectError`, and nothing changed; with `wouldBlock`, receive and send before trying again.
  @discardableResult
  public func answer(_ question: UInt64, with payload: [UInt8], isTagged: Bool = false) throws(DirectError)
    -> UInt64
  {
    try command { node, now throws(DirectError) in
      try payload.withRawBytes { bytes throws(DirectError) in
        try node.answer(question, with: bytes, isTagged: isTagged, now: now)
      }
    }
  }

  /// Has it counted how many members have a message; `onOutcome` says the number whenever it changes.
  ///
  /// - Parameter sequence: What `broadcast` returned for it.
  /// - Returns: A number, which the outcomes carry.
  /// - Throws: `DirectError`, and nothing changed; with `wouldBlock`, receive and send before trying again.
  public func requestReceipts(for sequence: UInt64, within time: Duration) throws(DirectError) -> UInt64 {
    try command { node, now throws(DirectError) in
      try node.requestReceipts(for: sequence, lifetime: time, now: now)
    }
  }
}
