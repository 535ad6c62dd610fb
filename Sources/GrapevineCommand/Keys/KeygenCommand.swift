// `grapevine keygen`: draws a key for a cluster, or an identity for a member.

import GrapevineConsole
import GrapevineSecurity

/// Draws a key or an identity and writes it to a file of its own.
enum KeygenCommand {
  static let table = CommandLineTable(
    name: "keygen",
    summary:
      "Draws a key for a cluster, or an identity for a member, and writes it to a new file, which only its owner can "
      + "read.",
    options: [
      Option(
        name: "--identity", value: .flag,
        help: "Draw the identity of a member, with which it signs what it says of itself")
    ],
    operands: [Operand(name: "FILE", help: "The file, which must not be there yet", isRequired: true)],
    notes: """
      The key is 32 random bytes. Its name, which is printed and is no secret, follows from them. Copy the file to every
      member over a way that nobody else can read, with mode 0600 and the user that runs the agent as its owner; then
      'grapevine agent --keys FILE'. To change the key of a running cluster, draw a new one into another file and see
      'grapevine keys --help'.

      An identity is a key pair (Ed25519) of one member alone: draw it where the member runs, and copy it nowhere. Its
      public key, which is printed, is no secret.
      """,
    exitCodes: [
      (ExitCode.success, "the file was written"),
      (ExitCode.failure, "the file is there already, or cannot be written"),
      (ExitCode.usage, "the command line cannot be understood"),
    ],
    example: """
      grapevine keygen /etc/grapevine/keys
      grapevine keygen --identity /etc/grapevine/identity
      grapevine agent --bind 10.0.0.4:7946 --keys /etc/grapevine/keys --identity /etc/grapevine/identity
      """)

  static func main(_ list: [String]) throws(UsageError) -> Int32 {
    guard let arguments = try table.parse(list) else { return Standard.output(table.help) }
    let path = arguments.operand ?? ""
    do throws(SecurityError) {
      guard !arguments.has("--identity") else {
        let identity = try MemberIdentity.generate()
        try IdentityFile.create(identity, at: path)
        return Standard.output("the identity \(identity.publicKey) is in \(path)\n")
      }
      let key = try ClusterKey.generate()
      let id = key.id
      var keyring = try Keyring()
      try keyring.install(key)
      try KeyFile.create(keyring, at: path)
      return Standard.output("the key \(id) is in \(path)\n")
    } catch {
      Standard.error("grapevine keygen: \(error)\n")
      return ExitCode.failure
    }
  }
}
