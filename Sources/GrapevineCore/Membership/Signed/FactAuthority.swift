// Who signs what a member says of itself, and who checks what others say.
//
// The core links no cryptography. It hands out facts to sign and to check, and takes the answers: what stands
// between is the driver's.

/// A member's key pair, and the means to check the signatures of others: `MemberSigner` of `GrapevineSecurity` for
/// one.
///
/// An authority answers from any thread, and the same for the same bytes.
public protocol FactAuthority: Sendable {
  /// What others know the member by: `SignedFact.keyLength` bytes.
  var publicKey: [UInt8] { get }

  /// Signs a fact with the member's own key.
  ///
  /// - Returns: `SignedFact.signatureLength` bytes; nil when that cannot be done.
  func sign(_ fact: [UInt8]) -> [UInt8]?

  /// Whether the holder of `publicKey` signed exactly this fact. Any bytes are an input.
  func verifies(_ signature: [UInt8], of fact: [UInt8], by publicKey: [UInt8]) -> Bool
}

/// What somebody says that a member said of itself: to be checked, and given back to the node that handed it out.
public struct SignedFact: Sendable, Equatable {
  /// The bytes of a public key.
  public static let keyLength = 32
  /// The bytes of a signature.
  public static let signatureLength = 64

  /// Who is said to have signed.
  public let publicKey: [UInt8]
  /// The signature.
  public let signature: [UInt8]
  /// What is signed: the kind of the message, a hash of the cluster's name, the id of the member and the fields of the
  /// message.
  public let fact: [UInt8]

  /// The link it came on, if any.
  let slot: Int?
  /// Who pays for it if it is wrong.
  let source: Int
  /// Whether it is out of a neighbour's table, and not news.
  let isContents: Bool
  /// Whether the member said it itself, from its own address.
  let isOwnWord: Bool
}

// For drivers.
extension Node {
  /// What this node says of itself and has not signed yet, which nobody is told until it is; nil when there is nothing
  /// to sign.
  public var factToSign: [UInt8]? { membership.factToSign }

  /// Takes the signature of `factToSign`; one of another length is not taken.
  public mutating func applySignature(_ signature: [UInt8], now: Instant, into effects: inout Effects) {
    membership.applySignature(signature, now: now, counters: &counters, into: &effects)
  }

  /// Takes a fact out of `Effects.facts` whose signature is right.
  public mutating func applyVerified(_ fact: SignedFact, now: Instant, into effects: inout Effects) {
    counters.factsVerified &+= 1
    membership.applyVerified(fact, now: now, counters: &counters, into: &effects)
  }

  /// Counts a fact out of `Effects.facts` whose signature is wrong.
  public mutating func rejectFact(_ fact: SignedFact) { counters.factsRefused &+= 1 }

  /// Signs what is to be signed, and has checked what is to be checked: to be called after every datagram, and before
  /// `flush`. Costs next to nothing when there is neither.
  public mutating func settleFacts(
    with authority: some FactAuthority, now: Instant, into effects: inout Effects
  ) {
    if !effects.facts.isEmpty {
      let facts = effects.facts
      effects.removeFacts()
      for fact in facts {
        if authority.verifies(fact.signature, of: fact.fact, by: fact.publicKey) {
          applyVerified(fact, now: now, into: &effects)
        } else {
          rejectFact(fact)
        }
      }
    }
    if let fact = factToSign, let signature = authority.sign(fact) {
      applySignature(signature, now: now, into: &effects)
    }
  }
}
