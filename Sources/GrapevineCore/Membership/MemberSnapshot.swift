// What a node keeps over a restart, so that it needs nobody to tell it whom to join.

/// A member worth looking for after a restart.
public struct RememberedMember: Sendable, Equatable {
  /// Which member it is.
  public var id: StableID
  /// The run of it that was known.
  public var run: MemberID
  /// Its name; nil when its address stands for it.
  public var name: String?
  /// Where it was.
  public var endpoint: Endpoint
  /// The incarnation that was known.
  public var incarnation: UInt32

  /// Creates a memory of a member; `id` follows from the name or the address.
  public init(run: MemberID, name: String?, endpoint: Endpoint, incarnation: UInt32) {
    id = name.map { StableID(name: $0) } ?? StableID(address: endpoint)
    self.run = run
    self.name = name
    self.endpoint = endpoint
    self.incarnation = incarnation
  }
}

/// The members a node knew, and how often it had announced itself.
public struct MemberSnapshot: Sendable, Equatable {
  /// The node's own incarnation; 0 when it never announced itself.
  public var incarnation: UInt32
  /// The others: those that lived, then those that failed.
  public var members: [RememberedMember]

  /// Creates a snapshot.
  public init(incarnation: UInt32 = 0, members: [RememberedMember] = []) {
    self.incarnation = incarnation
    self.members = members
  }
}
