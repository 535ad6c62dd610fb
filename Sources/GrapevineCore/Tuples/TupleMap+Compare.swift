// Finding what two maps differ in, at a cost that follows the number of differences: rateless invertible Bloom lookup
// tables (Yang, Gilad, Alizadeh, SIGCOMM 2024).
//
// Who leads asks for coded symbols of the neighbour's map, a few and then ever more, until the differences come out;
// then it sends what the neighbour lacks and asks for what it lacks itself. The neighbour keeps nothing but its
// sketch, which both freeze meanwhile.

extension TupleMap {
  /// Symbols asked for first at least, and at a time at most. Chosen here: a fifth of a datagram; 25 datagrams.
  private static var firstSymbols: Int { 16 }
  private static var symbolsAtOnce: Int { 2_048 }
  /// Times a question is sent again.
  private static var attemptLimit: Int { 8 }
  private static var retryTime: Nanoseconds { 100_000_000 }
  /// Times that one of the maps may become another one during a comparison. Chosen here: each costs a step for every
  /// symbol, and honest neighbours keep theirs as they are for seconds.
  private static var restartLimit: Int { 16 }
  /// Time after the last question for which a sketch stays frozen, and at most for all who ask. Chosen here.
  private static var freezeTime: Nanoseconds { 1_000_000_000 }
  static var freezeLimit: Nanoseconds { 10_000_000_000 }
  /// Versions asked for that may be on their way. Chosen here: 4 datagrams of questions.
  private static var outstandingLimit: Int { 512 }
  /// Growths of the sketch that a neighbour may ask for. Chosen here: each takes a tenth of a second for 10^6 tuples.
  private static var growthInterval: Nanoseconds { 1_000_000_000 }
  private static var growthBurst: UInt64 { 16 }

  /// Asks for the first symbols of a map of `theirs` versions.
  mutating func beginComparison(_ ours: UInt64, _ theirs: UInt64, now: Instant) {
    // At least that many differ; and all of them would come out of twice as many symbols.
    let difference = ours > theirs ? ours - theirs : theirs - ours
    session.most = min(rules.symbolLimit, 2 * Int(clamping: ours + theirs) + 2 * Sketch.limits.lowerBound)
    session.phase = .comparing
    session.version = nil
    session.ownVersion = sketch.version
    session.asked = max(Self.firstSymbols, min(Int(clamping: difference) / 4 * 5, session.most))
    sketch.freeze()
    decoder.begin(key: Self.sketchKey)
    ask(now: now)
  }

  private mutating func ask(now: Instant) {
    session.owesQuestion = true
    session.deadline = now + Self.retryTime << UInt64(min(session.attempts, 5))
  }

  /// Goes on with the comparison that this node leads.
  mutating func advanceSession(up: SlotMask, now: Instant, counters: inout Counters) {
    switch session.phase {
    case .idle: break
    case .comparing:
      if sketch.size < session.asked { sketch.grow(to: session.asked) }
      guard now >= session.deadline else { return }
      session.attempts += 1
      guard session.attempts <= Self.attemptLimit else { return endSession() }
      ask(now: now)
    case .exchanging:
      advanceExchange(up: up, now: now, counters: counters)
    case .receiving:
      // The stream ended long ago, or never began: the next summary tells.
      if now >= session.deadline { finishSession(up: up, now: now, counters: counters) }
    }
  }

  /// When `advanceSession` must be called.
  var sessionDeadline: Instant {
    switch session.phase {
    case .idle: .never
    case .comparing, .receiving: session.deadline
    case .exchanging where session.isYielding && !session.hasYielded: Instant()
    case .exchanging where hasExchange(session.slot) || hasFetch(session.slot): .never
    case .exchanging: session.outstanding == 0 ? Instant() : session.deadline
    }
  }

  /// Ends the comparison that this node leads.
  mutating func endSession() {
    session = TupleSession()
    if frozenUntil == .never { sketch.thaw() }
  }

