import CSodium
import Foundation
import GrapevineCore

@testable import GrapevineSecurity

/// The key of 32 bytes that count up from `first`.
func clusterKey(_ first: UInt8) throws -> ClusterKey {
  let bytes = (0..<ClusterKey.length).map { first &+ UInt8($0) }
  return try ClusterKey(bytes: bytes.span.bytes)
}

func keyID(_ first: UInt8) throws -> KeyID {
  let key = try clusterKey(first)
  return key.id
}

/// A keyring of such keys, of which the first one seals.
func keyring(_ firsts: UInt8...) throws -> Keyring {
  var keyring = try Keyring()
  for first in firsts { try keyring.install(clusterKey(first)) }
  return keyring
}

/// A member with arrays for buffers.
final class Member {
  var protection: FrameProtection

  init(_ protection: consuming FrameProtection) { self.protection = protection }

  /// A member of a given identity and counter.
  convenience init(
    keys: consuming Keyring, policy: PlaintextPolicy = .sealedOnly, senders: Int = 64, sender: UInt64,
    counter: UInt64 = 0
  ) throws {
    try self.init(
      FrameProtection(
        keyring: keys, policy: policy, senders: senders, sender: MemberID(sender), counter: counter))
  }

  func seal(_ payload: [UInt8], context: UInt64 = 0) throws -> [UInt8] {
    let frame = UnsafeMutableRawBufferPointer.allocate(
      byteCount: payload.count + SealedFrame.overhead, alignment: 1)
    defer { frame.deallocate() }
    let source = UnsafeMutableRawBufferPointer.allocate(byteCount: payload.count, alignment: 1)
    defer { source.deallocate() }
    source.copyBytes(from: payload)
    let length = try protection.seal(UnsafeRawBufferPointer(source), into: frame, context: context)
    return Array(frame[..<length])
  }

  /// What is made of a frame, and its payload if there is one.
  func open(_ frame: [UInt8], context: UInt64 = 0) -> (result: OpenedFrame, payload: [UInt8]?) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: frame.count, alignment: 1)
    defer { buffer.deallocate() }
    buffer.copyBytes(from: frame)
    let result = protection.open(buffer, context: context)
    return switch result {
    case .sealed(let range, _, _): (result, Array(buffer[range]))
    case .plain: (result, Array(buffer))
    case .refused: (result, nil)
    }
  }

  func payload(_ frame: [UInt8], context: UInt64 = 0) -> [UInt8]? { open(frame, context: context).payload }

  func refusal(_ frame: [UInt8], context: UInt64 = 0) -> FrameRefusal? {
    if case .refused(let reason) = open(frame, context: context).result { reason } else { nil }
  }
}

/// A directory that is removed with its last holder.
final class SecretDirectory {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.path + "/grapevine-security-" + UUID().uuidString
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func remove() throws { try FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { path + "/" + name }

  @discardableResult
  func write(_ text: String, to name: String, mode: Int = 0o600) throws -> String {
    try Data(text.utf8).write(to: URL(filePath: file(name)))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file(name))
    return file(name)
  }

  func text(_ name: String) throws -> String { try String(contentsOfFile: file(name), encoding: .utf8) }
}

/// The error of a call that must fail.
func securityError(_ body: () throws -> Void) -> SecurityError? {
  do {
    try body()
    return nil
  } catch { return error as? SecurityError }
}
