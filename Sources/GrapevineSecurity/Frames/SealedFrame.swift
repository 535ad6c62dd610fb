// The envelope of sealed datagrams and stream frames.
//
//   kind(1)  key(1)  sender(8)  counter(1...4)  ciphertext(as long as the payload)  tag(16)
//
// AES-128-OCB (RFC 7253) with the key that `ClusterKey` derives for frames. The nonce of 96 bits is the sender,
// then the counter as 32 bits: nobody else has that identity, which is drawn for each run, and a run uses each counter
// once. So a nonce never repeats under one key, without a second derivation per packet (the form is that of RFC 5116,
// §3.2). What is authenticated beside the payload is the header and then 64 bits of context that do not travel.

import GrapevineCore

/// The layout of sealed frames.
public enum SealedFrame {
  /// The greatest number of bytes by which a frame is longer than its payload.
  public static let overhead = headerMax + tagLength

  /// The first byte without the bits of the counter's length: version 1.
  static let kind: UInt8 = 0xb0
  /// The bits of the first byte that say how many bytes the counter has, minus 1.
  static let lengthMask: UInt8 = 0x03
  /// Kind, key and sender.
  static let fixedHeader = 10
  static let headerMax = fixedHeader + 4
  static let tagLength = 16
  static let nonceLength = 12
  /// Header and context.
  static let associatedMax = headerMax + 8

  /// Whether a frame claims to be a sealed one. None of Grapevine's plain frames does.
  @inline(__always)
  public static func isSealed(firstByte: UInt8) -> Bool { firstByte & ~lengthMask == kind }

  /// The bytes that a counter takes.
  @inline(__always)
  static func counterLength(_ counter: UInt32) -> Int { max(1, 4 - counter.leadingZeroBitCount / 8) }
}

/// What stands before the ciphertext.
struct SealedHeader: Equatable {
  /// The first byte of the key's name.
  var keyHint: UInt8
  var sender: MemberID
  var counter: UInt32

  @inline(__always)
  init(keyHint: UInt8, sender: MemberID, counter: UInt32) {
    self.keyHint = keyHint
    self.sender = sender
    self.counter = counter
  }

  /// Reads the header of a frame that claims to be sealed; nil when it has another form or the frame is too short.
  @inline(__always)
  init?(_ frame: UnsafeRawBufferPointer) {
    guard let kind = frame.first, SealedFrame.isSealed(firstByte: kind) else { return nil }
    let length = Int(kind & SealedFrame.lengthMask) + 1
    guard frame.count >= SealedFrame.fixedHeader + length + SealedFrame.tagLength else { return nil }
    let sender = UInt64(bigEndian: frame.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
    var counter: UInt32 = 0
    for offset in 0..<length { counter = counter << 8 | UInt32(frame[SealedFrame.fixedHeader + offset]) }
    // Every header has one form: no sender is 0, and no counter longer than it needs.
    guard sender != 0, SealedFrame.counterLength(counter) == length else { return nil }
    self.init(keyHint: frame[1], sender: MemberID(sender), counter: counter)
  }

  var length: Int { SealedFrame.fixedHeader + SealedFrame.counterLength(counter) }

  /// Writes the header; the caller has made sure of the room.
  @inline(__always)
  func write(to memory: UnsafeMutableRawPointer) {
    let length = SealedFrame.counterLength(counter)
    memory.storeBytes(of: SealedFrame.kind | UInt8(truncatingIfNeeded: length - 1), as: UInt8.self)
    memory.storeBytes(of: keyHint, toByteOffset: 1, as: UInt8.self)
    memory.storeBytes(of: sender.value.bigEndian, toByteOffset: 2, as: UInt64.self)
    for offset in 0..<length {
      let byte = UInt8(truncatingIfNeeded: counter >> UInt32(8 * (length - 1 - offset)))
      memory.storeBytes(of: byte, toByteOffset: SealedFrame.fixedHeader + offset, as: UInt8.self)
    }
  }
}
