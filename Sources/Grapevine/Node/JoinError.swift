// What can be wrong with joining, said so that the reader knows what to do.

/// Why a node could not join.
public enum JoinError: Error, Equatable, Sendable, CustomStringConvertible {
  /// None of the contacts answered in time.
  case noContactAnswered([String])
  /// Another living member, at the address `by`, has the node's name.
  case nameTaken(name: String, by: String)
  /// The node is already a member or has been told to join.
  case alreadyJoined
  /// The node has left; its sequences have ended.
  case hasLeft

  /// What happened and what to do.
  public var description: String {
    switch self {
    case .noContactAnswered(let contacts):
      "no contact answered (\(contacts.joined(separator: ", "))): check the addresses, that a node runs there, "
        + "and that it has the same cluster name"
    case .nameTaken(let name, let by):
      "the member at \(by) has the name \"\(name)\" already: give this node another name, or stop the other one "
        + "and wait until it is known to be gone"
    case .alreadyJoined:
      "the node has joined already"
    case .hasLeft:
      "the node has left the cluster: create another one to join again"
    }
  }
}
