// How a cluster gets from plain to sealed frames, and back.

/// What a member sends, and what it accepts.
///
/// The cases are the steps in which a running cluster moves from plain to sealed frames. Members at neighbouring steps
/// understand each other, so take every member one step before the first takes the next. As long as plain frames are
/// accepted, sealing protects nothing from those who can send.
public enum PlaintextPolicy: Int, Sendable, CaseIterable {
  /// Sends plain frames and requires them.
  case plainOnly
  /// Sends plain frames and accepts both.
  case sendPlain
  /// Sends sealed frames and accepts both.
  case sendSealed
  /// Sends sealed frames and refuses plain ones.
  case sealedOnly

  /// What people call it: `require-plain`, `send-plain`, `send-sealed`, `require-sealed`.
  public var name: String {
    switch self {
    case .plainOnly: "require-plain"
    case .sendPlain: "send-plain"
    case .sendSealed: "send-sealed"
    case .sealedOnly: "require-sealed"
    }
  }

  /// The policy of a name; nil for any other text.
  public init?(name: String) {
    guard let policy = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = policy
  }

  /// Whether frames are to be sealed before they are sent.
  public var seals: Bool { self == .sendSealed || self == .sealedOnly }
  /// Whether sealed frames are accepted.
  public var acceptsSealed: Bool { self != .plainOnly }
  /// Whether plain frames are accepted.
  public var acceptsPlain: Bool { self != .sealedOnly }
}
