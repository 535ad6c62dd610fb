// Why a value could not be encoded or decoded.
//
// A failure names what was found, where, and what was allowed. "Where" is twofold: the coding path says which
// field of the type it was, the byte offset says which byte of the document. Bytes that are no CBOR at all
// have an offset but no path, since no type was consulted yet; a failure while encoding has a path but no
// offset.
//
// Inside `init(from:)` the containers throw the standard `DecodingError`, because hand-written decoding tries
// alternatives by catching it; the failure travels inside as its underlying error, and `BinaryCoding.decode`
// hands it out.

/// A value that could not be encoded, or bytes that could not be decoded: what was found, and where.
public struct CodingFailure: Error, Hashable, Sendable {
  /// What went wrong.
  public enum Reason: Hashable, Sendable {
    /// An item needs more bytes than the document has left.
    case truncated(needed: UInt64, available: Int)
    /// The document goes on after its one value.
    case trailingBytes(count: Int)
    /// The document, or the value to encode, is larger than a document may be, in bytes.
    case tooLarge(bytes: Int, limit: Int)
    /// Arrays and maps are nested deeper than allowed.
    case tooDeep(limit: Int)
    /// An array or map of indefinite length, or a string in pieces; only definite lengths are read.
    case indefiniteLength
    /// An initial byte that RFC 8949 reserves, or a simple value in a form that it forbids.
    case reserved(initialByte: UInt8)
    /// A text string that is not UTF-8.
    case invalidText
    /// A map with a key that is not text, where a keyed container was to be read.
    case keyNotText(found: String)
    /// A map holds, or a type encodes, the same key twice; the offset is that of the second one's text.
    case duplicateKey(String)
    /// The type asks for one kind of value and the document holds another.
    case mismatch(expected: String, found: String)
    /// The type requires a key that the map lacks.
    case keyAbsent(String)
    /// An array has fewer elements than the type reads.
    case elementAbsent(count: Int)
    /// A number that the type cannot represent.
    case outOfRange(value: String, type: String)
    /// A message tag whose length in UTF-8 bytes is not 1 to 255.
    case tagLength(found: Int)
    /// The type used its encoder in a way that cannot be written down.
    case misuse(String)
    /// The type itself refused, by throwing an error of its own.
    case rejected(String)
  }

  /// What went wrong.
  public var reason: Reason
  /// The fields and indices that lead to the value, outermost first; empty at the top.
  public var path: [String]
  /// The offset of the item in the document, in bytes; nil when the failure is not about bytes.
  public var offset: Int?

  /// Describes a failure.
  public init(_ reason: Reason, path: [String] = [], offset: Int? = nil) {
    self.reason = reason
    self.path = path
    self.offset = offset
  }
}

extension CodingFailure: CustomStringConvertible {
  /// One line: what was found, what was allowed, and where.
  public var description: String {
    var line = reason.description
    if !path.isEmpty { line += ", at \(path.joined(separator: "."))" }
    if let offset { line += ", at byte \(offset)" }
    return line
  }
}

extension CodingFailure.Reason: CustomStringConvertible {
  /// What was found and what was allowed.
  public var description: String {
    switch self {
    case .truncated(let needed, let available): "item needs \(needed) bytes, document has \(available) left"
    case .trailingBytes(let count): "document continues for \(count) bytes after its value; it must end there"
    case .tooLarge(let bytes, let limit): "document has \(bytes) bytes, at most \(limit) are allowed"
    case .tooDeep(let limit): "nesting is deeper than the \(limit) levels allowed"
    case .indefiniteLength: "item of indefinite length; lengths must be definite"
    case .reserved(let byte): "initial byte \(byte) is reserved by RFC 8949"
    case .invalidText: "text string is not UTF-8"
    case .keyNotText(let found): "map key is \(found); keys must be text strings"
    case .duplicateKey(let key): "key \"\(key)\" occurs twice in one map"
    case .mismatch(let expected, let found): "expected \(expected), found \(found)"
    case .keyAbsent(let key): "required key \"\(key)\" is absent"
    case .elementAbsent(let count): "array has only \(count) elements, one more is required"
    case .outOfRange(let value, let type): "\(value) does not fit in \(type)"
    case .tagLength(let found): "message tag has \(found) UTF-8 bytes; 1 to 255 are allowed"
    case .misuse(let what): what
    case .rejected(let why): why
    }
  }
}

extension CodingFailure {
  /// The failure that `error`, thrown by a type's `init(from:)` or `encode(to:)`, stands for.
  init(thrown error: any Error) {
    switch error {
    case let failure as CodingFailure: self = failure
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
      DecodingError.keyNotFound(_, let context), DecodingError.dataCorrupted(let context):
      self.init(
        underlying: context.underlyingError, path: context.codingPath, description: context.debugDescription)
    case EncodingError.invalidValue(_, let context):
      self.init(
        underlying: context.underlyingError, path: context.codingPath, description: context.debugDescription)
    default: self.init(.rejected(String(describing: error)))
    }
  }

  private init(underlying: (any Error)?, path: [any CodingKey], description: String) {
    if let failure = underlying as? CodingFailure {
      self = failure
    } else {
      self.init(.rejected(description), path: path.map(\.stringValue))
    }
  }
}

/// One step of a coding path: the name of a field, or an index in an array.
struct PathKey: CodingKey {
  /// The key under which a superclass is coded when its subclass names none.
  static let ofSuper = PathKey(stringValue: "super")

  let stringValue: String
  let intValue: Int?

  init(stringValue: String) {
    self.stringValue = stringValue
    self.intValue = nil
  }

  init(intValue: Int) {
    self.stringValue = String(intValue)
    self.intValue = intValue
  }
}
