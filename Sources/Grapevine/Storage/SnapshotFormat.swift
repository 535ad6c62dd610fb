// The members on a disk, as bytes: what `DIR/members` holds.
//
// All numbers are unsigned and big-endian.
//
//   bytes   what
//   8       magic: "GVMEMBER"
//   2       version of the format: 1
//   4       the node's own incarnation
//   1 + n   the length of the node's own name, 0 to 64, and the name in UTF-8; 0 for none
//   4       the number of records
//           for each record:
//   8         the member's run, not 0
//   4         its incarnation
//   16        its IPv6 address; IPv4 in mapped form
//   4         the interface of a link-local address, else 0
//   2         its port
//   1 + n     the length of its name, 0 to 64, and the name in UTF-8; 0 for none
//   8       FNV-1a of all bytes before
//
// The checksum finds damage, not malice: whoever may write here may name any members. Every step of FNV-1a is a
// bijection of its state, so a change of any single byte changes it. Source: Fowler, Noll and Vo, 1991.

import GrapevineCore

/// What is kept over a restart: the members, and whose incarnation it is.
struct StoredSnapshot: Sendable, Equatable {
  /// The node's own name; empty for none.
  var name: String
  var snapshot: MemberSnapshot
}

/// What is wrong with the bytes of a snapshot, in words.
struct SnapshotDamage: Error, Equatable {
  let reason: String
}

/// Between a snapshot and its bytes; no input traps.
enum SnapshotFormat {
  /// The longest file read or written, in bytes. Chosen here: it takes little time and memory to read, and
  /// `recordLimit` members are far more than are needed to find the others.
  static let byteLimit = 4 << 20
  /// The records in a file at most: as many as fit whatever their names are.
  static let recordLimit = (byteLimit - headLimit - 8) / (recordBytes + Member.nameLimit)

  static let magic = Array("GVMEMBER".utf8)
  static let version: UInt16 = 1
  /// The bytes before the records at most.
  private static let headLimit = 8 + 2 + 4 + 1 + Member.nameLimit + 4
  /// The bytes of a record without a name.
  private static let recordBytes = 8 + 4 + 16 + 4 + 2 + 1

  /// The bytes of a snapshot: of its first `recordLimit` members, without any that could not be read back.
  static func encode(_ stored: StoredSnapshot) -> [UInt8] {
    let members = stored.snapshot.members.lazy.filter(isStorable).prefix(recordLimit)
    var writer = SnapshotBytes()
    writer.bytes.reserveCapacity(headLimit + 8 + members.count * (recordBytes + 16))
    writer.bytes += magic
    writer.append(version)
    writer.append(stored.snapshot.incarnation)
    writer.append(name: stored.name.utf8.count <= Member.nameLimit ? stored.name : "")
    writer.append(UInt32(members.count))
    for member in members {
      writer.append(member.run.value)
      writer.append(member.incarnation)
      writer.append(member.endpoint.high)
      writer.append(member.endpoint.low)
      writer.append(member.endpoint.scope)
      writer.append(member.endpoint.port)
      writer.append(name: member.name ?? "")
    }
    writer.append(checksum(writer.bytes[...]))
    return writer.bytes
  }

  private static func isStorable(_ member: RememberedMember) -> Bool {
    member.endpoint.isUsable && (member.name?.utf8.count ?? 0) <= Member.nameLimit
  }

  /// The snapshot in bytes.
  ///
  /// - Throws: `SnapshotDamage` unless they are exactly what `encode` writes.
  static func decode(_ bytes: [UInt8]) throws(SnapshotDamage) -> StoredSnapshot {
    guard bytes.count <= byteLimit else {
      throw SnapshotDamage(reason: "it has \(bytes.count) bytes; at most \(byteLimit) are read")
    }
    guard bytes.starts(with: magic) else {
      throw SnapshotDamage(reason: "it does not begin as a snapshot does")
    }
    let content = bytes.dropLast(8)
    var reader = SnapshotReader(bytes: content.dropFirst(magic.count))
    let found: UInt16 = try reader.number()
    guard found == version else {
      throw SnapshotDamage(reason: "it is of format version \(found); this program reads version \(version)")
    }
    var trailer = SnapshotReader(bytes: bytes.suffix(8))
    guard try trailer.number() == checksum(content) else {
      throw SnapshotDamage(reason: "its checksum is wrong: it was cut short or changed")
    }
    var stored = StoredSnapshot(name: "", snapshot: MemberSnapshot(incarnation: try reader.number()))
    stored.name = try reader.name() ?? ""
    let count: UInt32 = try reader.number()
    // Not the count, which may be anything, but what is there decides what is allocated.
    stored.snapshot.members.reserveCapacity(min(Int(count), reader.bytes.count / recordBytes))
    for _ in 0..<count { stored.snapshot.members.append(try reader.record()) }
    guard reader.bytes.isEmpty else {
      throw SnapshotDamage(reason: "it goes on for \(reader.bytes.count) bytes behind its last record")
    }
    return stored
  }

  static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    return hash
  }
}

/// Bytes in the making.
private struct SnapshotBytes {
  var bytes: [UInt8] = []

  mutating func append<Number: FixedWidthInteger>(_ number: Number) {
    withUnsafeBytes(of: number.bigEndian) { bytes += $0 }
  }

  /// Appends a name of at most `Member.nameLimit` bytes.
  mutating func append(name: String) {
    bytes.append(UInt8(truncatingIfNeeded: name.utf8.count))
    bytes += name.utf8
  }
}

/// Bytes not read yet; every read checks that there are enough.
private struct SnapshotReader {
  var bytes: ArraySlice<UInt8>

  private mutating func take(_ count: Int) throws(SnapshotDamage) -> ArraySlice<UInt8> {
    guard bytes.count >= count else { throw SnapshotDamage(reason: "it ends too early") }
    defer { bytes = bytes.dropFirst(count) }
    return bytes.prefix(count)
  }

  mutating func number<Number: FixedWidthInteger & UnsignedInteger>() throws(SnapshotDamage) -> Number {
    var number: UInt64 = 0
    for byte in try take(MemoryLayout<Number>.size) { number = number << 8 | UInt64(byte) }
    return Number(truncatingIfNeeded: number)
  }

  mutating func name() throws(SnapshotDamage) -> String? {
    let count: UInt8 = try number()
    guard count > 0 else { return nil }
    guard count <= Member.nameLimit, let name = String(validating: try take(Int(count)), as: UTF8.self) else {
      throw SnapshotDamage(reason: "a name in it is none that a member may have")
    }
    return name
  }

  mutating func record() throws(SnapshotDamage) -> RememberedMember {
    let run: UInt64 = try number()
    let incarnation: UInt32 = try number()
    let endpoint = Endpoint(
      high: try number(), low: try number(), scope: try number(), port: try number())
    guard run != 0, endpoint.isUsable else { throw SnapshotDamage(reason: "a record in it names no member") }
    return RememberedMember(
      run: MemberID(run), name: try name(), endpoint: endpoint, incarnation: incarnation)
  }
}
