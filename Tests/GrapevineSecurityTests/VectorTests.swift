import Foundation
import Testing

@testable import GrapevineCore
@testable import GrapevineSecurity

/// The examples of `Docs/security.md`, by name, and the text of its example of a key file.
private let documented: (vectors: [String: String], keyFile: String) = {
  let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  let text = (try? String(contentsOf: root.appending(path: "Docs/security.md"), encoding: .utf8)) ?? ""
  var vectors: [String: String] = [:]
  var keyFile = ""
  var block = ""
  for line in text.split(separator: "\n") {
    if line.hasPrefix("```") {
      block = block.isEmpty ? String(line.dropFirst(3)) : ""
    } else if block == "vectors", let colon = line.firstIndex(of: ":") {
      vectors[String(line[..<colon])] = String(line[line.index(after: colon)...].drop { $0 == " " })
    } else if block == "keys" {
      keyFile += line + "\n"
    }
  }
  return (vectors, keyFile)
}()

@Suite("What the document shows is what is sent", .timeLimit(.minutes(5)))
struct SecurityVectorTests {
  private func documentedBytes(_ name: String) throws -> [UInt8] {
    let digits = try #require(documented.vectors[name])
    return try #require(Hexadecimal.bytes(digits, count: digits.utf8.count / 2))
  }

  @Test("keys are called and derived as documented")
  func keys() throws {
    for (first, name) in [(UInt8(0), "first"), (32, "second")] {
      let keys = try keyring(first)
      let id = keys.sealing?.description
      #expect(id == documented.vectors["\(name)-key-id"])
      let derived = Array(UnsafeBufferPointer(start: keys.frameKey(at: 0), count: ClusterKey.frameKeyLength))
      #expect(derived == (try documentedBytes("\(name)-frame-key")))
    }
  }

  @Test(
    "frames are sealed and opened as documented",
    arguments: [
      ("empty", 0, 0, 0, ""), ("hello", 0, 1, 0, "hello"),
      ("hello-in-context", 0, 0x1234, 0x1112_1314_1516_1718, "hello"),
      ("hello-second-key", 32, 0xffff_ffff, 0, "hello"),
    ] as [(String, UInt8, UInt64, UInt64, String)])
  func frames(name: String, key: UInt8, counter: UInt64, context: UInt64, payload: String) throws {
    let sender = try Member(keys: keyring(key), sender: 0x0102_0304_0506_0708, counter: counter)
    let frame = try documentedBytes(name)
    #expect(try sender.seal(Array(payload.utf8), context: context) == frame)
    let receiver = try Member(keys: keyring(0, 32), sender: 1)
    #expect(receiver.payload(frame, context: context) == Array(payload.utf8))
  }

  @Test("facts are signed as documented")
  func facts() throws {
    let seed = Array(64..<96 as Range<UInt8>)
    let identity = try MemberIdentity(seed: seed.span.bytes)
    let key = identity.publicKey
    #expect(key.bytes == (try documentedBytes("member")))
    let signature = try identity.sign(Array("name=a".utf8))
    #expect(signature.bytes == (try documentedBytes("signature")))
    #expect(key.verifies(signature, of: Array("name=a".utf8)))
  }

  @Test("what a member says of itself is signed as documented")
  func membership() throws {
    let seed = Array(64..<96 as Range<UInt8>)
    let signer = MemberSigner(try MemberIdentity(seed: seed.span.bytes))
    for name in ["alive", "left"] {
      let fact = try documentedBytes("\(name)-fact")
      let message = try documentedBytes("signed-\(name)")
      let signature = Array(message.suffix(SignedFact.signatureLength))
      #expect(signer.sign(fact) == signature)
      #expect(signer.verifies(signature, of: fact, by: signer.publicKey))
      #expect(!signer.verifies(signature, of: fact.dropLast(), by: signer.publicKey))
      #expect(!signer.verifies(signature.dropLast(), of: fact, by: signer.publicKey))
      #expect(!signer.verifies(signature, of: fact, by: []))
      // The fact's kind, the cluster and the member, then the fields as they travel.
      let kind = name == "alive" ? MessageKind.signedAlive : MessageKind.signedLeft
      let fields = Array(fact.dropFirst(FactBytes.header))
      let made = fields.withUnsafeBytes {
        FactBytes.fact(
          kind, cluster: Neighbourhood.openKey(clusterName: ""), id: StableID(name: "alpha").value, fields: $0
        )
      }
      #expect(made == fact)
      let between = name == "alive" ? fields + signer.publicKey : Array(fact[9..<17]) + fields
      #expect(message == [kind] + between + signature)
    }
  }

  @Test("the documented key file is one")
  func keyFile() throws {
    let directory = try SecretDirectory()
    let keys = try KeyFile.read(try directory.write(documented.keyFile, to: "keys"))
    let (ids, sealing) = (keys.ids, keys.sealing)
    #expect(ids.count == 2)
    #expect(sealing == (try keyID(32)))
  }
}
