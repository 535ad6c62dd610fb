import Testing

@testable import GrapevineCore

@Suite("Rumours: bounded, whatever a partner says")
struct RumourHostileTests {
  private static let exchanges = RumourRules.Exchange.allCases

  private func engine(_ exchange: RumourRules.Exchange, capacity: Int = 16) -> RumourMongering {
    RumourMongering(
      rules: RumourRules(exchange, removal: .counter(2)), capacity: capacity, partners: 4, seed: 3)
  }

  private func gossip(_ origin: UInt64, _ first: UInt64, count: UInt64 = 1, hops: UInt8 = 3) -> [UInt8] {
    written { writer in
      GossipHeader(
        origin: origin, level: .reliable, isTagged: false, hops: hops, first: first, count: count
      ).write(to: &writer)
      for _ in 0..<count { writer.writeVariable(0) }
    }
  }

  @Test("a flood of rumours displaces the oldest and fills no more than the table", arguments: exchanges)
  func flood(exchange: RumourRules.Exchange) throws {
    var engine = engine(exchange)
    for number in 1...5_000 as ClosedRange<UInt64> {
      try engine.hear(gossip(number &* 0x1_0001 | 1, number), from: Int(number % 4))
      if number % 7 == 0 { engine.beginCycle(with: Int(number % 4)) }
      if number % 11 == 0 { _ = engine.said(to: Int(number % 4)) }
    }
    #expect(engine.hotCount <= 16 && engine.table.count <= 16)
    #expect(engine.counts.displaced > 0)
    // What it keeps are the newest.
    let newest = engine.table.find(5_000 &* 0x1_0001 | 1, 5_000)
    #expect(newest != nil)
    // Everything owed can still be said, and then nothing is owed.
    for partner in 0..<4 {
      for _ in 0..<4 { _ = engine.said(to: partner) }
      let rest = engine.partners[partner].owed
      #expect(rest == 0)
    }
  }

  @Test("verdicts and questions about what nobody knows change nothing", arguments: exchanges)
  func unknown(exchange: RumourRules.Exchange) throws {
    var engine = engine(exchange)
    engine.start(origin: 9, sequence: 1)
    engine.beginCycle(with: nil)
    var generator = Generator(seed: 5)
    for _ in 0..<500 {
      let run = RumourRun(
        origin: generator.next() | 1 << 40, first: generator.next() >> 2 | 1,
        length: RumourRun.lengthLimit)
      let bytes = written { writer in
        writer.write(generator.chance(0.5) ? MessageKind.rumourFeedback : MessageKind.rumourPull)
        writer.write(UInt8(2))
        for _ in 0..<2 { run.write(to: &writer) }
      }
      try engine.hear(bytes, from: generator.below(4))
    }
    #expect(engine.hotCount == 1 && engine.table.count == 1)
  }

  @Test("a partner makes us look up no more than twice the table in a cycle, and scan it twice")
  func lookups() throws {
    var engine = engine(.pull)
    engine.start(origin: 9, sequence: 1)
    engine.beginCycle(with: nil)
    let run = RumourRun(origin: 7, first: 1, length: 24)
    let needless = RumourVerdict(run: RumourRun(origin: 9, first: 1, length: 1), isNeeded: false)
    try engine.hear(
      written { writer in
        writer.write(MessageKind.rumourFeedback)
        writer.write(UInt8(3))
        for _ in 0..<2 { RumourVerdict(run: run, isNeeded: true).write(to: &writer) }
        needless.write(to: &writer)
      }, from: 0)
    let left = engine.partners[0].lookups
    let isHeard = engine.table[0].wasNeedless
    #expect(left == 0 && !isHeard)
    for _ in 0..<5 { try engine.hear([MessageKind.rumourPull, 0], from: 1) }
    let questions = engine.partners[1].questions
    #expect(questions == 0)
    _ = engine.said(to: 1)
    try engine.hear([MessageKind.rumourPull, 0], from: 1)
    let answer = engine.said(to: 1)
    #expect(answer.isEmpty)
    // The next cycle hears it again, and hears others meanwhile.
    try engine.hear([MessageKind.rumourPull, 0], from: 2)
    let other = engine.said(to: 2)
    #expect(!other.isEmpty)
    engine.beginCycle(with: nil)
    try engine.hear([MessageKind.rumourPull, 0], from: 1)
    let later = engine.said(to: 1)
    #expect(!later.isEmpty)
  }

  @Test("verdicts that nobody takes are dropped and counted")
  func verdictFlood() throws {
    var engine = engine(.push, capacity: 128)
    for number in 1...100 as ClosedRange<UInt64> { try engine.hear(gossip(5, number * 2), from: 0) }
    #expect(engine.counts.verdictsDropped == 100 - UInt64(RumourMongering.verdictLimit))
    let first = engine.said(to: 0)
    #expect(!first.isEmpty)
    let second = engine.said(to: 0)
    #expect(second.isEmpty)
  }

