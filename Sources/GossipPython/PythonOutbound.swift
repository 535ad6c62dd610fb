// What waits to be sent, or to be acknowledged.

import GrapevineCore

/// One message for one recipient.
struct PythonEnvelope {
  let recipient: Endpoint
  let type: PythonMessageType
  let sequence: Int
  let body: [UInt8]
  /// The second field of the header; see `evictionMark`.
  var reserved = 0
  /// How often it is still to be sent.
  var attempts: Int
  var nextAt: Instant
  /// When it was first sent.
  var sentAt: Instant?
}

extension PythonEnvelope {
  /// In the header of a message from the log, for peers that are no originals: what came before it has left the
  /// log. The field means nothing on the wire.
  static let evictionMark = 1
}

/// The queue of envelopes, bounded.
struct PythonOutbound {
  private(set) var envelopes: [PythonEnvelope] = []
  private let limit: Int

  init(limit: Int) {
    self.limit = max(16, limit)
  }

  var room: Int { limit - envelopes.count }
  /// Whether something has not been sent at all.
  var hasUnsent: Bool { envelopes.contains { $0.sentAt == nil } }
  var nextDeadline: Instant { envelopes.reduce(.never) { min($0, $1.nextAt) } }

  /// Appends an envelope; false when there is no room.
  mutating func append(_ envelope: PythonEnvelope) -> Bool {
    guard room > 0 else { return false }
    envelopes.append(envelope)
    return true
  }

  /// Drops what the recipient has acknowledged.
  ///
  /// - Returns: Whether there was anything.
  mutating func remove(_ sequence: Int, of recipient: Endpoint) -> Bool {
    guard
      let index = envelopes.firstIndex(where: {
        $0.sequence == sequence && $0.recipient == recipient && $0.sentAt != nil && $0.type != .hello
      })
    else { return false }
    envelopes.remove(at: index)
    return true
  }

  mutating func removeAll(of recipient: Endpoint) {
    envelopes.removeAll { $0.recipient == recipient }
  }

  mutating func removeAll() { envelopes.removeAll() }

  /// Sends what is due with `write`, which says whether there was room.
  ///
  /// - Returns: What was not acknowledged after its last attempt.
  mutating func send(
    now: Instant, retryInterval: Nanoseconds, _ write: (PythonEnvelope) -> Bool
  ) -> [PythonEnvelope] {
    var failed: [PythonEnvelope] = []
    var kept = 0
    var isBlocked = false
    for index in envelopes.indices {
      var envelope = envelopes[index]
      if !isBlocked, envelope.nextAt <= now {
        if envelope.attempts == 0 {
          failed.append(envelope)
          continue
        }
        if write(envelope) {
          envelope.attempts -= 1
          let isLast = envelope.attempts == 0 && envelope.sentAt == nil
          envelope.sentAt = envelope.sentAt ?? now
          envelope.nextAt = now + retryInterval
          // What is sent once is not waited for.
          if isLast { continue }
        } else {
          isBlocked = true
        }
      }
      envelopes[kept] = envelope
      kept += 1
    }
    envelopes.removeLast(envelopes.count - kept)
    return failed
  }
}
