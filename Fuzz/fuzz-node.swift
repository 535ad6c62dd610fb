// A libFuzzer target: everything that a node reads from a datagram.
//
// The first byte of an input chooses what the rest is: a raw datagram from a stranger or from a neighbour,
// or the body of an open or link frame, which is given the right checksum first, so that what lies behind
// the checksum is reached. Link frames may be many: the body is cut at a byte that marks an end, and time
// passes between the pieces.
//
// It is compiled together with the sources of GrapevineCore, as one module: see `make fuzz`.

/// A node with two neighbours, to which one input after the other is fed.
private final class Target {
  /// Inputs after which a new node is made, so that a failure can be repeated from few inputs.
  static let inputsPerNode = 1_000

  private var node: Node
  private var effects: Effects
  private var now = Instant(nanoseconds: 1_000_000_000)
  private var inputs = 0
  private var number: UInt16 = 0
  private let stranger = Endpoint(ipv4: 0x0a00_00ff, port: 7946)
  private let neighbour = Endpoint(ipv4: 0x0a00_0002, port: 7946)
  private let second = Endpoint(ipv4: 0x0a00_0003, port: 7946)
  private let frame = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)

  /// - Parameter number: How many were made before: each has another way of broadcasting.
  init(number: Int) {
    var configuration = Configuration()
    let exchanges = RumourRules.Exchange.allCases
    if number % 2 == 1 {
      configuration.broadcast = .rumour(
        RumourRules(exchanges[number / 2 % exchanges.count], removal: .counter(3)))
    }
    configuration.streamCapacity = 16
    configuration.sequenceWindow = 64
    configuration.logMessages = 64
    configuration.logBytes = 64 << 10
    configuration.passiveCapacity = 8
    var rules = TupleRules()
    (rules.capacity, rules.bytes, rules.valueLimit, rules.symbolLimit) = (64, 64 << 10, 4_096, 256)
    configuration.tuples = rules
    (configuration.direct?.peers, configuration.direct?.outgoing) = (16, 8)
    configuration.direct?.openCalls = 8
    effects = Effects(
      datagrams: DatagramBuffer(datagrams: 16), deliveries: DeliveryBuffer(messages: 64, bytes: 64 << 10),
      changes: ChangeBuffer(changes: 32, bytes: 16 << 10))
    do throws(ConfigurationError) {
      node = try Node(configuration: configuration, identity: MemberID(1), seed: 1, receiveWindow: 512)
    } catch {
      preconditionFailure("\(error)")
    }
    node.join([], now: now, into: &effects)
    link(neighbour, id: 2)
    link(second, id: 3)
    precondition(node.neighbourCount == 2, "the handshakes of the harness do not work")
    node.assumeMembers([(MemberID(2), neighbour), (MemberID(3), second)], now: now)
    for level in DeliveryLevel.allCases { broadcast(level) }
    for number in 0..<8 as Range<UInt8> { publish(number) }
    settle()
  }

  deinit { frame.deallocate() }

  var isWorn: Bool { inputs >= Self.inputsPerNode || node.neighbourCount == 0 }

  func take(_ input: UnsafeRawBufferPointer) {
    inputs += 1
    guard let choice = input.first else { return }
    let body = UnsafeRawBufferPointer(rebasing: input.dropFirst())
    switch choice & 7 {
    case 0: receive(body, from: stranger)
    case 1: receive(body, from: neighbour)
    case 2: if choice & 8 == 0 { receiveOpen(body, from: stranger) } else { receiveDirect(body) }
    case 3: receiveOpen(body, from: neighbour)
    case 4: receiveLinkFrame(body, from: second)
    case 5 where choice & 16 != 0: converse(choice >> 5)
    case 5: if choice & 8 == 0 { broadcast(.reliable) } else { change(choice >> 4) }
    default: for piece in body.split(separator: 0xff, maxSplits: 8) { receiveLink(piece, step: choice) }
    }
    settle()
  }

  private func receiveLink(_ piece: Slice<UnsafeRawBufferPointer>, step: UInt8) {
    receiveLinkFrame(UnsafeRawBufferPointer(rebasing: piece), from: neighbour)
    now = now + UInt64(step >> 3) * 10_000_000
    settle()
  }

  private func receive(_ bytes: UnsafeRawBufferPointer, from source: Endpoint) {
    node.receive(bytes.bytes, from: source, now: now, into: &effects)
  }

  private func receiveOpen(_ body: UnsafeRawBufferPointer, from source: Endpoint) {
    guard body.count <= frame.count - Frame.openHeader else { return }
    var writer = Writer(frame)
    Frame.begin(Frame.open, in: &writer)
    writer.write(body)
    Frame.finish(&writer, key: node.view.openKey)
    receive(writer.written(from: 0), from: source)
  }

  private func receiveLinkFrame(_ body: UnsafeRawBufferPointer, from source: Endpoint) {
    guard body.count <= frame.count - Frame.linkHeader, let slot = node.view.slot(of: source) else { return }
    number &+= 1
    var writer = Writer(frame)
    Frame.begin(Frame.link, in: &writer)
    writer.write(number)
    writer.write(body)
    Frame.finish(&writer, key: node.view.links[slot].receiveKey)
    receive(writer.written(from: 0), from: source)
  }

  /// A direct frame of the first neighbour.
  private func receiveDirect(_ body: UnsafeRawBufferPointer) {
    guard body.count <= frame.count - Frame.memberHeader else { return }
    var writer = Writer(frame)
    Frame.begin(Frame.direct, in: &writer)
    writer.write(StableID(address: neighbour).value)
    writer.write(UInt64(2))
    writer.write(body)
    Frame.finish(&writer, key: Frame.directKey(node.view.openKey, run: 1))
    receive(writer.written(from: 0), from: neighbour)
  }

  /// Says something to a member, asks something, or has a message counted.
  private func converse(_ choice: UInt8) {
    let payload = InlineArray<8, UInt8>(repeating: choice)
    let member = StableID(address: choice & 1 == 0 ? neighbour : second)
    payload.span.withUnsafeBytes { bytes in
      switch choice >> 1 {
      case 0: _ = try? node.send(bytes, to: member, now: now)
      case 1: _ = try? node.ask(bytes, .all, lifetime: .seconds(5), now: now)
      case 2: _ = try? node.ask(bytes, .members([member]), lifetime: .seconds(5), now: now)
      default: _ = try? node.requestReceipts(for: 1, lifetime: .seconds(5), now: now)
      }
    }
  }

  /// Answers what was asked.
  private func answer() {
    for index in 0..<effects.direct.count where effects.direct.record(index).kind == .question {
      _ = try? node.answer(
        effects.direct.record(index).call, with: effects.direct.payload(index), now: now)
    }
    effects.removeDirect()
    effects.removeOutcomes()
  }

  /// Makes a link by the handshake, as a peer would.
  private func link(_ endpoint: Endpoint, id: UInt64) {
    open(endpoint) { Hello(nonce: 5, sender: id).write(to: &$0) }
    guard effects.datagrams.count == 1 else { return }
    var cookie: UInt64 = 0
    let answer = effects.datagrams.bytes(0)
    do throws(DecodeError) {
      var cursor = Cursor(answer.bytes)
      _ = try cursor.readBytes(UInt64(Frame.openHeader + 1))
      cookie = try Challenge(from: &cursor).cookie
    } catch {
      return
    }
    effects.removeDatagrams()
    open(endpoint) {
      Connect(nonce: 5, cookie: cookie, sender: id, need: .high, window: 64).write(to: &$0)
    }
    settle()
  }

  private func open(_ endpoint: Endpoint, _ message: (inout Writer) -> Void) {
    effects.removeDatagrams()
    let body = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 8)
    defer { body.deallocate() }
    var writer = Writer(body)
    message(&writer)
    receiveOpen(writer.written(from: 0), from: endpoint)
  }

  private func broadcast(_ level: DeliveryLevel) {
    let payload = InlineArray<32, UInt8>(repeating: 7)
    payload.span.withUnsafeBytes { _ = try? node.broadcast($0, level: level, now: now) }
  }

  /// Writes a tuple: every second one expires, and some are longer than a datagram.
  private func publish(_ number: UInt8) {
    let length = number % 4 == 3 ? 2_000 : Int(number)
    let value = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(frame)[..<length])
    let key = InlineArray<1, UInt8>(repeating: number)
    let lifetime: TupleLifetime = number % 2 == 0 ? .permanent : .expires(after: .seconds(5))
    key.span.withUnsafeBytes { key in
      _ = try? node.publish(value, at: key, lifetime: lifetime, now: now, into: &effects)
    }
  }

  /// Writes or removes a tuple.
  private func change(_ number: UInt8) {
    guard number & 8 != 0 else { return publish(number) }
    let key = InlineArray<1, UInt8>(repeating: number & 7)
    key.span.withUnsafeBytes { _ = try? node.removeTuple(at: $0, now: now, into: &effects) }
  }

  /// Does what a driver does, and checks what must hold whatever arrived.
  private func settle() {
    node.setTimeOfDay(milliseconds: 86_400_000 + now.nanoseconds / 1_000_000, now: now)
    node.advance(now: now, into: &effects)
    var flushes = 0
    while node.flush(now: now, into: &effects) {
      flushes += 1
      precondition(flushes < 1_000, "a flush does not end")
      effects.removeDatagrams()
    }
    for index in 0..<effects.datagrams.count {
      precondition(effects.datagrams.record(index).length <= 1_200, "a datagram is too long")
      precondition(effects.datagrams.record(index).destination.isUsable, "a datagram goes nowhere")
    }
    effects.removeDatagrams()
    effects.removeDeliveries()
    effects.removeEvents()
    answer()
    precondition(node.tupleCount + node.tombstoneCount <= 64, "too many tuples")
    effects.removeChanges()
    node.resumeDelivery(now: now)
    precondition(node.neighbourCount <= node.configuration.viewCapacity, "too many neighbours")
  }
}

private nonisolated(unsafe) var target: Target?
private nonisolated(unsafe) var targetsMade = 0

/// Called by libFuzzer with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let current = target.flatMap { $0.isWorn ? nil : $0 } ?? Target(number: targetsMade)
  if current !== target { targetsMade += 1 }
  target = current
  current.take(UnsafeRawBufferPointer(start: bytes, count: count))
  return 0
}
