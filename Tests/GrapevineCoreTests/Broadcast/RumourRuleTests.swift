import Testing

@testable import GrapevineCore

/// Two or more engines by hand: one rumour, number 1 of origin 9, and what is said about it.
private enum Say {
  static func feedback(_ needed: Bool) -> [UInt8] {
    written { writer in
      writer.write(MessageKind.rumourFeedback)
      writer.write(UInt8(1))
      RumourVerdict(run: RumourRun(origin: 9, first: 1, length: 1), isNeeded: needed).write(to: &writer)
    }
  }

  static func pull(has: [RumourRun] = []) -> [UInt8] {
    written { writer in
      writer.write(MessageKind.rumourPull)
      writer.write(UInt8(has.count))
      for run in has { run.write(to: &writer) }
    }
  }
}

private func engine(_ rules: RumourRules, knows: Bool = true, seed: UInt64 = 1) -> RumourMongering {
  var engine = RumourMongering(rules: rules, capacity: 8, partners: 4, seed: seed)
  if knows { engine.start(origin: 9, sequence: 1) }
  return engine
}

extension RumourMongering {
  /// What is said to a partner, as bytes; every payload is empty.
  mutating func said(to partner: Int) -> [UInt8] {
    withUnsafeTemporaryAllocation(byteCount: 1_200, alignment: 8) { buffer in
      let length = write(for: partner, into: buffer) { _, _ in UnsafeRawBufferPointer(start: nil, count: 0) }
      return Array(buffer[..<length])
    }
  }

  mutating func hear(_ bytes: [UInt8], from partner: Int, knowing known: Bool = false) throws {
    try read(bytes.span.bytes, from: partner, sender: 9) { _, _, _ in !known }
  }

  /// One cycle: contacts a partner, who says something when it was sent the rumour.
  ///
  /// - Returns: Whether the rumour was sent.
  mutating func push(to partner: Int, hearing reply: [UInt8]?) throws -> Bool {
    forget(partner: partner)
    beginCycle(with: partner)
    let isSent = !said(to: partner).isEmpty
    if isSent, let reply { try hear(reply, from: partner) }
    return isSent
  }
}

@Suite("Rumours: when they grow cold")
struct RumourRuleTests {
  @Test("a counter with feedback ends at k needless contacts in a row", arguments: 1...4)
  func counter(k: Int) throws {
    var engine = engine(RumourRules(.push, removal: .counter(k)))
    for _ in 0..<k {
      let isSent = try engine.push(to: 0, hearing: Say.feedback(false))
      #expect(isSent)
    }
    let isSent = try engine.push(to: 0, hearing: nil)
    let hot = engine.hotCount
    #expect(!isSent && hot == 0)
  }

  @Test("a useful contact resets the counter")
  func reset() throws {
    var engine = engine(RumourRules(.push, removal: .counter(2)))
    for needed in [false, true, false, true, false] {
      let isSent = try engine.push(to: 0, hearing: Say.feedback(needed))
      #expect(isSent)
    }
    let stillSent = try engine.push(to: 0, hearing: Say.feedback(false))
    #expect(stillSent)
    let sentAfter = try engine.push(to: 0, hearing: nil)
    #expect(!sentAfter)
  }

  @Test("a blind counter ends after k contacts, whatever is answered", arguments: 1...4)
  func blindCounter(k: Int) throws {
    var engine = engine(RumourRules(.push, feedback: false, removal: .counter(k)))
    var sent = 0
    while try engine.push(to: 0, hearing: Say.feedback(true)) { sent += 1 }
    #expect(sent == k)
  }

  @Test("with feedback, silence speaks neither for nor against; 255 cycles of it end the rumour")
  func silence() throws {
    var engine = engine(RumourRules(.push, removal: .coin(1)))
    var sent = 0
    while try engine.push(to: 0, hearing: nil) { sent += 1 }
    #expect(sent == 255)
  }

  @Test("a coin ends a rumour after k contacts in the mean", arguments: [1, 2, 4])
  func coin(k: Int) throws {
    for isBlind in [false, true] {
      var total = 0
      for seed in 1...400 as ClosedRange<UInt64> {
        var engine = engine(RumourRules(.push, feedback: !isBlind, removal: .coin(k)), seed: seed)
        while try engine.push(to: 0, hearing: isBlind ? nil : Say.feedback(false)) { total += 1 }
      }
      // Geometric: the mean of 400 has a deviation of at most k / 20.
      let mean = Double(total) / 400
      #expect(abs(mean - Double(k)) < 0.2 * Double(k))
    }
  }

  @Test("a coin with feedback does not fall after a contact that was needed")
  func usefulCoin() throws {
    var engine = engine(RumourRules(.push, removal: .coin(1)))
    for _ in 0..<50 {
      let isSent = try engine.push(to: 0, hearing: Say.feedback(true))
      #expect(isSent)
    }
  }

  @Test("both pushes of one cycle are needed; one of the next is not")
  func neededInCycle() throws {
    var sender = engine(RumourRules(.push, removal: .counter(1)))
    sender.beginCycle(with: 0)
    let rumour = sender.said(to: 0)
    var receiver = engine(RumourRules(.push, removal: .counter(1)), knows: false)
    receiver.beginCycle(with: nil)
    try receiver.hear(rumour, from: 0)
    try receiver.hear(rumour, from: 1, knowing: true)
    let first = receiver.said(to: 0)
    let second = receiver.said(to: 1)
    #expect(first == Say.feedback(true) && second == Say.feedback(true))
    receiver.beginCycle(with: nil)
    try receiver.hear(rumour, from: 2, knowing: true)
    let third = receiver.said(to: 2)
    #expect(third == Say.feedback(false))
  }

