// The stages of a node's life, the same for nodes of every wire.

/// Where a node is in its life.
public enum Lifecycle: UInt8, Sendable, CaseIterable {
  /// Created; it has not joined yet.
  case initialized
  /// Looking for a contact that takes it in.
  case joining
  /// A member.
  case connected
  /// Handing over what neighbours lack before it goes.
  case leaving
  /// No longer a member; it may join again.
  case disconnected
  /// Its resources are freed.
  case destroyed
}
