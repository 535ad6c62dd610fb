// The file of a cluster's keys.
//
//   grapevine-keyring 1
//   seal 0f1e2d3c 000102...1f     the key that seals, by name and in 64 hexadecimal digits
//   open 4b5a6978 202122...3f     any other key
//
// Empty lines and lines that begin with # say nothing.

/// Reads and writes keyrings.
///
/// A file of keys must be a file and no symbolic link, belong to the user that runs the program, and have mode 0600 or
/// less. Keep it in a directory in which nobody else can write.
public enum KeyFile {
  private static let title = "grapevine-keyring"

  /// Reads a keyring.
  ///
  /// - Throws: `fileMissing`, `fileNotPrivate`, `fileSystem`, or `fileContent` with the number of the line.
  public static func read(_ path: String) throws(SecurityError) -> Keyring {
    var text = try SecretFile(path: path).read()
    guard text.nextLine(), text.word() == title, text.word() == "1", text.isLineOver else {
      throw SecurityError(
        .fileContent, "\(path) is no file of keys that this program knows: it must begin with '\(title) 1'")
    }
    var keyring = try Keyring()
    var sealing: KeyID?
    while text.nextLine() {
      let line = text.line
      func fault(_ what: String) -> SecurityError {
        SecurityError(.fileContent, "\(path), line \(line): \(what)")
      }
      let word = text.word()
      guard word == "seal" || word == "open" else {
        throw fault("a key begins with 'seal' or 'open', then come its name and its digits")
      }
      guard let name = KeyID(text.word()) else { throw fault("a key's name has 8 hexadecimal digits") }
      guard let secret = try text.secret(), text.isLineOver else {
        throw fault("the key \(name) must have 64 hexadecimal digits and nothing behind them")
      }
      let key = try ClusterKey(bytes: UnsafeRawBufferPointer(secret.bytes).bytes)
      guard key.id == name else {
        throw fault("the key is called \(key.id) and not \(name): its digits or its name are mistyped")
      }
      guard !keyring.ids.contains(name) else { throw fault("the key \(name) is there twice: keep one line") }
      if word == "seal" {
        if let sealing { throw fault("\(sealing) seals already: begin this line with 'open'") }
        sealing = name
      }
      try keyring.install(key)
    }
    guard let sealing else {
      throw SecurityError(.fileContent, "no key in \(path) seals: begin one line with 'seal'")
    }
    try keyring.use(sealing)
    return keyring
  }

  /// Puts a keyring in place of the file, in one step and for the owner alone.
  ///
  /// - Throws: `noSealingKey` for an empty keyring, `fileMissing` without its directory, `fileNotPrivate`, `fileSystem`.
  public static func write(_ keyring: borrowing Keyring, to path: String) throws(SecurityError) {
    try SecretFile(path: path).write(text(of: keyring, for: path), replacing: true)
  }

  /// Puts a keyring into a file that is not there yet.
  ///
  /// - Throws: As `write`, and `fileSystem` when there is one.
  public static func create(_ keyring: borrowing Keyring, at path: String) throws(SecurityError) {
    try SecretFile(path: path).write(text(of: keyring, for: path), replacing: false)
  }

  private static func text(
    of keyring: borrowing Keyring, for path: String
  ) throws(SecurityError) -> SecretText {
    guard let sealing = keyring.sealing else {
      throw SecurityError(.noSealingKey, "an empty keyring is not written to \(path): install a key first")
    }
    var text = try SecretText()
    text.append("# Whoever can read this file can join the cluster and read along.\n\(title) 1\n")
    for slot in 0..<Keyring.capacity {
      guard let id = keyring.id(at: slot) else { continue }
      text.append("\(id == sealing ? "seal" : "open") \(id) ")
      text.append(digitsOf: keyring.clusterKey(at: slot))
      text.append("\n")
    }
    return text
  }
}
