// What becomes of tuples, as applications read it.

import GrapevineCore

extension Tuple {
  /// The key as one that can be shown, compared and used in a set.
  public var name: TupleKey { TupleKey(key) }

  /// The value as text; nil when it is not UTF-8.
  public var text: String? { String(validating: value, as: UTF8.self) }

  /// The value as a `Codable` type that was published with `encoding:`.
  ///
  /// - Throws: `CodingFailure` when it is none.
  public func decoded<Value: Decodable>(as type: Value.Type) throws(CodingFailure) -> Value {
    try BinaryCoding.decode(type, from: value)
  }
}

/// What became of a tuple.
public struct TupleChange: Sendable, Equatable {
  /// What became of it: `published`, `renewed`, `removed`, `expired` or `departed`.
  public var kind: TupleChangeKind
  /// The tuple after the change. When it is gone, its value is empty and its version that of the removal, or for one
  /// that expired or departed its last.
  public var tuple: Tuple

  /// Creates a change.
  public init(kind: TupleChangeKind, tuple: Tuple) {
    self.kind = kind
    self.tuple = tuple
  }

  /// The key.
  public var key: TupleKey { tuple.name }
  /// Whether the tuple has a value after the change.
  public var isPresent: Bool { kind == .published || kind == .renewed }
}

/// What a watch of tuples tells.
public enum TupleNews: Sendable, Equatable {
  /// A tuple that was there when the watch began, or a later state of it; before `upToDate`.
  case present(Tuple)
  /// All tuples that were there when the watch began have been told; comes once.
  case upToDate
  /// Something changed since; after `upToDate`.
  case changed(TupleChange)
}

/// Which tuples are watched.
public enum TupleScope: Sendable, Hashable {
  /// All.
  case everything
  /// Those whose keys begin with the given bytes.
  case prefix(TupleKey)
  /// The one of the given key.
  case key(TupleKey)

  /// The bytes that a key must begin with.
  var start: [UInt8] {
    switch self {
    case .everything: []
    case .prefix(let key), .key(let key): key.bytes
    }
  }

  /// Whether tuples of this key are watched.
  func contains(_ key: UnsafeRawBufferPointer) -> Bool {
    switch self {
    case .everything: true
    case .prefix(let prefix): key.starts(with: prefix.bytes)
    case .key(let only): key.elementsEqual(only.bytes)
    }
  }
}

/// When a write of a tuple returns.
public enum TupleAcknowledgement: Sendable, Hashable {
  /// When the node has it: the tuple counts here, and is on its way to others.
  case taken
  /// When it is also on this node's disk. Without a store the same as `taken`.
  case stored
}