  /// Ends the comparison, sees later whether the maps are the same now, and has others hear of what it brought.
  private mutating func finishSession(up: SlotMask, now: Instant, counters: borrowing Counters) {
    let slot = session.slot
    let isNew = counters.tuplesAccepted != session.acceptedBefore
    endSession()
    askLater(slot, now: now)
    if isNew { askOthers(except: slot, up: up, now: now) }
  }

  /// Has a neighbour that was compared with asked again: ever later, since what one of both refuses differs for as
  /// long as it does.
  private mutating func askLater(_ slot: Int, now: Instant) {
    askSummary(slot, at: now + Self.retryTime << UInt64(min(links[slot].repeats, 8)))
    if links[slot].repeats < .max { links[slot].repeats += 1 }
  }

  /// Ends a comparison that comes to nothing, for now.
  private mutating func putOff(now: Instant, counters: inout Counters) {
    let slot = session.slot
    counters.tupleSyncsFailed &+= 1
    endSession()
    askLater(slot, now: now)
  }

  /// Whether the next symbols are to be asked for, and ours are there to compare them with.
  func hasQuestion(_ slot: Int) -> Bool {
    session.owesQuestion && session.slot == slot && session.phase == .comparing
      && session.asked <= sketch.size
  }

  /// Writes the question for the next symbols.
  mutating func writeQuestion(_ slot: Int, to writer: inout Writer) {
    guard hasQuestion(slot), writer.remaining >= 15 else { return }
    session.owesQuestion = false
    writer.write(MessageKind.symbolsWanted)
    writer.write(session.number)
    writer.writeVariable(UInt64(decoder.firstMissing))
    writer.writeVariable(UInt64(max(0, session.asked - decoder.firstMissing)))
  }

  /// A neighbour's question for symbols.
  mutating func onSymbolsWanted(
    _ cursor: inout Cursor, from slot: Int, now: Instant, counters: inout Counters
  ) throws(DecodeError) {
    let number = try cursor.read(UInt32.self)
    let first = try cursor.readVariable(in: 0...UInt64(Sketch.limits.upperBound))
    let count = try cursor.readVariable(in: 0...UInt64(Sketch.limits.upperBound))
    let end = Int(truncatingIfNeeded: min(first &+ count, UInt64(rules.symbolLimit)))
    if sketch.size < end, !sketch.isGrowing {
      guard links[slot].growthPaid.pay(interval: Self.growthInterval, burst: Self.growthBurst, now: now)
      else {
        counters.droppedExcess &+= 1
        return
      }
      sketch.grow(to: end)
    }
    if frozenUntil == .never { frozenSince = now }
    frozenUntil = now + Self.freezeTime
    sketch.freeze()
    links[slot].symbolsSession = number
    links[slot].symbolsNext = UInt32(truncatingIfNeeded: first)
    links[slot].symbolsEnd = UInt32(truncatingIfNeeded: end)
  }

  /// Writes symbols that a neighbour asked for.
  mutating func writeSymbols(_ slot: Int, to writer: inout Writer) -> Bool {
    let first = Int(links[slot].symbolsNext)
    let end = min(Int(links[slot].symbolsEnd), sketch.size)
    let header = 1 + 4 + 4 + 5 + 4 + 1
    guard first < end, writer.remaining >= header + SketchCoding.symbolLimit else { return false }
    let items = sketch.count
    let coding = SketchCoding(items: UInt64(items))
    writer.write(MessageKind.symbols)
    writer.write(links[slot].symbolsSession)
    writer.write(sketch.version)
    writer.writeVariable(UInt64(items))
    writer.writeVariable(UInt64(first))
    let countAt = writer.count
    writer.write(UInt8(0))
    var next = first
    while next < end, next - first < 255, writer.remaining >= SketchCoding.symbolLimit {
      coding.write(sketch[next], at: next, to: &writer)
      next += 1
    }
    writer.overwrite(at: countAt, with: UInt8(truncatingIfNeeded: next - first))
    links[slot].symbolsNext = UInt32(truncatingIfNeeded: next)
    return true
  }

