import Foundation
import GrapevineCore
import Testing

@testable import GrapevineSecurity

@Suite("Key files are for their owner alone", .timeLimit(.minutes(5)))
struct KeyFileTests {
  let directory: SecretDirectory

  init() throws { directory = try SecretDirectory() }

  private func reading(_ name: String) -> SecurityError? {
    securityError { _ = try KeyFile.read(directory.file(name)) }
  }

  private static let key0 =
    "ff78c930 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
  private static let key32 =
    "1fa7bbf0 202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"

  @Test("a keyring comes back as it was written, for the owner only")
  func roundTrip() throws {
    var keys = try keyring(0, 32, 64)
    try keys.use(keyID(32))
    try KeyFile.write(keys, to: directory.file("keys"))
    let text = try directory.text("keys")
    #expect(text.contains("\nseal \(Self.key32)\n"))
    #expect(text.contains("\nopen \(Self.key0)\n"))
    let attributes = try FileManager.default.attributesOfItem(atPath: directory.file("keys"))
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    let read = try KeyFile.read(directory.file("keys"))
    let (ids, expected, sealing) = (read.ids, keys.ids, read.sealing)
    #expect(ids == expected)
    #expect(sealing == (try keyID(32)))
    let member = try Member(keys: read, sender: 1)
    let other = try Member(keys: keyring(32), sender: 2)
    #expect(other.payload(try member.seal([5])) == [5])
    // A member's own keyring, after a change.
    try member.protection.retire(keyID(0))
    try member.protection.writeKeys(to: directory.file("keys"))
    #expect(!(try directory.text("keys")).contains(Self.key0))
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["keys"])
  }

  @Test("comments, empty lines, capitals and line ends of other systems are read over")
  func tolerance() throws {
    try directory.write(
      "# keys\r\n\r\ngrapevine-keyring 1\r\n\topen \(Self.key0.uppercased())  \r\n# x\n\nseal \(Self.key32)",
      to: "keys")
    let read = try KeyFile.read(directory.file("keys"))
    let (count, sealing) = (read.ids.count, read.sealing)
    #expect(count == 2)
    #expect(sealing == (try keyID(32)))
  }

  @Test(
    "a file that others may use is refused",
    arguments: [0o640, 0o604, 0o620, 0o602, 0o610, 0o700, 0o4600, 0o644])
  func modes(mode: Int) throws {
    try directory.write("grapevine-keyring 1\nseal \(Self.key0)\n", to: "keys", mode: mode)
    let error = reading("keys")
    #expect(error?.reason == .fileNotPrivate)
    #expect(error?.description.contains("chmod 600") == true)
  }

  @Test("a stricter file is read", arguments: [0o600, 0o400])
  func strictModes(mode: Int) throws {
    try directory.write("grapevine-keyring 1\nseal \(Self.key0)\n", to: "keys", mode: mode)
    #expect(reading("keys") == nil)
  }

  @Test("links, directories, pipes and missing files are refused with a way out")
  func kinds() throws {
    try directory.write("grapevine-keyring 1\nseal \(Self.key0)\n", to: "keys")
    try FileManager.default.createSymbolicLink(
      atPath: directory.file("link"), withDestinationPath: directory.file("keys"))
    #expect(reading("link")?.reason == .fileNotPrivate)
    #expect(reading("link")?.description.contains("symbolic link") == true)
    #expect(reading("missing")?.reason == .fileMissing)
    #expect(securityError { _ = try KeyFile.read("") }?.reason == .fileMissing)
    mkfifo(directory.file("pipe"), 0o600)
    #expect(reading("pipe")?.reason == .fileNotPrivate)
    #expect(reading(".")?.reason == .fileNotPrivate)
    let keys = try keyring(0)
    for name in ["link", "pipe", "."] {
      #expect(writing(keys, to: directory.file(name))?.reason == .fileNotPrivate, "\(name)")
    }
    #expect(writing(keys, to: directory.file("none/keys"))?.reason == .fileMissing)
    #expect(try directory.text("keys").contains(Self.key0))
  }

  private func writing(_ keys: borrowing Keyring, to path: String) -> SecurityError? {
    do {
      try KeyFile.write(keys, to: path)
      return nil
    } catch { return error }
  }

  @Test("a file of another user is refused", .enabled(if: geteuid() == 0, "only root can give files away"))
  func owner() throws {
    try directory.write("grapevine-keyring 1\nseal \(Self.key0)\n", to: "keys")
    #expect(chown(directory.file("keys"), 65_534, 65_534) == 0)
    let error = reading("keys")
    #expect(error?.reason == .fileNotPrivate)
    #expect(error?.description.contains("65534") == true)
  }

  @Test("what a stopped program left behind does not stay")
  func leftover() throws {
    try directory.write("half a key", to: "keys.new", mode: 0o644)
    try KeyFile.write(try keyring(0), to: directory.file("keys"))
    #expect(reading("keys") == nil)
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["keys"])
  }

  @Test(
    "a faulty line is named, and its digits are not",
    arguments: [
      ("", "must begin with"), ("grapevine-keyring 2\n", "must begin with"), ("seal \(key0)\n", "must begin"),
      ("grapevine-keyring 1\n", "no key"), ("grapevine-keyring 1\nopen \(key0)\n", "no key"),
      ("grapevine-keyring 1\nkey \(key0)\n", "line 2"), ("grapevine-keyring 1\nseal\n", "line 2"),
      ("grapevine-keyring 1\n\n#\nseal ff78c930\n", "line 4"),
      ("grapevine-keyring 1\nseal \(key0)00\n", "line 2"),
      ("grapevine-keyring 1\nseal \(key0) x\n", "line 2"),
      ("grapevine-keyring 1\nseal \(key0.dropLast())g\n", "line 2"),
      ("grapevine-keyring 1\nseal \(key0.dropLast())0\n", "mistyped"),
      ("grapevine-keyring 1\nseal \(key0)\nopen \(key0)\n", "line 3"),
      ("grapevine-keyring 1\nseal \(key0)\nseal \(key32)\n", "line 3"),
      ("grapevine-keyring 1\nseal 00000000 \(String(repeating: "0", count: 64))\n", "zeros"),
      (String(repeating: "#", count: 9_000), "8192 bytes"), ("\u{0}\u{ff}\n", "must begin with"),
    ])
  func content(text: String, expected: String) throws {
    try directory.write(text, to: "keys")
    let error = reading("keys")
    #expect(error?.reason == .fileContent || error?.reason == .badKey)
    #expect(error?.description.contains(expected) == true, "\(error?.description ?? "no error")")
    #expect(error?.description.contains("1112131415") == false)
  }

  @Test("any bytes are read as keys or refused")
  func anything() throws {
    var generator = Generator(seed: 8)
    let valid = Array("grapevine-keyring 1\nseal \(Self.key0)\nopen \(Self.key32)\n".utf8)
    for _ in 0..<300 {
      var bytes = valid
      for _ in 0...(generator.next() % 3) {
        bytes[Int(generator.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: generator.next())
      }
      bytes = Array(bytes.prefix(Int(generator.next() % UInt64(bytes.count * 2))))
      try Data(bytes).write(to: URL(filePath: directory.file("keys")))
      chmod(directory.file("keys"), 0o600)
      if let error = reading("keys") { #expect(error.description.contains("1112131415") == false) }
    }
  }

  @Test("an identity lasts over restarts, and its file has the same rules")
  func identity() throws {
    let identity = try MemberIdentity.generate()
    let path = directory.file("identity")
    try IdentityFile.write(identity, to: path)
    let again = try IdentityFile.read(path)
    let (key, keyAgain) = (identity.publicKey, again.publicKey)
    #expect(key == keyAgain)
    #expect(key.verifies(try again.sign([1, 2]), of: [1, 2]))
    #expect(try directory.text("identity").contains("member \(key)\n"))
    chmod(path, 0o644)
    #expect(securityError { _ = try IdentityFile.read(path) }?.reason == .fileNotPrivate)
    let digits = String(repeating: "1", count: 64)
    for text in [
      "", "grapevine-identity 1\n", "grapevine-identity 1\nmember \(key)\n",
      "grapevine-identity 1\nmember \(key)\nseed \(digits)\n",
      "grapevine-keyring 1\nmember \(key)\nseed \(digits)\n",
      try directory.text("identity") + "seed \(digits)\n",
    ] {
      try directory.write(text, to: "faulty")
      let error = securityError { _ = try IdentityFile.read(directory.file("faulty")) }
      #expect(error?.reason == .fileContent)
    }
  }
}
