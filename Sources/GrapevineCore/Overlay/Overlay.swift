// The one small protocol behind which every overlay stands, and the choice among them.
//
// The neighbourhood knows how a link comes and goes; an overlay knows with whom. It is told what arrives and
// what time it is, greets, accepts, refuses and closes, and says which neighbours messages are pushed to. Its
// neighbours, a random sample of members and the links that came up and went down are the neighbourhood's to
// tell, and the same for all.

/// The rules of an overlay.
protocol OverlayRules {
  /// The node joins; the contacts are in the view.
  mutating func open(_ view: inout Neighbourhood, now: Instant)

  /// A proven member asks for a link: call the view's `establish` or `refuse`.
  mutating func onConnect(
    _ connect: Connect, from source: Endpoint, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects)

  /// A link came up.
  mutating func linkUp(
    _ slot: Int, _ view: inout Neighbourhood, now: Instant, counters: inout Counters,
    into effects: inout Effects)

  /// A link went down, or a handshake of ours was refused and brought other members to turn to.
  mutating func linkLost(_ view: inout Neighbourhood, now: Instant)

  /// The node says goodbye; its links are closed afterwards.
  mutating func shut(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects)

  /// A message of the overlay arrived on a link.
  mutating func onMessage(
    _ kind: UInt8, from slot: Int, _ cursor: inout Cursor, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects) throws(DecodeError)

  /// The answer to a shuffle of ours arrived, in a frame that any member can send.
  mutating func onShuffleReply(
    _ cursor: inout Cursor, _ view: inout Neighbourhood, now: Instant, counters: inout Counters
  ) throws(DecodeError)

  /// Does what is due.
  mutating func advance(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects)

  /// A member that was lost is there again, perhaps with others that are not in reach otherwise.
  mutating func introduce(_ record: PeerRecord, _ view: inout Neighbourhood, now: Instant)

  /// The earliest time at which `advance` has work.
  func nextDeadline(_ view: borrowing Neighbourhood) -> Instant

  /// The slots that messages are pushed to.
  func targets(_ view: borrowing Neighbourhood) -> SlotMask
}

extension OverlayRules {
  mutating func onShuffleReply(
    _ cursor: inout Cursor, _ view: inout Neighbourhood, now: Instant, counters: inout Counters
  ) throws(DecodeError) {
    throw .unknownKind
  }

  mutating func introduce(_ record: PeerRecord, _ view: inout Neighbourhood, now: Instant) {
    view.lost.remove(record.endpoint)
    view.learn(record, now: now)
  }
}

/// The overlay that the configuration chose.
enum Overlay {
  case hyParView(HyParView)
  case full(FullView)
  case scamp(Scamp)

  init(_ configuration: Configuration) {
    switch configuration.overlay {
    case .hyParView: self = .hyParView(HyParView(configuration))
    case .full: self = .full(FullView(configuration))
    case .scamp(let rules): self = .scamp(Scamp(rules, configuration))
    }
  }
}

extension Overlay: OverlayRules {
  mutating func open(_ view: inout Neighbourhood, now: Instant) {
    switch self {
    case .hyParView(var rules):
      rules.open(&view, now: now)
      self = .hyParView(rules)
    case .full(var rules):
      rules.open(&view, now: now)
      self = .full(rules)
    case .scamp(var rules):
      rules.open(&view, now: now)
      self = .scamp(rules)
    }
  }

  mutating func onConnect(
    _ connect: Connect, from source: Endpoint, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) {
    switch self {
    case .hyParView(var rules):
      rules.onConnect(connect, from: source, &view, now: now, counters: &counters, into: &effects)
      self = .hyParView(rules)
    case .full(var rules):
      rules.onConnect(connect, from: source, &view, now: now, counters: &counters, into: &effects)
      self = .full(rules)
    case .scamp(var rules):
      rules.onConnect(connect, from: source, &view, now: now, counters: &counters, into: &effects)
      self = .scamp(rules)
    }
  }

  mutating func linkUp(
    _ slot: Int, _ view: inout Neighbourhood, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    switch self {
    case .hyParView(var rules):
      rules.linkUp(slot, &view, now: now, counters: &counters, into: &effects)
      self = .hyParView(rules)
    case .full(var rules):
      rules.linkUp(slot, &view, now: now, counters: &counters, into: &effects)
      self = .full(rules)
    case .scamp(var rules):
      rules.linkUp(slot, &view, now: now, counters: &counters, into: &effects)
      self = .scamp(rules)
    }
  }

