// What travels over a stream: one greeting, then frames. `Docs/wire.md` shows the bytes.

import GrapevineCore

/// Sizes and marks of frames.
enum StreamFrame {
  /// Bytes in front of each datagram: its length.
  static let header = 2
  /// The longest datagram, as of every transport.
  static let longest = TransportLimits.datagramBytes
  /// In place of a length: what the sender of this mark gets of the receiver's UDP.
  static let unheard: UInt16 = 0xff00
  static let heard: UInt16 = 0xff01
}

/// What each side says first: that it speaks this protocol, where it listens, and which run of a node it is.
struct StreamHello: Equatable {
  /// The port at which the sender listens; its address is the one that the network shows.
  var port: UInt16
  /// Chosen at random for each transport.
  var run: UInt64

  static let byteCount = 16
  /// "GVST".
  private static let magic: UInt32 = 0x4756_5354
  private static let version: UInt8 = 1

  init(port: UInt16, run: UInt64) {
    self.port = port
    self.run = run
  }

  /// Reads a greeting; nil when it is none of this version.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= Self.byteCount,
      UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)) == Self.magic, bytes[4] == Self.version
    else { return nil }
    port = UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 6, as: UInt16.self))
    run = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    guard port != 0 else { return nil }
  }

  /// Writes the greeting to 16 bytes.
  func write(to bytes: UnsafeMutableRawBufferPointer) {
    bytes.storeBytes(of: Self.magic.bigEndian, as: UInt32.self)
    bytes[4] = Self.version
    bytes[5] = 0
    bytes.storeBytes(of: port.bigEndian, toByteOffset: 6, as: UInt16.self)
    bytes.storeBytes(of: run.bigEndian, toByteOffset: 8, as: UInt64.self)
  }
}
