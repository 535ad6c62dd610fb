// A member's identity as a node uses it.

import GrapevineCore

/// Signs what a node says of itself, and checks what others say that they signed: `GossipNode.Configuration.signer`.
///
/// One node has it at a time; its public key is what others know the member by, over restarts too.
public final class MemberSigner: FactAuthority {
  private let identity: MemberIdentity

  /// What others know the member by.
  public var memberKey: MemberPublicKey { identity.publicKey }
  /// The bytes of `memberKey`.
  public var publicKey: [UInt8] { identity.publicKey.bytes }

  /// Signs with the given identity.
  public init(_ identity: consuming MemberIdentity) { self.identity = identity }

  /// Signs with the identity in a file; see `IdentityFile`.
  ///
  /// - Throws: `fileMissing`, `fileNotPrivate`, `fileSystem`, or `fileContent`.
  public convenience init(file: String) throws(SecurityError) { self.init(try IdentityFile.read(file)) }

  /// Signs a fact of up to `MemberIdentity.factLimit` bytes; nil for a longer one.
  public func sign(_ fact: [UInt8]) -> [UInt8]? {
    try? identity.sign(fact).bytes
  }

  /// Whether the holder of `publicKey` signed exactly this fact. Any bytes are an input.
  public func verifies(_ signature: [UInt8], of fact: [UInt8], by publicKey: [UInt8]) -> Bool {
    guard let key = MemberPublicKey(bytes: publicKey), let signature = FactSignature(bytes: signature) else {
      return false
    }
    return key.verifies(signature, of: fact)
  }
}
