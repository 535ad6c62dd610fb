// Signatures that cost nothing, for members that are played: who plays fair signs with its own key only.

@testable import GrapevineCore

/// Signs with a keyed hash. Whoever can verify could sign too; a played authority does not.
struct PlayedAuthority: FactAuthority {
  let publicKey: [UInt8]

  init(_ number: UInt64) {
    publicKey = (0..<SignedFact.keyLength).map { UInt8(truncatingIfNeeded: number &* 31 &+ UInt64($0)) }
  }

  func sign(_ fact: [UInt8]) -> [UInt8]? { Self.signature(of: fact, by: publicKey) }

  func verifies(_ signature: [UInt8], of fact: [UInt8], by publicKey: [UInt8]) -> Bool {
    signature == Self.signature(of: fact, by: publicKey)
  }

  private static func signature(of fact: [UInt8], by key: [UInt8]) -> [UInt8] {
    (0..<8).flatMap { part -> [UInt8] in
      var hash = SipHash(key: SecretKey(first: 0x7369_676e, second: UInt64(part)))
      for byte in key + fact { hash.add(UInt64(byte)) }
      let value = hash.finish()
      return (0..<8).map { UInt8(truncatingIfNeeded: value >> (UInt64($0) * 8)) }
    }
  }
}

/// A fact as it travels.
enum PlayedFact {
  /// SIGNED-ALIVE of a record with the key and the signature of somebody; a signature of nobody without.
  static func alive(_ record: AliveRecord, key: [UInt8], by signer: PlayedAuthority?, cluster: String = "")
    -> [UInt8]
  {
    let fields = Array(written { record.write(to: &$0) }.dropFirst())
    return [MessageKind.signedAlive] + fields + key
      + signature(MessageKind.signedAlive, record.id, fields, signer, cluster)
  }

  /// SIGNED-LEFT of a member.
  static func left(
    _ id: UInt64, _ incarnation: UInt32, run: UInt64, by signer: PlayedAuthority?, cluster: String = ""
  ) -> [UInt8] {
    let fields = written { SignedLeft(incarnation: incarnation, run: run).write(to: &$0) }
    return written {
      $0.write(MessageKind.signedLeft)
      $0.write(id)
    } + fields + signature(MessageKind.signedLeft, id, fields, signer, cluster)
  }

  private static func signature(
    _ kind: UInt8, _ id: UInt64, _ fields: [UInt8], _ signer: PlayedAuthority?, _ cluster: String
  ) -> [UInt8] {
    let fact = fields.withUnsafeBytes {
      FactBytes.fact(kind, cluster: Neighbourhood.openKey(clusterName: cluster), id: id, fields: $0)
    }
    return signer?.sign(fact) ?? [UInt8](repeating: 7, count: SignedFact.signatureLength)
  }
}
