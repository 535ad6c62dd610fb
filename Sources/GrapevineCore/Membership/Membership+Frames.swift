// Member frames: from any member to any other.

extension Membership {
  /// Begins a member frame, if the driver's buffer has room for one.
  func beginFrame(_ effects: inout Effects) -> Writer {
    var writer = Writer(effects.datagrams.nextDatagram())
    Frame.begin(Frame.member, in: &writer)
    writer.write(ownID)
    writer.write(run)
    return writer
  }

  /// Completes a member frame with news, as far as there is room, and sends it.
  mutating func finishFrame(
    _ writer: inout Writer, to endpoint: Endpoint, run: UInt64, withNews: Bool, counters: inout Counters,
    into effects: inout Effects
  ) {
    if withNews { tellNews(in: &writer, counters: &counters) }
    Frame.finish(&writer, key: Frame.memberKey(openKey, run: run))
    effects.datagrams.commit(length: writer.count, to: endpoint)
    counters.datagramsSent &+= 1
    counters.bytesSent &+= UInt64(writer.count)
  }

  /// Sends a PING to a member, which hears first what is said of it.
  mutating func ping(
    _ place: Int, number: UInt32, tellsRecord: Bool = false, counters: inout Counters,
    into effects: inout Effects
  ) {
    guard effects.datagrams.hasRoom else {
      counters.droppedAnswers &+= 1
      return
    }
    var writer = beginFrame(&effects)
    // Lifeguard's buddy: whoever is accused hears of it at once, and its answer can say that it lives.
    if tellsRecord || !table[place].isAlive && !ablations.contains(.buddy) {
      _ = writeNews(place, to: &writer, counters: &counters)
    }
    writer.write(MessageKind.ping)
    writer.write(number)
    finishFrame(
      &writer, to: table[place].endpoint, run: table[place].run, withNews: true, counters: &counters,
      into: &effects)
  }

  /// Sends a message that has but a number.
  mutating func send(
    _ kind: UInt8, number: UInt32, to endpoint: Endpoint, run: UInt64, withNews: Bool = false,
    isAccused: Bool = false, counters: inout Counters, into effects: inout Effects
  ) {
    guard effects.datagrams.hasRoom else {
      counters.droppedAnswers &+= 1
      return
    }
    var writer = beginFrame(&effects)
    if isAccused { _ = writeNews(MemberTable.own, to: &writer, counters: &counters) }
    writer.write(kind)
    writer.write(number)
    finishFrame(
      &writer, to: endpoint, run: run, withNews: withNews, counters: &counters, into: &effects)
  }

  /// Asks a member to probe another one.
  mutating func request(
    _ helper: Int, number: UInt32, id: UInt64, counters: inout Counters, into effects: inout Effects
  ) {
    guard effects.datagrams.hasRoom else {
      counters.droppedAnswers &+= 1
      return
    }
    var writer = beginFrame(&effects)
    writer.write(MessageKind.pingRequest)
    writer.write(number)
    writer.write(id)
    finishFrame(
      &writer, to: table[helper].endpoint, run: table[helper].run, withNews: true, counters: &counters,
      into: &effects)
  }

  /// Sends a member nothing but news.
  mutating func tell(_ place: Int, counters: inout Counters, into effects: inout Effects) {
    guard effects.datagrams.hasRoom else {
      counters.droppedAnswers &+= 1
      return
    }
    var writer = beginFrame(&effects)
    _ = writeNews(MemberTable.own, to: &writer, counters: &counters)
    finishFrame(
      &writer, to: table[place].endpoint, run: table[place].run, withNews: true, counters: &counters,
      into: &effects)
  }
}

// What arrives.
extension Membership {
  /// Whether a datagram, which has the first byte of a member frame, was meant for this node's run.
  func isIntact(_ datagram: RawSpan) -> Bool {
    datagram.byteCount >= Frame.memberHeader
      && Frame.isIntact(datagram, key: Frame.memberKey(openKey, run: run))
  }

  /// Takes a member frame that is intact.
  mutating func onFrame(
    _ cursor: inout Cursor, from source: Endpoint, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) throws(DecodeError) {
    guard isOpen else { return }
    _ = try cursor.readBytes(UInt64(Frame.openHeader))
    let id = try cursor.read(UInt64.self)
    var sender = Sender(id: id, run: try cursor.read(UInt64.self), endpoint: source)
    guard sender.run != run else {
      counters.droppedOwn &+= 1
      return
    }
    doubt.didHear(now: now)
    var returning: Int?
    if let place = table.find(id), table[place].run == sender.run, table[place].endpoint == source {
      sender.isKnown = true
      if !table[place].hasAnswered { table.note(place) { $0.hasAnswered = true } }
      if table[place].hasFailed {
        returning = place
        hint(place, now: now)
      }
    }
    defer {
      // It was lost, and has just said that it is there.
      if let place = returning, table[place].isAlive {
        introductions.add(PeerRecord(id: table[place].run, endpoint: table[place].endpoint))
      }
    }
    while cursor.remaining > 0 {
      let kind = try cursor.read(UInt8.self)
      switch kind {
      case MessageKind.ping:
        let number = try cursor.read(UInt32.self)
        guard sender.asks() else { continue }
        send(
          MessageKind.pingAnswer, number: number, to: source, run: sender.run, withNews: sender.isKnown,
          isAccused: sender.accusesUs && (sender.isKnown || isBrief), counters: &counters, into: &effects)
        if sender.accusesUs, sender.isKnown { promise(sender) }
      case MessageKind.pingRequest:
        let number = try cursor.read(UInt32.self)
        let id = try cursor.read(UInt64.self)
        guard sender.asks() else { continue }
        relay(number, id, for: sender, now: now, counters: &counters, into: &effects)
      case MessageKind.pingAnswer:
        let number = try cursor.read(UInt32.self)
        onAnswer(number, from: sender, now: now, counters: &counters, into: &effects)
      case MessageKind.pingInVain:
        let number = try cursor.read(UInt32.self)
        if probe.isActive, probe.number == number { probe.nacks = min(probe.nacks + 1, probe.nacksExpected) }
      default:
        let accuses = try onNews(
          kind, from: nil, sender: sender, &cursor, now: now, counters: &counters, into: &effects)
        if accuses { sender.accusesUs = true }
      }
    }
  }

  /// Whether an answer with what this node says of itself is at most three times as long as the shortest frame
  /// that accuses and asks it, of 36 bytes: strangers get no long answers. Without name and tags it has 62.
  /// A signature is too long for that.
  private var isBrief: Bool { !rules.signs && rules.name.utf8.count + tags.count <= 46 }

  /// Who sent a member frame.
  struct Sender {
    var id: UInt64
    var run: UInt64
    var endpoint: Endpoint
    /// Whether it is the member it says it is, at the address that is known.
    var isKnown = false
    /// Whether it said that this node does not answer.
    var accusesUs = false
    /// Whether it asked something.
    var hasAsked = false

    /// Whether a question is the first in its frame: one frame gets one answer.
    mutating func asks() -> Bool {
      defer { hasAsked = true }
      return !hasAsked
    }
  }
}