  @Test("consecutive rumours share a verdict")
  func sharedVerdict() throws {
    var engine = engine(.push, capacity: 128)
    try engine.hear(gossip(5, 1, count: 100), from: 0)
    let bytes = engine.said(to: 0)
    #expect(
      bytes
        == written { writer in
          writer.write(MessageKind.rumourFeedback)
          writer.write(UInt8(1))
          RumourVerdict(run: RumourRun(origin: 5, first: 1, length: 100), isNeeded: true).write(to: &writer)
        })
  }

  @Test("a question names runs, the newest first, and only as many as there is room for")
  func question() throws {
    var engine = engine(.pushThenPull, capacity: 256)
    for number in 1...100 as ClosedRange<UInt64> { try engine.hear(gossip(5, number * 2), from: 0) }
    try engine.hear(gossip(6, 1, count: 9), from: 0)
    engine.beginCycle(with: 1)
    let bytes = written { engine.writePull(for: 1, to: &$0) }
    let runs = try read(bytes) { cursor in
      _ = try cursor.read(UInt8.self)
      return try (0..<(try RumourCount.read(from: &cursor))).map { _ in try RumourRun(from: &cursor) }
    }
    #expect(runs.count == Int(RumourRun.countLimit))
    #expect(runs[0] == RumourRun(origin: 6, first: 1, length: 9))
    #expect(runs[1] == RumourRun(origin: 5, first: 200, length: 1))
    // In a datagram that is nearly full it is shorter.
    engine.beginCycle(with: 2)
    let short = withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { buffer in
      var writer = Writer(buffer)
      engine.writePull(for: 2, to: &writer)
      return Array(writer.written(from: 0))
    }
    #expect(short[1] >= 2 && short[1] < 8)
  }

  @Test("the table finds what is in it, and only that, after any number of changes")
  func table() {
    var table = RumourTable(capacity: 64, seed: 11)
    var known: [[UInt64]] = []
    var generator = Generator(seed: 12)
    for step in 0..<5_000 {
      switch generator.below(8) {
      case 0 where table.count > 0:
        let removed = table.removeFirst()
        #expect([removed.origin, removed.sequence] == known.removeFirst())
      case 1 where step % 5 == 0:
        let bit = UInt64(generator.below(2))
        table.filter { $0.sequence & 1 == bit }
        known.removeAll { $0[1] & 1 != bit }
      default:
        let key = [UInt64(generator.below(5) + 1), UInt64(generator.below(100))]
        let isKnown = table.find(key[0], key[1]) != nil
        #expect(isKnown == known.contains(key))
        guard !isKnown, !table.isFull else { continue }
        var rumour = Rumour()
        (rumour.origin, rumour.sequence) = (key[0], key[1])
        table.append(rumour)
        known.append(key)
      }
      #expect(table.count == known.count)
    }
    for (position, key) in known.enumerated() {
      let found = table.find(key[0], key[1])
      #expect(found == position)
    }
  }

  @Test("every FEEDBACK and PULL that is cut short is refused, at every length")
  func truncation() throws {
    let run = RumourRun(origin: 9, first: UInt64.max / 2, length: RumourRun.lengthLimit)
    let messages = [
      written { writer in
        writer.write(MessageKind.rumourFeedback)
        writer.write(UInt8(2))
        RumourVerdict(run: run, isNeeded: true).write(to: &writer)
        RumourVerdict(run: RumourRun(origin: 1, first: 1, length: 1), isNeeded: false).write(to: &writer)
      },
      written { writer in
        writer.write(MessageKind.rumourPull)
        writer.write(UInt8(2))
        run.write(to: &writer)
        RumourRun(origin: 1, first: 1, length: 1).write(to: &writer)
      },
    ]
    for message in messages {
      var whole = engine(.pushPull)
      #expect(throws: Never.self) { try whole.hear(message, from: 0) }
      for kept in 1..<message.count {
        var engine = engine(.pushPull)
        let failure = failure { try engine.hear(Array(message[..<kept]), from: 0) }
        #expect(failure == .truncated)
      }
      #expect(message.count <= 2 + 2 * RumourRun.bytesLimit)
    }
  }

  @Test(
    "numbers out of their range are refused",
    arguments: [
      [MessageKind.rumourFeedback, 65], [MessageKind.rumourPull, 65],
      // Origin 0.
      [MessageKind.rumourPull, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1],
      // Number 0, length 0, length 1,025.
      [MessageKind.rumourPull, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1],
      [MessageKind.rumourPull, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 0],
      [MessageKind.rumourPull, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 0x81, 0x08],
      // No length behind the verdict.
      [MessageKind.rumourFeedback, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 1],
      [MessageKind.rumourFeedback, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 0x82, 0x10],
    ] as [[UInt8]])
  func outOfRange(message: [UInt8]) {
    var engine = engine(.pushPull)
    let failure = failure { try engine.hear(message, from: 0) }
    #expect(failure == .outOfRange)
  }

  @Test("any bytes are read without harm", arguments: exchanges)
  func noise(exchange: RumourRules.Exchange) {
    var engine = engine(exchange)
    var generator = Generator(seed: 21)
    for round in 0..<3_000 {
      var bytes = (0..<generator.below(60)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      if !bytes.isEmpty { bytes[0] = [0x20, 0x21, 0x83, 0x93][generator.below(4)] }
      _ = failure { try engine.hear(bytes, from: round % 4) }
      if round % 50 == 0 { engine.beginCycle(with: round / 50 % 4) }
      _ = engine.said(to: generator.below(4))
    }
    #expect(engine.table.count <= 16)
  }

  private func failure(_ body: () throws -> Void) -> DecodeError? {
    do {
      try body()
      return nil
    } catch {
      return error as? DecodeError
    }
  }
}
