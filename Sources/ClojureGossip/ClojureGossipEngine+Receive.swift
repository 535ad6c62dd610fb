// What arrives.

import GrapevineCore
import GrapevineDialect

extension ClojureGossipEngine {
  /// Takes one datagram; answers wait for `advance`.
  public mutating func receive(
    _ datagram: UnsafeRawBufferPointer, from source: Endpoint, now: Instant,
    into effects: inout DialectEffects
  ) {
    counters.datagramsReceived &+= 1
    guard datagram.count <= ClojureDatagram.lengthLimit else {
      counters.droppedOversized &+= 1
      return
    }
    let received: ClojureDatagram
    do throws(ClojureWireError) {
      received = try ClojureDatagram(reading: datagram)
    } catch {
      counters.droppedMalformed &+= 1
      return
    }
    guard lifecycle == .connected, source != address, source.isUsable, source.ipv4 != nil else {
      counters.droppedUnexpected &+= 1
      return
    }
    if case .gossip(let text) = received.message {
      return onGossip(text, from: source, now: now, into: &effects)
    }
    guard peers.pay(source, now: now) else {
      counters.droppedExcess &+= 1
      return
    }
    let terms = SubscriptionTerms(isOurs(source) ? received.notes : [])
    switch received.message {
    case .initial:
      noteHolder(source, now: now)
      onInitial(of: source, terms, now: now)
    case .forward(let subscriber):
      // Copies go to members of views: nobody else has a say about ours.
      guard holds(source) || hasShown(source) || contacts.contains(source) || isOurs(source) else {
        counters.droppedUnexpected &+= 1
        return
      }
      noteHolder(source, now: now)
      onForward(of: subscriber, terms, from: source, now: now)
    case .heartbeat:
      noteHolder(source, now: now)
      confirmAt = .never
    case .remove: part(from: source, now: now)
    case .replace(let surrogate): onReplace(by: surrogate, from: source, now: now)
    case .gossip: break
    }
  }

  /// A message: delivered and passed on when its text is new, and never otherwise, which is where storms end.
  private mutating func onGossip(
    _ text: [UInt8], from source: Endpoint, now: Instant, into effects: inout DialectEffects
  ) {
    guard !texts.contains(text, now: now) else {
      texts.insert(text, now: now)
      counters.duplicates &+= 1
      if peers[source] != nil { noteHolder(source, now: now) }
      return
    }
    guard effects.deliveries.hasRoom(for: text.count), peers.pay(source, now: now) else {
      counters.droppedExcess &+= 1
      return
    }
    noteHolder(source, now: now)
    texts.insert(text, now: now)
    let isDelivered = text.withUnsafeBytes {
      effects.deliveries.append(
        origin: UnsafeRawBufferPointer(start: nil, count: 0), sequence: 0, payload: $0)
    }
    if isDelivered { counters.deliveries &+= 1 }
    for arc in view where arc.endpoint != source { send(.gossip(text), to: arc.endpoint) }
  }

  /// Notes that a peer has this one in its view: nobody else sends what it sent.
  private mutating func noteHolder(_ source: Endpoint, now: Instant) {
    peers.update(source, now: now) { $0.holdsAt = now }
    if let index = view.firstIndex(where: { $0.endpoint == source }) { view[index].hasShown = true }
    (beatsLeft, contactAt) = (Self.beats, .never)
  }

  /// Remove: the sender leaves.
  private mutating func part(from source: Endpoint, now: Instant) {
    view.removeAll { $0.endpoint == source }
    if peers[source] != nil { peers.update(source, now: now) { $0.holdsAt = nil } }
  }

  /// Replace: the sender leaves, and has a say about its own place only. A surrogate that cannot have it is passed
  /// on like a subscription.
  private mutating func onReplace(by surrogate: Endpoint, from source: Endpoint, now: Instant) {
    let wasHeld = holds(source)
    part(from: source, now: now)
    guard wasHeld else {
      counters.droppedUnexpected &+= 1
      return
    }
    if !keep(surrogate, until: .never, from: source, isFirst: true) {
      passOn(surrogate, SubscriptionTerms(), except: source, now: now)
    }
  }
}
