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
  /// The wire cannot carry these bytes; the text says why.
  case payloadUnfit(String)
  /// The wire cannot name this address.
  case addressUnusable(Endpoint)
  /// Too much waits to be sent; try again after the next datagrams have left.
  case wouldBlock
  /// It knows nobody who would take the message.
  case nobodyKnown
}
