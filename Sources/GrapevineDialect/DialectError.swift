// Why a foreign engine refuses what its own user asks for.

import GrapevineCore

/// An error of a peer of another system.
public enum DialectError: Error, Equatable, Sendable {
  /// It is joining, a member, or gone already.
  case alreadyJoined
  /// It is not a member of a cluster (yet, or any more).
  case notConnected
  /// The wire cannot carry a payload of this length, in bytes.
  case payloadTooLong(length: Int, limit: Int)
  /// The wire cannot carry these bytes; the text says why. It is a literal, so that the error allocates nothing and
  /// builds for Embedded Swift without the tables of Unicode.
  case payloadUnfit(StaticString)
  /// The wire cannot name this address.
  case addressUnusable(Endpoint)
  /// Too much waits to be sent; try again after the next datagrams have left.
  case wouldBlock
  /// It knows nobody who would take the message.
  case nobodyKnown
}

extension DialectError {
  /// Whether two errors are the same, with what they say.
  public static func == (left: DialectError, right: DialectError) -> Bool {
    switch (left, right) {
    case (.alreadyJoined, .alreadyJoined), (.notConnected, .notConnected), (.wouldBlock, .wouldBlock),
      (.nobodyKnown, .nobodyKnown):
      true
    case (.payloadTooLong(let length, let limit), .payloadTooLong(let otherLength, let otherLimit)):
      length == otherLength && limit == otherLimit
    case (.addressUnusable(let address), .addressUnusable(let other)): address == other
    case (.payloadUnfit(let reason), .payloadUnfit(let other)):
      UnsafeBufferPointer(start: reason.utf8Start, count: reason.utf8CodeUnitCount)
        .elementsEqual(UnsafeBufferPointer(start: other.utf8Start, count: other.utf8CodeUnitCount))
    default: false
    }
  }
}
