// What partners say to each other about rumours.

/// A rumour on its way to a partner.
package struct OwedRumour {
  package let origin: UInt64
  package let sequence: UInt64
  /// What to write as its hops: its age.
  package let hops: UInt8
  fileprivate let position: Int
}

// Rumours out.
extension RumourMongering {
  /// The next rumour owed to a partner, or nil. Call `didSend` or `cannotSend` with it before asking for
  /// another.
  package mutating func nextOwed(to partner: Int) -> OwedRumour? {
    guard partners[partner].owed > 0 else { return nil }
    var position = Int(partners[partner].scan)
    while position < table.count {
      if table[position].owed & 1 << UInt64(partner) != 0 {
        partners[partner].scan = UInt32(truncatingIfNeeded: position)
        let rumour = table[position]
        return OwedRumour(
          origin: rumour.origin, sequence: rumour.sequence, hops: rumour.age, position: position)
      }
      position += 1
    }
    return nil
  }

  /// Notes that an owed rumour was sent.
  package mutating func didSend(_ rumour: OwedRumour, to partner: Int) {
    settle(rumour, partner)
    table[rumour.position].wasOffered = true
    if partners[partner].isAnswer {
      counts.answered &+= 1
      // Who asks and does not name it needs it; no verdict follows.
      if !rules.answersVerdicts { table[rumour.position].wasNeeded = true }
    } else {
      counts.pushed &+= 1
    }
  }

  /// Notes that an owed rumour cannot be sent: nobody keeps its payload any more, or the partner has it.
  package mutating func cannotSend(_ rumour: OwedRumour, to partner: Int) {
    settle(rumour, partner)
  }

  /// Notes that a partner has an owed rumour already: the contact was needless, and costs nothing.
  mutating func partnerHas(_ rumour: OwedRumour, partner: Int) {
    settle(rumour, partner)
    table[rumour.position].holders |= 1 << UInt64(partner)
    table[rumour.position].wasOffered = true
    table[rumour.position].wasNeedless = true
  }

  private func settle(_ rumour: OwedRumour, _ partner: Int) {
    guard rumour.position < table.count else { return }
    disown(rumour.position, partner)
    partners[partner].scan = UInt32(truncatingIfNeeded: rumour.position + 1)
  }

  /// Whether a rumour is owed to a partner.
  func owesRumour(to partner: Int) -> Bool { partners[partner].owed > 0 }

  /// Whether verdicts or a question are owed to a partner.
  func owesWord(to partner: Int) -> Bool { partners[partner].verdicts > 0 || partners[partner].isAsked }
}

// Verdicts.
extension RumourMongering {
  mutating func addVerdict(_ origin: UInt64, _ sequence: UInt64, isNeeded: Bool, for partner: Int) {
    let base = partner * Self.verdictLimit
    let count = Int(partners[partner].verdicts)
    if count > 0 {
      let last = verdicts[base + count - 1]
      if last.isNeeded == isNeeded, last.run.isFollowed(by: sequence, of: origin) {
        verdicts[base + count - 1].run.length &+= 1
        return
      }
    }
    guard count < Self.verdictLimit else {
      counts.verdictsDropped &+= 1
      return
    }
    verdicts[base + count] = RumourVerdict(
      run: RumourRun(origin: origin, first: sequence, length: 1), isNeeded: isNeeded)
    partners[partner].verdicts &+= 1
  }

  /// Writes the verdicts that wait for a partner, as many as fit.
  mutating func writeFeedback(for partner: Int, to writer: inout Writer) {
    let count = Int(partners[partner].verdicts)
    guard count > 0, writer.remaining >= 2 + RumourRun.bytesLimit else { return }
    let fitting = min(count, (writer.remaining - 2) / RumourRun.bytesLimit)
    let base = partner * Self.verdictLimit
    writer.write(MessageKind.rumourFeedback)
    writer.write(UInt8(truncatingIfNeeded: fitting))
    for step in 0..<fitting { verdicts[base + step].write(to: &writer) }
    for step in fitting..<count { verdicts[base + step - fitting] = verdicts[base + step] }
    partners[partner].verdicts = UInt8(truncatingIfNeeded: count - fitting)
  }

  /// Takes a partner's verdicts on what it was sent.
  mutating func onFeedback(from partner: Int, _ cursor: inout Cursor) throws(DecodeError) {
    for _ in 0..<(try RumourCount.read(from: &cursor)) {
      let verdict = try RumourVerdict(from: &cursor)
      forEach(verdict.run, from: partner) { rumour in
        if verdict.isNeeded { rumour.wasNeeded = true } else { rumour.wasNeedless = true }
      }
    }
  }

  /// Notes that a partner has the rumours of a run, and does something to each: as many as may still be
  /// looked up for it.
  private func forEach(_ run: RumourRun, from partner: Int, _ body: (inout Rumour) -> Void) {
    let count = min(run.length, UInt64(partners[partner].lookups))
    partners[partner].lookups &-= UInt32(truncatingIfNeeded: count)
    for step in 0..<count {
      guard let position = table.find(run.origin, run.first &+ step) else { continue }
      markHolder(position, partner)
      body(&table[position])
    }
  }
}

// Questions.
extension RumourMongering {
  /// Writes a question for a partner when it is to be asked.
  mutating func writePull(for partner: Int, to writer: inout Writer) {
    guard partners[partner].isAsked, writer.remaining >= 2 else { return }
    partners[partner].isAsked = false
    counts.asked &+= 1
    writer.write(MessageKind.rumourPull)
    let countAt = writer.count
    writer.write(UInt8(0))
    guard rules.lists else { return }
    var count: UInt8 = 0
    var position = table.count - 1
    // The newest first: those are on everybody's lips.
    while position >= 0, count < RumourRun.countLimit, writer.remaining >= RumourRun.bytesLimit {
      nextRun(before: &position).write(to: &writer)
      count += 1
    }
    writer.overwrite(at: countAt, with: count)
  }

  /// The run of consecutive rumours that ends at `position`, which moves before it.
  private func nextRun(before position: inout Int) -> RumourRun {
    let newest = table[position]
    var run = RumourRun(origin: newest.origin, first: newest.sequence, length: 1)
    position -= 1
    while position >= 0, run.isPreceded(by: table[position].sequence, of: table[position].origin) {
      run.first = table[position].sequence
      run.length += 1
      position -= 1
    }
    return run
  }

  /// Takes a partner's question: owes it the rumours that it does not name.
  mutating func onPull(from partner: Int, _ cursor: inout Cursor) throws(DecodeError) {
    for _ in 0..<(try RumourCount.read(from: &cursor)) {
      let run = try RumourRun(from: &cursor)
      forEach(run, from: partner) { $0.wasNeedless = true }
    }
    guard partners[partner].questions > 0, rules.pulls else { return }
    partners[partner].questions &-= 1
    let bit: UInt64 = 1 << UInt64(partner)
    var isOwed = false
    for position in 0..<table.count {
      let rumour = table[position]
      guard !rumour.isCold, rumour.held > 0 else { continue }
      if rules.exchange == .pushThenPull, rumour.age < pushCycles { continue }
      guard rumour.holders & bit == 0 else {
        // Known to have it, by its list or from before; and with that, not needed.
        table[position].wasOffered = true
        table[position].wasNeedless = true
        continue
      }
      isOwed = true
      own(position, partner)
    }
    if isOwed { partners[partner].isAnswer = true } else { counts.declined &+= 1 }
  }
}
