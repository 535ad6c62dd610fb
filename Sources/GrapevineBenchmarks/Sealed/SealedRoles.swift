// The parts that processes play when sealing is measured.

enum SealedRoles {
  /// Plays a role; false when the words are not its own.
  static func play(_ role: String, _ words: ArraySlice<String>) async throws -> Bool {
    let words = Array(words)
    switch (role, words.count) {
    case ("role-sealed-member", 2): try await SealedMemberRole.play(words[0], join: words[1])
    case ("role-sealed-target", 2): try await HostileRoles.target(words[0], attacker: words[1])
    case ("role-sealed-honest", 3):
      try await HostileRoles.honest(words[0], attacker: words[1], to: words[2])
    case ("role-sealed-attack", 2):
      guard let rate = Int(words[1]) else { return false }
      try Attacker.play(words[0], rate: rate)
    default: return false
    }
    return true
  }
}
