// Why a node of zgossip does not do what it is told.

import GrapevineCore

/// Why a tuple was not published or removed.
public enum ZGossipError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Key or value has a NUL: originals would cut it there, and end with another tuple.
  case containsNUL
  /// The table does not take it.
  case tuple(TupleError)

  /// What is wrong, and what to do.
  public var description: String {
    switch self {
    case .containsNUL: "keys and values of zgossip cannot contain a NUL byte: encode them as text"
    case .tuple(.keyTooLong(let limit)): "a key has at most \(limit) bytes"
    case .tuple(.valueTooLong(let limit)):
      "a value has at most \(limit) bytes here: raise the limit on all nodes"
    case .tuple(.lifetimeOutOfRange): "a lifetime is 1 ms to 10 years"
    case .tuple(.full): "the table of tuples is full: raise its limits or remove tuples"
    case .tuple(.wouldBlock): "the other nodes do not keep up: try again later"
    case .tuple(.conditionFailed(nil)): "the key has no value"
    case .tuple(.conditionFailed(let present?)): "the key has another value, of version \(present)"
    case .tuple(.membershipNeeded):
      "zgossip has no members that a tuple could be bound to: give it a lifetime"
    case .tuple(.disabled), .tuple(.ended): "the node has ended"
    }
  }
}
