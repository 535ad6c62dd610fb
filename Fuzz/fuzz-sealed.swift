// A libFuzzer target: everything that a sealed node reads from a datagram before it knows who sent it.
//
// The first byte of an input chooses what the rest is: a frame as it stands; a frame whose header names a real key and
// a real sender; or a mask that is laid over a frame that a member sealed, from its end, so that what lies behind every
// check is reached. What was changed must never open, what was not must open once.
//
// It is compiled together with the sources of GrapevineCore and GrapevineSecurity, as one module: see `make fuzz`.

/// A receiver with two keys of the same cluster, and a sender, to which one input after the other is fed.
private final class Target {
  /// Inputs after which a new one is made, so that a failure can be repeated from few inputs.
  static let inputsPerTarget = 5_000

  private var sender: FrameProtection
  private var receiver: FrameProtection
  private var inputs = 0
  private var genuine: UInt64 = 0
  private let frame = UnsafeMutableRawBufferPointer.allocate(byteCount: 4_096, alignment: 16)
  private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 4_096, alignment: 16)
  private let payload = UnsafeMutableRawBufferPointer.allocate(byteCount: 2_048, alignment: 16)

  init() {
    do throws(SecurityError) {
      sender = try FrameProtection(keyring: Self.keyring(0), policy: .sealedOnly, senders: 8)
      receiver = try FrameProtection(keyring: Self.keyring(32, 0), policy: .sealedOnly, senders: 8)
    } catch {
      preconditionFailure("\(error)")
    }
    payload.initializeMemory(as: UInt8.self, repeating: 0x61)
  }

  deinit {
    frame.deallocate()
    output.deallocate()
    payload.deallocate()
  }

  private static func keyring(_ firsts: UInt8...) throws(SecurityError) -> Keyring {
    var keyring = try Keyring()
    for first in firsts {
      let bytes = InlineArray<32, UInt8> { first &+ UInt8($0) }
      try keyring.install(ClusterKey(bytes: bytes.span.bytes))
    }
    return keyring
  }

  var isWorn: Bool { inputs >= Self.inputsPerTarget }

  func take(_ input: UnsafeRawBufferPointer) {
    inputs += 1
    guard let choice = input.first else { return }
    let body = UnsafeRawBufferPointer(rebasing: input.dropFirst())
    switch choice & 3 {
    case 0: strange(body, isNamed: false, inPlace: choice & 4 != 0)
    case 1: strange(body, isNamed: true, inPlace: choice & 4 != 0)
    default: masked(body, length: Int(choice >> 3) * 40, inPlace: choice & 4 != 0)
    }
  }

  /// Bytes that nobody sealed.
  private func strange(_ body: UnsafeRawBufferPointer, isNamed: Bool, inPlace: Bool) {
    guard body.count <= frame.count else { return }
    frame.copyMemory(from: body)
    if isNamed, body.count >= 10, let key = sender.sealingKey {
      frame[0] = 0xb0 | body[0] & 3
      frame[1] = UInt8(truncatingIfNeeded: key.value >> 24)
      if body[0] & 4 != 0 {
        frame.storeBytes(of: sender.sender.value.bigEndian, toByteOffset: 2, as: UInt64.self)
      }
    }
    precondition(!open(body.count, inPlace), "what nobody sealed was opened")
  }

  /// A frame of a member, changed where the mask is not 0.
  private func masked(_ mask: UnsafeRawBufferPointer, length: Int, inPlace: Bool) {
    let count: Int
    do throws(SecurityError) {
      count = try sender.seal(UnsafeRawBufferPointer(rebasing: payload[..<length]), into: frame)
    } catch {
      preconditionFailure("\(error)")
    }
    var isChanged = false
    for (index, byte) in mask.enumerated() where index < count && byte != 0 {
      frame[count - 1 - index] ^= byte
      isChanged = true
    }
    let isOpened = open(count, inPlace)
    precondition(isOpened != isChanged, "a changed frame was opened, or one that was not was refused")
    guard isOpened else { return }
    genuine += 1
    guard !inPlace else { return }
    precondition(!open(count, false), "a frame was opened twice")
  }

  /// Whether the frame at hand is opened; checks where the payload is said to lie.
  private func open(_ count: Int, _ inPlace: Bool) -> Bool {
    let bytes = UnsafeMutableRawBufferPointer(rebasing: frame[..<count])
    let before = receiver.counters
    let opened =
      inPlace ? receiver.open(bytes) : receiver.open(UnsafeRawBufferPointer(bytes), into: output)
    precondition(receiver.senders <= 1, "a stranger is remembered")
    switch opened {
    case .sealed(let range, let who, _):
      precondition(range.lowerBound >= 11 && range.upperBound == count - 16, "the payload lies elsewhere")
      precondition(who == sender.sender, "another one has sealed it")
      let text = inPlace ? bytes[range] : output[range]
      precondition(text.allSatisfy { $0 == 0x61 }, "the payload is another one")
      return true
    case .plain:
      preconditionFailure("a plain frame was accepted")
    case .refused(let reason):
      precondition(
        receiver.counters.refused(reason) == before.refused(reason) + 1, "a refusal does not count")
      return false
    }
  }
}

private nonisolated(unsafe) var target: Target?

/// Called by libFuzzer with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let current = target.flatMap { $0.isWorn ? nil : $0 } ?? Target()
  target = current
  current.take(UnsafeRawBufferPointer(start: bytes, count: count))
  return 0
}