  @Test("what is learned in a cycle is spread from the next one on")
  func nextCycle() throws {
    var sender = engine(RumourRules(.pull, removal: .counter(1)))
    sender.beginCycle(with: nil)
    try sender.hear(Say.pull(), from: 0)
    let rumour = sender.said(to: 0)
    var receiver = engine(RumourRules(.pull, removal: .counter(1)), knows: false)
    receiver.beginCycle(with: nil)
    try receiver.hear(rumour, from: 0)
    try receiver.hear(Say.pull(), from: 1)
    let early = receiver.said(to: 1)
    #expect(early.isEmpty)
    receiver.beginCycle(with: nil)
    try receiver.hear(Say.pull(), from: 1)
    let late = receiver.said(to: 1)
    #expect(!late.isEmpty)
  }

  @Test("pull: one needed answer in a cycle resets the counter, however many were needless")
  func pullReset() throws {
    var engine = engine(RumourRules(.pull, removal: .counter(2)))
    for _ in 0..<6 {
      engine.beginCycle(with: nil)
      for (partner, needed) in [(0, false), (1, true), (2, false)] {
        engine.forget(partner: partner)
        try engine.hear(Say.pull(), from: partner)
        let answer = engine.said(to: partner)
        #expect(!answer.isEmpty)
        try engine.hear(Say.feedback(needed), from: partner)
      }
    }
    #expect(engine.hotCount == 1)
    // A cycle without a question says nothing.
    for _ in 0..<5 { engine.beginCycle(with: nil) }
    #expect(engine.hotCount == 1)
  }

  @Test("push, then pull: the age decides, and who names a rumour is not sent it")
  func pushThenPull() throws {
    var rules = RumourRules(.pushThenPull, removal: .counter(1))
    rules.clusterSize = 1_000
    #expect(rules.pushCycles == 7)
    var engine = engine(rules)
    for _ in 0..<7 {
      engine.forget(partner: 0)
      engine.beginCycle(with: 0)
      let length = engine.said(to: 0).count
      #expect(length > 2 + RumourRun.bytesLimit - 10)
      engine.forget(partner: 1)
      try engine.hear(Say.pull(), from: 1)
      let answer = engine.said(to: 1)
      #expect(answer.isEmpty)
    }
    engine.beginCycle(with: nil)
    try engine.hear(Say.pull(), from: 1)
    let answer = engine.said(to: 1)
    #expect(!answer.isEmpty)
    try engine.hear(Say.pull(has: [RumourRun(origin: 9, first: 1, length: 1)]), from: 2)
    let declined = engine.said(to: 2)
    #expect(declined.isEmpty)
    engine.beginCycle(with: nil)
    #expect(engine.hotCount == 1)
    // A cycle in which all who asked had it.
    try engine.hear(Say.pull(has: [RumourRun(origin: 9, first: 1, length: 1)]), from: 2)
    engine.beginCycle(with: nil)
    #expect(engine.hotCount == 0)
  }

  @Test("the age travels with the rumour")
  func age() throws {
    var rules = RumourRules(.pushThenPull, removal: .counter(1))
    rules.clusterSize = 1_000
    var first = engine(rules)
    for _ in 0..<3 {
      first.beginCycle(with: 0)
      _ = first.said(to: 0)
      first.forget(partner: 0)
    }
    first.beginCycle(with: 0)
    var second = engine(rules, knows: false)
    try second.hear(first.said(to: 0), from: 0)
    second.beginCycle(with: 1)
    let owed = second.nextOwed(to: 1)
    #expect(owed?.hops == 4)
  }

  @Test("a partner that is known to have a rumour is not sent it, and did not need it")
  func knownHolder() throws {
    var engine = engine(RumourRules(.push, removal: .counter(2)))
    engine.beginCycle(with: 0)
    _ = engine.said(to: 0)
    try engine.hear(Say.feedback(true), from: 0)
    engine.beginCycle(with: 0)
    let again = engine.said(to: 0)
    #expect(again.isEmpty)
    engine.beginCycle(with: 0)
    engine.beginCycle(with: 0)
    #expect(engine.hotCount == 0)
  }

  private func isTaken(_ rules: RumourRules) -> Bool { (try? rules.validate()) != nil }

  @Test("rules out of their limits are refused, those at them taken")
  func limits() {
    var rules = RumourRules()
    #expect(throws: Never.self) { try rules.validate() }
    for (removal, isValid) in [
      (RumourRules.Removal.coin(0), false), (.coin(1), true), (.counter(64), true), (.counter(65), false),
    ] {
      rules.removal = removal
      #expect(isTaken(rules) == isValid)
    }
    rules = RumourRules()
    for (cycle, isValid) in [
      (Duration.zero, false), (.milliseconds(1), true), (.seconds(60), true), (.seconds(61), false),
    ] {
      rules.cycle = cycle
      #expect(isTaken(rules) == isValid)
    }
    rules = RumourRules()
    for (size, isValid) in [(1, false), (2, true), (1 << 30, true), (1 << 30 + 1, false)] {
      rules.clusterSize = size
      #expect(isTaken(rules) == isValid)
      if isValid { #expect(rules.pushCycles <= 15) }
    }
    #expect(throws: ConfigurationError.self) {
      try RumourRules(.pushThenPull, feedback: false, removal: .coin(1)).validate()
    }
  }
}