  /// Symbols of a neighbour's map.
  mutating func onSymbols(
    _ cursor: inout Cursor, from slot: Int, now: Instant, counters: inout Counters
  ) throws(DecodeError) {
    let number = try cursor.read(UInt32.self)
    let version = try cursor.read(UInt32.self)
    let coding = SketchCoding(items: try cursor.readVariable(in: 0...UInt64(UInt32.max)))
    let first = Int(
      truncatingIfNeeded: try cursor.readVariable(in: 0...UInt64(Sketch.limits.upperBound)))
    let count = Int(try cursor.read(UInt8.self))
    var isOurs =
      session.phase == .comparing && session.slot == slot && session.number == number
      && session.asked <= sketch.size
    if isOurs, session.version != version || session.ownVersion != sketch.version {
      // One of the maps is another than it was: what came before is of no use.
      if session.version != nil {
        session.restarts += 1
        decoder.begin(key: Self.sketchKey)
      }
      session.version = version
      session.ownVersion = sketch.version
      if session.restarts > Self.restartLimit {
        putOff(now: now, counters: &counters)
        isOurs = false
      }
    }
    if isOurs { decoder.extend(to: session.asked, own: sketch) }
    for index in first..<first + count {
      let symbol = try coding.read(at: index, from: &cursor)
      guard isOurs, decoder.add(symbol, at: index) else { continue }
      counters.symbolsReceived &+= 1
      session.attempts = 0
    }
    guard isOurs else { return }
    if decoder.isDecoded {
      session.phase = .exchanging
      session.deadline = now
    } else if decoder.isStuck || decoder.firstMissing >= session.asked {
      askMore(now: now, counters: &counters)
    } else {
      session.deadline = now + Self.retryTime
    }
  }

  /// Asks for a quarter more than there are; when there may be no more, for the whole map.
  private mutating func askMore(now: Instant, counters: inout Counters) {
    guard !decoder.isStuck, session.asked < session.most else {
      counters.tupleSyncsFailed &+= 1
      return giveUpComparing(now: now, counters: &counters)
    }
    let more = min(max(Self.firstSymbols, session.asked / 4), Self.symbolsAtOnce)
    session.asked = min(session.asked + more, session.most)
    ask(now: now)
  }

  /// Too many differences, or versions made to have one hash on purpose: both ends send all they have, for which no
  /// hashes are needed.
  private mutating func giveUpComparing(now: Instant, counters: inout Counters) {
    if session.isYielding {
      yieldsAll = true
    } else {
      offerStream(to: session.slot, now: now, counters: &counters)
    }
    askStream(now: now)
  }
}

// The differences are known.
extension TupleMap {
  private mutating func advanceExchange(up: SlotMask, now: Instant, counters: borrowing Counters) {
    // What was asked for and has not come for so long was lost, or is no longer there.
    if session.outstanding > 0, now >= session.deadline { session.outstanding = 0 }
    while session.pushNext < decoder.count, exchangePlace == nil { session.pushNext += 1 }
    guard session.pushNext >= decoder.count, session.fetchNext >= decoder.count,
      session.hasYielded || !session.isYielding
    else { return }
    guard session.outstanding == 0 else { return }
    let missing = (0..<decoder.count).contains { isMissing($0) }
    // Nothing is lost on the links of a replica: what did not come was written over there, and comes as something else.
    guard missing, !news.isKept, session.arrivals > 0 || session.attempts < 3 else {
      // Who yields has the neighbour's map now. Else, all that was here is there when nothing had to be sent.
      if session.isYielding || !(0..<decoder.count).contains(where: { !decoder.isTheirs($0) }) {
        didShare(through: session.startedAt, since: session.since)
      }
      return finishSession(up: up, now: now, counters: counters)
    }
    session.attempts = session.arrivals > 0 ? 0 : session.attempts + 1
    session.arrivals = 0
    session.outstanding = 0
    session.fetchNext = 0
    session.deadline = now + Self.retryTime << UInt64(session.attempts)
  }

  /// Whether a difference is a version of theirs that has not come.
  private func isMissing(_ index: Int) -> Bool {
    decoder.isTheirs(index) && table.find(hash: decoder.item(index)) == nil
  }

