// What is known of a member, as applications see it.

/// Which member is meant, over all its runs: a hash of its name, or of its address when it has none.
///
/// A `MemberID` is new with every run of a node; this stays.
public struct StableID: Hashable, Comparable, Sendable, BitwiseCopyable, CustomStringConvertible {
  /// The 64 bits; never 0.
  public let value: UInt64

  init(_ value: UInt64) { self.value = value == 0 ? 1 : value }

  /// The id of the member of the given name.
  public init(name: String) {
    var name = name
    self = name.withUTF8 { StableID(name: UnsafeRawBufferPointer($0)) }
  }

  init(name: UnsafeRawBufferPointer) {
    // The keys are everybody's, since all members must compute the same; tables use keys of their own.
    var hash = SipHash(key: SecretKey(first: 0x6d65_6d62_6572, second: 0x6e61_6d65))
    for byte in name { hash.add(UInt64(byte)) }
    self.init(hash.finish())
  }

  /// The id of a member without a name, at the given address.
  public init(address: Endpoint) {
    var hash = SipHash(key: SecretKey(first: 0x6d65_6d62_6572, second: 0x6164_6472))
    hash.add(address.high)
    hash.add(address.low)
    hash.add(UInt64(address.port))
    self.init(hash.finish())
  }

  /// An order without meaning, the same everywhere.
  public static func < (left: StableID, right: StableID) -> Bool { left.value < right.value }

  /// Sixteen hexadecimal digits.
  public var description: String { MemberID(value).description }
}

/// What is thought of a member.
public enum MemberStatus: UInt8, Sendable, CaseIterable {
  /// It answers.
  case alive = 1
  /// It did not answer somebody; it has time to say that it lives.
  case suspect = 2
  /// It is gone without a word. It is remembered, and asked now and then whether it is back.
  case failed = 3
  /// It said goodbye.
  case left = 4
}

/// What became of a member.
public enum MemberChange: UInt8, Sendable, CaseIterable {
  /// It is new, or it is a new run of a member that was known.
  case joined = 1
  /// Somebody got no answer from it.
  case suspected
  /// It is not suspected any more.
  case recovered
  /// It is taken to be gone.
  case failed
  /// It said goodbye.
  case left
  /// Its tags or its address are others than before.
  case updated
  /// It was taken to have failed and lives: the network was split and is whole again.
  case merged
}

/// A member, as this node knows it.
public struct Member: Sendable, Equatable {
  /// Which member it is, over all its runs.
  public var id: StableID
  /// Its present run: the sender of its messages.
  public var run: MemberID
  /// Its name; nil when it has none and its address stands for it.
  public var name: String?
  /// Where it is.
  public var endpoint: Endpoint
  /// How often it has announced itself: it raises this with every change of its own and every refutation.
  public var incarnation: UInt32
  /// The version of the protocol that it speaks.
  public var protocolVersion: UInt8
  /// What it says of itself.
  public var tags: [String: String]
  /// What is thought of it.
  public var status: MemberStatus
  /// Since when, on the clock of this node's driver.
  public var since: Instant

  /// The longest name, in bytes of UTF-8. Chosen here: longer than a DNS label, RFC 1035 §2.3.4.
  public static let nameLimit = 64
  /// The greatest size of all tags together, in bytes: of every key and value, and two for each pair. Chosen
  /// here: a record with it fits into the smallest datagram.
  public static let tagLimit = 256
}

/// How many members there are, by what is thought of them; this node is among the living.
public struct MemberCounts: Sendable, Equatable {
  /// Members that answer.
  public var alive = 0
  /// Members that somebody got no answer from.
  public var suspect = 0
  /// Members that are gone without a word and remembered.
  public var failed = 0
  /// Members that said goodbye and are remembered.
  public var left = 0

  /// Creates counts of nothing.
  public init() {}
}

/// Tags or a name that no member may have.
public struct MemberDataError: Error, Equatable, CustomStringConvertible {
  /// What was found, what is allowed.
  public let description: String
}
