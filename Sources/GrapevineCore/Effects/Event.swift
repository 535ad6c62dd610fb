// What a node tells its application besides messages.

/// Why a neighbour was lost.
public enum LinkLoss: UInt8, Sendable {
  /// Nothing was heard of it for the configured time.
  case timedOut
  /// It said goodbye: it left, or chose other neighbours.
  case closedByPeer
  /// This node chose other neighbours.
  case closedHere
  /// It came back as another run of itself, or from a new start of the link.
  case replaced
}

/// An event.
public enum Event: Equatable, Sendable {
  /// The lifecycle moved on.
  case lifecycle(Lifecycle)
  /// A member became a neighbour.
  case neighbourUp(MemberID, Endpoint)
  /// A neighbour was lost.
  case neighbourDown(MemberID, Endpoint, LinkLoss)
  /// No contact answered in the configured time; the node is disconnected.
  case joinFailed
  /// A contact speaks another version of the protocol.
  case versionMismatch(Endpoint)
  /// Messages of `origin` from `first` to `last`, `missing` of them, passed the repair horizon undelivered.
  case gap(origin: MemberID, first: UInt64, last: UInt64, missing: UInt64)
  /// Message `sequence` of `origin` goes on without message `missingSequence` of `missing`, which it should have come
  /// after: it had waited too long, or too many did; or all had forgotten that one before this node joined, so that what
  /// it came after, if it comes at all, comes late. It may be of a topic that is not heard here; then messages that
  /// come after it are meant. One event for each origin, up to eight, whose newest missing message stands for all that it
  /// sent before; what was forgotten of an origin is named once, by the last of it. Where all earlier ones of `origin`
  /// should have come first, the first missing one is named. Where both are the same message, it goes on without more
  /// than the events before name; or it is a large one that announced itself, and its content did not come in time, or
  /// will not come: what comes after it goes on, and if it comes it comes late.
  case orderGap(origin: MemberID, sequence: UInt64, missing: MemberID, missingSequence: UInt64)
  /// Something became of a member; `Node.member` says more about it.
  case member(MemberChange, StableID, MemberID, Endpoint)
  /// Another living member, at this address, has the node's name. While joining, the node is disconnected; later
  /// it is, when the other one's run is the greater.
  case nameConflict(Endpoint)
}
