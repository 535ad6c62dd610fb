// The tuples that are measured with.

import Grapevine
import GrapevineCore

/// Tuples of 44 bytes, of which each number has its own.
enum TupleSample {
  /// Bytes of a key, and of a value.
  static let keyLength = 12
  static let valueLength = 32

  /// The key of a number, 12 bytes.
  static func key(_ number: Int) -> [UInt8] {
    var key = Array("key/".utf8)
    key.reserveCapacity(keyLength)
    for shift in stride(from: 56, through: 0, by: -8) {
      key.append(UInt8(truncatingIfNeeded: number >> shift))
    }
    return key
  }

  /// The value of a number, 32 bytes.
  static func value(_ number: Int) -> [UInt8] {
    var value = [UInt8](repeating: 0x61, count: valueLength)
    value.withUnsafeMutableBytes { $0.storeBytes(of: UInt64(truncatingIfNeeded: number), as: UInt64.self) }
    return value
  }
}
