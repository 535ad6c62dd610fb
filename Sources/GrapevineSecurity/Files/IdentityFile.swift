// The file of a member's identity.
//
//   grapevine-identity 1
//   member d75a98...               the public key, for people to look up
//   seed 9d61b1...                 what the key pair follows from

/// Reads and writes identities, with the rules of `KeyFile` for who may own and read the file.
public enum IdentityFile {
  private static let title = "grapevine-identity"

  /// Reads an identity.
  ///
  /// - Throws: `fileMissing`, `fileNotPrivate`, `fileSystem`, or `fileContent`.
  public static func read(_ path: String) throws(SecurityError) -> MemberIdentity {
    var text = try SecretFile(path: path).read()
    guard text.nextLine(), text.word() == title, text.word() == "1", text.isLineOver else {
      throw SecurityError(
        .fileContent, "\(path) is no identity that this program knows: it must begin with '\(title) 1'")
    }
    guard text.nextLine(), text.word() == "member", let member = try text.secret(), text.isLineOver else {
      throw SecurityError(.fileContent, "\(path): the second line must be 'member' and 64 hexadecimal digits")
    }
    guard text.nextLine(), text.word() == "seed", let seed = try text.secret(), text.isLineOver else {
      throw SecurityError(.fileContent, "\(path): the third line must be 'seed' and 64 hexadecimal digits")
    }
    guard !text.nextLine() else {
      throw SecurityError(.fileContent, "\(path), line \(text.line): nothing may follow the seed")
    }
    let identity = try MemberIdentity(seed: UnsafeRawBufferPointer(seed.bytes).bytes)
    guard identity.publicKey.bytes.elementsEqual(member.bytes) else {
      throw SecurityError(
        .fileContent, "\(path): its seed is not that of its member: one of them is mistyped")
    }
    return identity
  }

  /// Puts an identity in place of the file, in one step and for the owner alone.
  ///
  /// - Throws: `fileMissing` without its directory, `fileNotPrivate`, `fileSystem`.
  public static func write(_ identity: borrowing MemberIdentity, to path: String) throws(SecurityError) {
    try SecretFile(path: path).write(text(of: identity), replacing: true)
  }

  /// Puts an identity into a file that is not there yet.
  ///
  /// - Throws: As `write`, and `fileSystem` when there is one.
  public static func create(_ identity: borrowing MemberIdentity, at path: String) throws(SecurityError) {
    try SecretFile(path: path).write(text(of: identity), replacing: false)
  }

  private static func text(of identity: borrowing MemberIdentity) throws(SecurityError) -> SecretText {
    var text = try SecretText()
    text.append("# Whoever can read this file can speak as this member.\n\(title) 1\n")
    text.append("member \(identity.publicKey)\nseed ")
    text.append(digitsOf: identity.seed)
    text.append("\n")
    return text
  }
}
