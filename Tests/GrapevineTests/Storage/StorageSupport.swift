import Foundation
import GrapevineCore

@testable import Grapevine

/// A directory that goes with everything in it when this does.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("grapevine-\(UUID())").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func path(_ name: String) -> String { path + "/" + name }

  func write(_ bytes: [UInt8], to name: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path(name)))
  }

  func read(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path(name))))
  }

  var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
  }

  /// The permissions of a file or directory.
  func mode(_ name: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path(name))[.posixPermissions] as? Int
  }
}

/// A snapshot of `count` members, some with names, of both families.
func storedSnapshot(_ count: Int = 3, incarnation: UInt32 = 7, name: String = "own") -> StoredSnapshot {
  var members: [RememberedMember] = []
  for number in 0..<count {
    let four = Endpoint(ipv4: 0x0a00_0001 + UInt32(number >> 12), port: UInt16(1 + number & 0xfff))
    let six = Endpoint(high: 0xfe80 << 48, low: UInt64(number), scope: 2, port: 7_946)
    members.append(
      RememberedMember(
        run: MemberID(UInt64(1_000 + number)), name: number % 3 == 1 ? "wörld-\(number)" : nil,
        endpoint: number % 2 == 0 ? four : six, incarnation: UInt32(number)))
  }
  return StoredSnapshot(name: name, snapshot: MemberSnapshot(incarnation: incarnation, members: members))
}

/// Makes every creation of a new file in the directory fail, as an obstacle that is no matter of permissions.
struct Obstacle {
  private let path: String

  init(in directory: TemporaryDirectory) throws {
    path = directory.path("members.new")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  func remove() throws { try FileManager.default.removeItem(atPath: path) }
}
