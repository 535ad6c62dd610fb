// The messages between zgossip nodes: a head of four bytes, and only PUBLISH has more.
//
// zgossip has no specification: this is what CZMQ 4.2.1 and the nodes of Debian's build of it say to each other. A
// node of theirs ends when it meets a malformed message, so nothing of the sort may leave this file.

import GrapevineCore

/// What a message is about, as its third byte says.
public enum ZGossipKind: UInt8, Sendable, CaseIterable {
  /// I am here, send me what you have.
  case hello = 1
  /// A tuple.
  case publish = 2
  /// Are you there?
  case ping = 3
  /// I am.
  case pong = 4
  /// I do not know you, or did not expect that.
  case invalid = 5
  /// Not theirs: what nodes of Grapevine say to each other. A node of theirs must never get one, it would end.
  case native = 0x10
}

/// A message; keys, values and payloads are views of the bytes it was read from, which they must not outlive.
public enum ZGossipMessage {
  /// I am here, send me what you have.
  case hello
  /// A tuple. No node of theirs reads `timeToLive`, and none means anything by it; send 0.
  case publish(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, timeToLive: UInt32 = 0)
  /// Are you there?
  case ping
  /// I am.
  case pong
  /// I do not know you, or did not expect that.
  case invalid
  /// What nodes of Grapevine say to each other; never for a node of theirs.
  case native(UnsafeRawBufferPointer)

  /// Bytes that every message begins with: the signature `AA A0`, the kind, the version.
  public static let headSize = 4
  /// Bytes of a PUBLISH beside its key and value.
  public static let publishOverhead = headSize + 1 + 4 + 4
  /// The longest key, in bytes: its length has one byte.
  public static let keyLimit = 255

  static let signature: UInt16 = 0xaaa0
  static let version: UInt8 = 1

  /// What it is about.
  public var kind: ZGossipKind {
    switch self {
    case .hello: .hello
    case .publish: .publish
    case .ping: .ping
    case .pong: .pong
    case .invalid: .invalid
    case .native: .native
    }
  }
}

// MARK: Reading

extension ZGossipMessage {
  /// Reads one message, which must outlive the value. Total, and nothing is copied or allocated.
  ///
  /// Bytes after the last field are ignored, as theirs do. They hold keys and values as C strings, so a zero byte ends
  /// one there, and here too: what stands behind it in the key or the value is passed over. Any other bytes are
  /// taken as they are; a key may be empty.
  ///
  /// - Throws: `unknownKind` for another signature or kind, `outOfRange` for another version than 1, `truncated` for
  ///   what ends too early.
  public init(decoding bytes: UnsafeRawBufferPointer) throws(DecodeError) {
    guard bytes.count >= Self.headSize else { throw .truncated }
    guard bytes.integer(UInt16.self, at: 0) == Self.signature, let kind = ZGossipKind(rawValue: bytes[2])
    else { throw .unknownKind }
    guard bytes[3] == Self.version else { throw .outOfRange }
    switch kind {
    case .hello: self = .hello
    case .ping: self = .ping
    case .pong: self = .pong
    case .invalid: self = .invalid
    case .native: self = .native(UnsafeRawBufferPointer(rebasing: bytes[Self.headSize...]))
    case .publish: self = try Self.publish(in: bytes)
    }
  }

  private static func publish(in bytes: UnsafeRawBufferPointer) throws(DecodeError) -> ZGossipMessage {
    let size = bytes.count &- publishOverhead
    guard size >= 0 else { throw .truncated }
    let keySize = Int(bytes[headSize])
    guard keySize <= size else { throw .truncated }
    let keyStart = headSize &+ 1
    let valueSize = UInt64(bytes.integer(UInt32.self, at: keyStart &+ keySize))
    guard valueSize <= UInt64(size &- keySize) else { throw .truncated }
    let valueStart = keyStart &+ keySize &+ 4
    let valueEnd = valueStart &+ Int(truncatingIfNeeded: valueSize)
    return .publish(
      key: bytes.string(keyStart, to: keyStart &+ keySize), value: bytes.string(valueStart, to: valueEnd),
      timeToLive: bytes.integer(UInt32.self, at: valueEnd))
  }
}

// MARK: Writing

extension ZGossipMessage {
  /// Bytes that it takes, or nil for what cannot be sent: a PUBLISH whose key has more than `keyLimit` bytes, whose
  /// value has 4 GiB or more, or with a zero byte in one of them, which would not arrive.
  ///
  /// Looks at every byte of key and value.
  public var encodedSize: Int? {
    switch self {
    case .hello, .ping, .pong, .invalid: return Self.headSize
    case .native(let payload): return Self.headSize &+ payload.count
    case .publish(let key, let value, _):
      guard key.count <= Self.keyLimit, UInt64(value.count) <= UInt64(UInt32.max), !key.contains(0),
        !value.contains(0)
      else { return nil }
      return Self.publishOverhead &+ key.count &+ value.count
    }
  }

  /// Writes it to the start of `buffer`, which must not overlap what it holds.
  ///
  /// - Returns: the bytes written; 0, with `buffer` as it was, when they do not fit or `encodedSize` is nil.
  public func write(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    guard let size = encodedSize, size <= buffer.count, Self.writeHead(kind, into: buffer) else { return 0 }
    switch self {
    case .hello, .ping, .pong, .invalid: break
    case .native(let payload): buffer.put(payload, at: Self.headSize)
    case .publish(let key, let value, let timeToLive):
      let valueStart = Self.headSize &+ 1 &+ key.count &+ 4
      buffer[Self.headSize] = UInt8(truncatingIfNeeded: key.count)
      buffer.put(key, at: Self.headSize &+ 1)
      buffer.put(UInt32(truncatingIfNeeded: value.count), at: valueStart &- 4)
      buffer.put(value, at: valueStart)
      buffer.put(timeToLive, at: valueStart &+ value.count)
    }
    return size
  }

  /// Writes the `headSize` bytes that a message of this kind begins with; for a native one, whose payload is then
  /// written behind it without a copy.
  ///
  /// - Returns: false, with `buffer` as it was, when they do not fit.
  public static func writeHead(_ kind: ZGossipKind, into buffer: UnsafeMutableRawBufferPointer) -> Bool {
    guard buffer.count >= headSize else { return false }
    buffer.put(signature, at: 0)
    buffer[2] = kind.rawValue
    buffer[3] = version
    return true
  }
}

// MARK: Bytes

extension UnsafeRawBufferPointer {
  /// The big-endian integer at `offset`, which the caller has checked.
  fileprivate func integer<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type, at offset: Int) -> T {
    T(bigEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
  }

  /// The bytes from `start` to `end`, which the caller has checked, or to the first zero byte between them.
  fileprivate func string(_ start: Int, to end: Int) -> UnsafeRawBufferPointer {
    let bytes = self[start..<end]
    return UnsafeRawBufferPointer(rebasing: bytes[start..<(bytes.firstIndex(of: 0) ?? end)])
  }
}

extension UnsafeMutableRawBufferPointer {
  fileprivate func put<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: T.self)
  }

  fileprivate func put(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
    UnsafeMutableRawBufferPointer(rebasing: self[offset...]).copyMemory(from: bytes)
  }
}
