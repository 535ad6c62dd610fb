// Files to keep tuples in, and tuples to keep.

import Foundation
import GrapevineCore
import Testing

@testable import GrapevineStore

/// A directory that goes with the test.
final class StoreDirectory {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.path + "/gv-store-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of the store.
  var store: String { path + "/tuples" }

  func bytes(_ name: String = "tuples") throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: path + "/" + name)))
  }

  func write(_ bytes: [UInt8], _ name: String = "tuples") throws {
    try Data(bytes).write(to: URL(filePath: path + "/" + name))
  }

  /// The names of its files, in order.
  var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? [] }
}

/// A record with everything a record has.
func record(
  _ key: [UInt8], _ value: [UInt8] = [1, 2, 3], clock: UInt64 = 7, expiresAt: UInt64? = nil,
  isEphemeral: Bool = false, isTombstone: Bool = false
) -> StoredTuple {
  StoredTuple(
    Tuple(
      key: key, value: value,
      version: TupleVersion(clock: TupleClock(bits: clock), writer: MemberID(.max - 3)), expiresAt: expiresAt,
      isEphemeral: isEphemeral),
    isTombstone: isTombstone)
}

func records(_ count: Int, value: Int = 40) -> [StoredTuple] {
  (0..<count).map { record(Array("key/\($0)".utf8), [UInt8](repeating: UInt8($0 & 255), count: value)) }
}

extension [StoredTuple] {
  /// The records by key.
  var sorted: [StoredTuple] { sorted { $0.tuple.key.lexicographicallyPrecedes($1.tuple.key) } }
}

extension TupleClock {
  static let zero = TupleClock(bits: 0)
}
