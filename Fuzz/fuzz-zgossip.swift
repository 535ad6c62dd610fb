// A libFuzzer target: everything that a node of zgossip reads from other nodes, and its configuration files.
//
// The first byte of an input chooses the connection, whether its other end is one of ours, and how much time passes
// before; the second how the rest is cut into messages. Whatever a message is, what the node writes to originals must
// be theirs, and what is due must get done. An input is read as a file of ZPL too: what can be read must be written
// and read back.
//
// It is compiled together with the sources of the core and the engine, as one module: see `make fuzz`.

/// A node with connections of every kind.
private final class FuzzedNode {
  static let inputsPerRun = 4_000

  private var engine: ZGossipEngine
  private var changes = ChangeBuffer(changes: 16_384, bytes: 4 << 20)
  private let buffer: UnsafeMutableRawBufferPointer
  private var now = Instant(nanoseconds: 1_000_000_000)
  private var inputs = 0
  private var slots: [Int] = []

  init() {
    var configuration = ZGossipConfiguration()
    (configuration.tuples.capacity, configuration.tuples.bytes) = (256, 1 << 18)
    (configuration.tuples.valueLimit, configuration.tuples.symbolLimit) = (4_096, 1_024)
    engine = ZGossipEngine(configuration: configuration, identity: MemberID(7), seed: 1)
    buffer = .allocate(byteCount: engine.messageLimit, alignment: 16)
    engine.prepare(&changes)
    engine.setTimeOfDay(milliseconds: 1_764_547_200_000, now: now)
    for index in 0..<8 { slots.append(open(index)) }
  }

  deinit { buffer.deallocate() }

  var isWorn: Bool { inputs >= Self.inputsPerRun }

  private func open(_ index: Int) -> Int {
    guard let slot = engine.open(index % 2 == 0 ? .client : .server, isLocal: index % 8 == 6, now: now) else {
      preconditionFailure("no room for a connection")
    }
    return slot
  }

  /// Odd and even connections are from and to others; the upper half are to ours.
  private func peer(_ index: Int) -> MemberID? { index < 4 || index == 6 ? nil : MemberID(UInt64(index)) }

  func take(_ input: UnsafeRawBufferPointer) {
    inputs += 1
    guard input.count >= 2 else { return }
    let index = Int(input[0] & 7)
    now = now + UInt64(input[0] >> 3) * 20_000_000
    let length = max(1, Int(input[1]))
    var rest = UnsafeRawBufferPointer(rebasing: input[2...])
    while !rest.isEmpty {
      let message = UnsafeRawBufferPointer(rebasing: rest.prefix(length))
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(length))
      _ = engine.receive(message, peer: peer(index), from: slots[index], now: now, into: &changes)
      settle()
    }
    if input[1] == 255 {
      engine.close(slots[index], now: now)
      slots[index] = open(index)
    }
    if input[1] == 254 { _ = try? engine.publish(rest, at: input, now: now, into: &changes) }
    settle()
  }

  private func settle() {
    changes.removeAll()
    var rounds = 0
    repeat {
      engine.advance(now: now, into: &changes)
      changes.removeAll()
      for (index, slot) in slots.enumerated() {
        var messages = 0
        while true {
          let length = engine.write(slot, into: buffer, now: now)
          guard length > 0 else { break }
          messages += 1
          precondition(messages < 100_000, "what is to be sent does not end")
          let message = UnsafeRawBufferPointer(rebasing: buffer[..<length])
          guard let decoded = try? ZGossipMessage(decoding: message) else {
            preconditionFailure("a message of its own is malformed")
          }
          precondition(
            decoded.kind != .native || peer(index) != nil || index == 6, "an original is told ours")
        }
      }
      rounds += 1
      precondition(rounds < 1_000, "what is due does not get done")
    } while engine.nextDeadline <= now
    precondition(engine.status <= 256, "too many tuples")
  }
}

private func readSettings(_ input: UnsafeRawBufferPointer) {
  guard let document = try? ZPLDocument(parsing: Array(input)) else { return }
  _ = try? ZGossipSettings(document)
  guard let again = try? ZPLDocument(parsing: Array(document.text.utf8)) else {
    preconditionFailure("what was written cannot be read")
  }
  precondition(again.text == document.text, "what was read is something else")
}

nonisolated(unsafe) private var node = FuzzedNode()

/// Called by libFuzzer with one input after the other.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafeRawPointer?, _ count: Int) -> CInt {
  let input = UnsafeRawBufferPointer(start: start, count: count)
  if node.isWorn { node = FuzzedNode() }
  node.take(input)
  readSettings(input)
  return 0
}