  mutating func linkLost(_ view: inout Neighbourhood, now: Instant) {
    switch self {
    case .hyParView(var rules):
      rules.linkLost(&view, now: now)
      self = .hyParView(rules)
    case .full(var rules):
      rules.linkLost(&view, now: now)
      self = .full(rules)
    case .scamp(var rules):
      rules.linkLost(&view, now: now)
      self = .scamp(rules)
    }
  }

  mutating func shut(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    switch self {
    case .hyParView(var rules):
      rules.shut(&view, now: now, counters: &counters, into: &effects)
      self = .hyParView(rules)
    case .full(var rules):
      rules.shut(&view, now: now, counters: &counters, into: &effects)
      self = .full(rules)
    case .scamp(var rules):
      rules.shut(&view, now: now, counters: &counters, into: &effects)
      self = .scamp(rules)
    }
  }

  mutating func onMessage(
    _ kind: UInt8, from slot: Int, _ cursor: inout Cursor, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) throws(DecodeError) {
    switch self {
    case .hyParView(var rules):
      defer { self = .hyParView(rules) }
      try rules.onMessage(kind, from: slot, &cursor, &view, now: now, counters: &counters, into: &effects)
    case .full(var rules):
      defer { self = .full(rules) }
      try rules.onMessage(kind, from: slot, &cursor, &view, now: now, counters: &counters, into: &effects)
    case .scamp(var rules):
      defer { self = .scamp(rules) }
      try rules.onMessage(kind, from: slot, &cursor, &view, now: now, counters: &counters, into: &effects)
    }
  }

  mutating func onShuffleReply(
    _ cursor: inout Cursor, _ view: inout Neighbourhood, now: Instant, counters: inout Counters
  ) throws(DecodeError) {
    switch self {
    case .hyParView(var rules):
      defer { self = .hyParView(rules) }
      try rules.onShuffleReply(&cursor, &view, now: now, counters: &counters)
    case .full(var rules):
      defer { self = .full(rules) }
      try rules.onShuffleReply(&cursor, &view, now: now, counters: &counters)
    case .scamp(var rules):
      defer { self = .scamp(rules) }
      try rules.onShuffleReply(&cursor, &view, now: now, counters: &counters)
    }
  }

  mutating func advance(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    switch self {
    case .hyParView(var rules):
      rules.advance(&view, now: now, counters: &counters, into: &effects)
      self = .hyParView(rules)
    case .full(var rules):
      rules.advance(&view, now: now, counters: &counters, into: &effects)
      self = .full(rules)
    case .scamp(var rules):
      rules.advance(&view, now: now, counters: &counters, into: &effects)
      self = .scamp(rules)
    }
  }

  mutating func introduce(_ record: PeerRecord, _ view: inout Neighbourhood, now: Instant) {
    switch self {
    case .hyParView(var rules):
      rules.introduce(record, &view, now: now)
      self = .hyParView(rules)
    case .full(var rules):
      rules.introduce(record, &view, now: now)
      self = .full(rules)
    case .scamp(var rules):
      rules.introduce(record, &view, now: now)
      self = .scamp(rules)
    }
  }

  /// Asks for a link with whoever is at the address of a contact: perhaps the other half of what should be one cluster.
  func meet(_ contact: Endpoint, _ view: inout Neighbourhood, now: Instant) {
    switch self {
    case .hyParView: view.greet(contact, peer: 0, need: .high, now: now)
    case .full: view.greet(contact, peer: 0, need: .arc, now: now)
    // Its subscriptions go to contacts by themselves.
    case .scamp: break
    }
  }

  func nextDeadline(_ view: borrowing Neighbourhood) -> Instant {
    switch self {
    case .hyParView(let rules): rules.nextDeadline(view)
    case .full(let rules): rules.nextDeadline(view)
    case .scamp(let rules): rules.nextDeadline(view)
    }
  }

  func targets(_ view: borrowing Neighbourhood) -> SlotMask {
    switch self {
    case .hyParView(let rules): rules.targets(view)
    case .full(let rules): rules.targets(view)
    case .scamp(let rules): rules.targets(view)
    }
  }
}
