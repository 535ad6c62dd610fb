// A libFuzzer target: everything that a peer of Pittacus reads from a datagram.
//
// An input is cut into datagrams by a length before each; time passes between them. It is compiled together with the
// sources of GrapevineCore, GrapevineDialect and Pittacus, as one module: see `make fuzz`.

/// A small peer, to which one input after the other is fed.
private final class Target {
  private var engine: PittacusEngine
  private var effects = DialectEffects(datagrams: 16, datagramLimit: 512)
  private var now = Instant(nanoseconds: 1_000_000_000)
  private(set) var inputs = 0

  init() {
    var configuration = PittacusConfiguration()
    (configuration.originators, configuration.window, configuration.members) = (20, 64, 8)
    (configuration.logMessages, configuration.logBytes, configuration.outputSlots) = (16, 2_048, 64)
    do throws(DialectError) {
      engine = try PittacusEngine(
        configuration: configuration, address: Endpoint(ipv4: 0x7f00_0001, port: 65_000), uid: 0x6b01_ac44,
        seed: 1)
      try engine.join([], now: now)
    } catch {
      preconditionFailure("the harness does not work")
    }
  }

  func take(_ input: UnsafeRawBufferPointer) {
    inputs += 1
    var rest = input
    while rest.count > 2 {
      let length = min(rest.count - 2, Int(rest[0]) << 1)
      let source = Endpoint(ipv4: 0x7f00_0001, port: 40_000 + UInt16(rest[1] & 15))
      let datagram = UnsafeRawBufferPointer(rebasing: rest[2..<2 + length])
      check(datagram)
      engine.receive(datagram, from: source, now: now, into: &effects)
      now = now + UInt64(rest[1] >> 4) * 50_000_000
      rest = UnsafeRawBufferPointer(rebasing: rest[(2 + length)...])
      settle()
    }
  }

  /// What was read must be written again as a message that reads the same in length and kind.
  private func check(_ datagram: UnsafeRawBufferPointer) {
    do throws(DecodeError) {
      guard case .status(_, let clock) = try PittacusMessage(decoding: datagram) else { return }
      precondition(clock.count <= PittacusWire.statusLimit, "too many records")
      for index in 0..<clock.count { _ = clock[index] }
    } catch {
      return
    }
  }

  private func settle() {
    for _ in 0..<100 {
      engine.advance(now: now, into: &effects)
      for index in 0..<effects.datagrams.count {
        let record = effects.datagrams.record(index)
        precondition(record.length <= 512 && record.destination.isUsable, "a datagram that harms")
        do throws(DecodeError) {
          _ = try PittacusMessage(decoding: effects.datagrams.bytes(index))
        } catch {
          preconditionFailure("a datagram that no peer reads")
        }
      }
      let count = effects.datagrams.count
      effects.datagrams.removeAll()
      effects.deliveries.removeAll()
      if count == 0 { break }
    }
    precondition(engine.memberCount <= 8, "too many members")
    InlineArray<4, UInt8>(repeating: 7).span.withUnsafeBytes { _ = try? engine.broadcast($0, now: now) }
  }
}

private nonisolated(unsafe) var target: Target?

/// Called by libFuzzer with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let current = target.flatMap { $0.inputs < 1_000 ? $0 : nil } ?? Target()
  target = current
  current.take(UnsafeRawBufferPointer(start: bytes, count: count))
  return 0
}
