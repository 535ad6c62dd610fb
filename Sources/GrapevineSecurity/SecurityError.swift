// What can go wrong with keys, their files and sealed frames, in words that say what to do.

/// Why something about keys, their files or sealing failed. It never holds key material.
public struct SecurityError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The kinds of reasons.
  public enum Reason: Sendable, Hashable {
    /// libsodium could not be started.
    case library
    /// No memory for secrets.
    case memory
    /// Bytes or text that are no key, or a key that is too easy to guess.
    case badKey
    /// The keyring holds as many keys as it can.
    case keyringFull
    /// The keyring has no such key.
    case unknownKey
    /// The key seals, so it cannot be retired yet.
    case keyInUse
    /// The key was retired in this run, so it cannot come back.
    case keyRetired
    /// There is no key to seal with.
    case noSealingKey
    /// The buffer is too short for the frame, or overlaps the payload.
    case buffer
    /// As many frames were sealed as one run may seal.
    case exhausted
    /// A fact is too long to be signed.
    case factTooLong
    /// The file is missing.
    case fileMissing
    /// The file, its owner or its permissions are not what secrets need.
    case fileNotPrivate
    /// What the file holds cannot be understood.
    case fileContent
    /// The system refused to read or write the file.
    case fileSystem
  }

  /// The kind of reason.
  public var reason: Reason
  /// One sentence that says what was got and the way out.
  public var description: String

  /// Creates an error.
  public init(_ reason: Reason, _ description: String) {
    self.reason = reason
    self.description = description
  }
}
