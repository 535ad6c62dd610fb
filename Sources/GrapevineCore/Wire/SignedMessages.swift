// What members say of themselves where they sign it.
//
//   SIGNED-ALIVE  the fields of ALIVE  key(32)  signature(64)
//   SIGNED-LEFT   id(8)  incarnation(v)  run(8)  signature(64)
//
// They stand for ALIVE and LEFT, which count for nothing there. Signed is, behind whatever the signer puts before:
//
//   kind(1)  cluster(8)  id(8)  the fields up to the key, or behind the id up to the signature
//
// The cluster is the hash of its name that is the key of open frames: a fact of one cluster is none of another.

extension MessageKind {
  static let signedAlive: UInt8 = 0x4d
  static let signedLeft: UInt8 = 0x4e
}

/// The bytes that are signed.
enum FactBytes {
  /// The bytes before the fields.
  static let header = 1 + 8 + 8

  /// The fact that the fields of a message make.
  static func fact(_ kind: UInt8, cluster: UInt64, id: UInt64, fields: UnsafeRawBufferPointer) -> [UInt8] {
    var fact: [UInt8] = []
    fact.reserveCapacity(header + fields.count)
    fact.append(kind)
    append(cluster, to: &fact)
    append(id, to: &fact)
    fact.append(contentsOf: fields)
    return fact
  }

  private static func append(_ number: UInt64, to fact: inout [UInt8]) {
    for shift in stride(from: UInt64(56), through: 0, by: -8) {
      fact.append(UInt8(truncatingIfNeeded: number >> shift))
    }
  }
}

/// SIGNED-LEFT: a member says goodbye.
struct SignedLeft: Equatable {
  var incarnation: UInt32
  var run: UInt64

  /// The greatest number of bytes the message takes.
  static let lengthLimit = 1 + 8 + 5 + 8 + SignedFact.signatureLength

  init(incarnation: UInt32, run: UInt64) {
    self.incarnation = incarnation
    self.run = run
  }

  /// Reads the fields that are signed.
  init(from cursor: inout Cursor) throws(DecodeError) {
    incarnation = try cursor.readIncarnation()
    run = try cursor.read(UInt64.self)
    guard run != 0 else { throw .outOfRange }
  }

  /// Writes the fields that are signed.
  func write(to writer: inout Writer) {
    writer.writeVariable(UInt64(incarnation))
    writer.write(run)
  }
}