  /// The place of the next difference, when that is a tuple which the neighbour lacks; nil when it is not.
  var exchangePlace: Int? {
    guard !decoder.isTheirs(session.pushNext),
      let place = table.find(hash: decoder.item(session.pushNext))
    else { return nil }
    return session.isYielding && table[place].clock <= sharedAt.bits ? nil : place
  }

  /// Forgets what the neighbour lacks and this node has had for so long that it must have been removed.
  mutating func yieldDifferences(counters: inout Counters, into changes: inout ChangeBuffer) {
    guard session.phase == .exchanging, session.isYielding, !session.hasYielded else { return }
    for index in 0..<decoder.count where !decoder.isTheirs(index) {
      guard let place = table.find(hash: decoder.item(index)), table[place].clock <= sharedAt.bits else {
        continue
      }
      guard changes.hasRoom(for: 2 * table[place].keyLength, changes: 2) else { return }
      discard(place, into: &changes)
      counters.tuplesYielded &+= 1
    }
    session.hasYielded = true
  }

  /// Forgets all that was known to others when this node was last in touch: it is about to come anew.
  mutating func yieldAll(counters: inout Counters, into changes: inout ChangeBuffer) {
    guard yieldsAll else { return }
    for place in 0..<table.placesUsed where !table[place].isFree && table[place].clock <= sharedAt.bits {
      guard changes.hasRoom(for: 2 * table[place].keyLength, changes: 2) else { return }
      discard(place, into: &changes)
      counters.tuplesYielded &+= 1
    }
    yieldsAll = false
  }

  /// Whether the exchange has something to send to its neighbour.
  func hasExchange(_ slot: Int) -> Bool {
    session.phase == .exchanging && session.slot == slot && session.pushNext < decoder.count
  }

  /// Whether the exchange has something to ask for.
  func hasFetch(_ slot: Int) -> Bool {
    session.phase == .exchanging && session.slot == slot && session.fetchNext < decoder.count
      && session.outstanding < Self.outstandingLimit
  }

  /// Writes the question for versions that are missing here.
  mutating func writeFetch(_ slot: Int, to writer: inout Writer, now: Instant) {
    guard hasFetch(slot), writer.remaining >= 2 + 8 else { return }
    let countAt = writer.count + 1
    var count: UInt8 = 0
    while session.fetchNext < decoder.count, count < 255, writer.remaining >= 10 {
      defer { session.fetchNext += 1 }
      guard isMissing(session.fetchNext) else { continue }
      if count == 0 {
        writer.write(MessageKind.tuplesWanted)
        writer.write(UInt8(0))
      }
      writer.write(decoder.item(session.fetchNext))
      count += 1
    }
    guard count > 0 else { return }
    writer.overwrite(at: countAt, with: count)
    session.outstanding += Int(count)
    session.deadline = now + Self.answerTime
  }

  /// A neighbour's question for versions.
  mutating func onTuplesWanted(_ cursor: inout Cursor, from slot: Int, now: Instant) throws(DecodeError) {
    let count = try cursor.read(UInt8.self)
    for _ in 0..<count {
      let hash = try cursor.read(UInt64.self)
      guard links[slot].wantedCount < Self.wantedPerLink, !isDoubted(now) else { continue }
      let position = (Int(links[slot].wantedFirst) + Int(links[slot].wantedCount)) & (Self.wantedPerLink - 1)
      wanted[slot * Self.wantedPerLink + position] = hash
      links[slot].wantedCount += 1
    }
  }

  /// Lets go of a sketch that nobody asks for any more.
  mutating func advanceFreeze(now: Instant) {
    guard frozenUntil != .never, now >= min(frozenUntil, frozenSince + Self.freezeLimit) else { return }
    frozenUntil = .never
    if session.phase == .idle || now >= frozenSince + Self.freezeLimit { sketch.thaw() }
    if session.phase == .idle, !sketch.isGrowing { sketch.shrink(to: Sketch.startSize) }
  }
}
