// What a node tells its application of large messages under way.

/// Which large message it is: who broadcast it, and its number among the origin's reliable messages.
public struct TransferID: Hashable, Sendable {
  /// The member that broadcast it.
  public var origin: MemberID
  /// Its number, which the delivered message has too.
  public var sequence: UInt64

  /// Creates an id.
  public init(origin: MemberID, sequence: UInt64) {
    self.origin = origin
    self.sequence = sequence
  }
}

/// Why a large message did not become complete.
public enum TransferFailure: UInt8, Sendable {
  /// No neighbour brought any of it for `TransferRules.patience`.
  case unavailable
  /// Its bytes were damaged, and damaged again when they were fetched once more.
  case damaged
  /// There was no memory for it for `TransferRules.patience`.
  case noMemory
}

/// Something that became of a large message.
public enum TransferUpdate: Equatable, Sendable {
  /// `held` of its `total` bytes are here; for a message of this node, all neighbours have as many. Told in steps of
  /// about one in a hundred.
  case progress(TransferID, held: Int, total: Int)
  /// It is here as a whole, and delivered as soon as the application has room. For a message of this node: every
  /// present neighbour has all of it.
  case completed(TransferID, bytes: Int)
  /// It was cancelled, by its sender or here.
  case cancelled(TransferID)
  /// It was given up.
  case failed(TransferID, TransferFailure)

  /// Which message it is about.
  public var id: TransferID {
    switch self {
    case .progress(let id, _, _), .completed(let id, _), .cancelled(let id), .failed(let id, _): id
    }
  }
}
