import GrapevineCore
import Testing

@testable import GrapevineSecurity

@Suite("A member's facts are its own", .timeLimit(.minutes(5)))
struct IdentityTests {
  @Test("a signed fact is verified, and no other fact, signature or key")
  func facts() throws {
    let identity = try MemberIdentity.generate()
    let key = identity.publicKey
    let fact = Array("name=a incarnation=7".utf8)
    let signature = try identity.sign(fact)
    #expect(key.verifies(signature, of: fact))
    for bit in 0..<(fact.count * 8) {
      var other = fact
      other[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(!key.verifies(signature, of: other))
    }
    for bit in stride(from: 0, to: 512, by: 7) {
      var bytes = signature.bytes
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(!key.verifies(try #require(FactSignature(bytes: bytes)), of: fact))
    }
    let stranger = try MemberIdentity.generate()
    let strangerKey = stranger.publicKey
    #expect(!strangerKey.verifies(signature, of: fact))
    #expect(!key.verifies(signature, of: []))
    #expect(!key.verifies(signature, of: Array(fact.dropLast())))
  }

  @Test("keys of weak points verify nothing")
  func weakKeys() throws {
    let zeros = try #require(FactSignature(bytes: [UInt8](repeating: 0, count: 64)))
    for first: UInt8 in [0, 1] {
      let bytes = [first] + [UInt8](repeating: 0, count: 31)
      #expect(!(try #require(MemberPublicKey(bytes: bytes))).verifies(zeros, of: [1]))
    }
  }

  @Test("facts have a greatest length, keys and signatures one only")
  func lengths() throws {
    let identity = try MemberIdentity.generate()
    let key = identity.publicKey
    let longest = [UInt8](repeating: 1, count: MemberIdentity.factLimit)
    let signature = try identity.sign(longest)
    #expect(key.verifies(signature, of: longest))
    #expect(!key.verifies(signature, of: longest + [1]))
    let reason = reasonOfSigning(longest + [1], with: identity)
    #expect(reason == .factTooLong)
    #expect(MemberPublicKey(bytes: [1]) == nil)
    #expect(FactSignature(bytes: [1]) == nil)
    #expect(MemberPublicKey(key.description) == key)
    #expect(MemberPublicKey("zz") == nil)
  }

  private func reasonOfSigning(
    _ fact: [UInt8], with identity: borrowing MemberIdentity
  ) -> SecurityError.Reason? {
    do {
      _ = try identity.sign(fact)
      return nil
    } catch { return error.reason }
  }
}
