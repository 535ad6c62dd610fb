// A libFuzzer target: everything that peers of other systems read from a datagram.
//
// The first byte of an input chooses the system, the sender and how much time passes before; the rest is cut at
// a byte that marks an end into datagrams of that sender. Whatever can be read must be written and read back to
// the same message, and what engines keep and send must stay within their limits.
//
// It is compiled together with the sources of the core, the engines' shape and the engines, as one module: see
// `make fuzz`.

/// An engine with its effects, to which one input after the other is fed.
private final class DialectPeer<Engine: DialectEngine & ~Copyable> {
  private var engine: Engine
  private var effects = DialectEffects(
    datagrams: 64, deliveries: DialectDeliveries(messages: 32, bytes: 16 << 10))
  private let memberLimit: Int

  /// - Parameter memberLimit: The peers that the engine may know.
  init(_ engine: consuming Engine, memberLimit: Int, now: Instant) {
    self.engine = engine
    self.memberLimit = memberLimit
    do throws(DialectError) {
      try self.engine.join([], now: now)
    } catch {
      preconditionFailure("\(error)")
    }
  }

  func take(_ datagram: UnsafeRawBufferPointer, from source: Endpoint, now: Instant) {
    engine.receive(datagram, from: source, now: now, into: &effects)
    settle(now: now)
  }

  /// Sends a message of its own, as far as it is told to and can.
  func broadcast(_ number: UInt64, now: Instant) {
    Array("message \(number)".utf8).withUnsafeBytes { _ = try? engine.broadcast($0, now: now) }
    settle(now: now)
  }

  private func settle(now: Instant) {
    var rounds = 0
    repeat {
      effects.datagrams.removeAll()
      effects.deliveries.removeAll()
      engine.advance(now: now, into: &effects)
      rounds += 1
      precondition(rounds < 1_000, "what is to be sent does not end")
      for index in 0..<effects.datagrams.count {
        precondition(effects.datagrams.record(index).destination.isUsable, "a datagram goes nowhere")
      }
    } while !effects.datagrams.hasRoom
    precondition(engine.lifecycle == .connected, "a datagram ended the membership")
    precondition(engine.members.count <= memberLimit, "too many members")
    precondition(engine.nextDeadline > now, "what is due is not done")
  }
}

/// Both peers, and the time that they share.
private final class Dialects {
  static let inputsPerRun = 2_000

  private let python: DialectPeer<GossipPythonEngine>
  private let clojure: DialectPeer<ClojureGossipEngine>
  private var now = Instant(nanoseconds: 1_000_000_000)
  private var inputs: UInt64 = 0

  init() throws(DialectError) {
    let address = Endpoint(ipv4: 0x7f00_0001, port: 7_070)
    var first = GossipPythonConfiguration()
    (first.memberLimit, first.originLimit, first.logLimit, first.outboundLimit) = (8, 8, 8, 256)
    python = DialectPeer(
      try GossipPythonEngine(configuration: first, address: address, seed: 1), memberLimit: 8, now: now)
    var second = ClojureGossipConfiguration()
    (second.viewLimit, second.peerLimit, second.textLimit, second.outboundLimit) = (8, 16, 64, 256)
    (second.lease, second.walkLength) = (.seconds(30), 4)
    second.ours = [Endpoint(ipv4: 0x7f00_0001, port: 8_001)]
    clojure = DialectPeer(
      try ClojureGossipEngine(configuration: second, address: address, seed: 1), memberLimit: 24, now: now)
  }

  var isWorn: Bool { inputs >= Self.inputsPerRun }

  func take(_ input: UnsafeRawBufferPointer) {
    inputs += 1
    guard let choice = input.first else { return }
    now = now + UInt64(choice >> 5) * 700_000_000
    let source = Endpoint(ipv4: 0x7f00_0001, port: 8_000 + UInt16(choice >> 1 & 15))
    for piece in UnsafeRawBufferPointer(rebasing: input.dropFirst()).split(separator: 0xff, maxSplits: 8) {
      let datagram = UnsafeRawBufferPointer(rebasing: piece)
      if choice & 1 == 0 {
        checkPython(datagram)
        python.take(datagram, from: source, now: now)
      } else {
        checkClojure(datagram)
        clojure.take(datagram, from: source, now: now)
      }
    }
    if inputs % 16 == 0 {
      python.broadcast(inputs, now: now)
      clojure.broadcast(inputs, now: now)
    }
  }

  private func checkPython(_ bytes: UnsafeRawBufferPointer) {
    guard let datagram = try? PythonDatagram(reading: bytes) else { return }
    let again = datagram.bytes.withUnsafeBytes { try? PythonDatagram(reading: $0) }
    precondition(again == datagram, "a message is not read back as it was written")
  }

  private func checkClojure(_ bytes: UnsafeRawBufferPointer) {
    guard let datagram = try? ClojureDatagram(reading: bytes) else { return }
    let again = datagram.bytes.withUnsafeBytes { try? ClojureDatagram(reading: $0) }
    precondition(again?.message == datagram.message, "a message is not read back as it was written")
  }
}

private nonisolated(unsafe) var dialects: Dialects?

/// Called by libFuzzer with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzDialects(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let current = dialects.flatMap { $0.isWorn ? nil : $0 } ?? (try? Dialects())
  dialects = current
  current?.take(UnsafeRawBufferPointer(start: bytes, count: count))
  return 0
}
