// Subscriptions, by the rules of SCAMP (Ganesh, Kermarrec, Massoulié, IEEE Trans. Computers 52(2), 2003), as far
// as the wire has words for them.

import GrapevineCore
import GrapevineDialect

/// What peers of ours say of a subscription beside who subscribes, in pieces that originals pass over: `l60`, held
/// for 60 s; `r`, held before; `w8`, to walk 8 steps.
struct SubscriptionTerms: Equatable {
  var lease: UInt64 = 0
  var isRenewal = false
  var steps = 0

  /// The longest lease, in seconds, and walk. Chosen here.
  static let leaseLimit: UInt32 = 65_535
  static let stepLimit: UInt32 = 64

  init(lease: UInt64 = 0, isRenewal: Bool = false, steps: Int = 0) {
    (self.lease, self.isRenewal, self.steps) = (lease, isRenewal, steps)
  }

  /// Reads pieces; what is not understood is passed over.
  init(_ notes: [[UInt8]]) {
    for note in notes {
      let number = ClojureDatagram.decimal(note.dropFirst(), limit: Self.leaseLimit)
      switch (note.first, number) {
      case (UInt8(ascii: "l"), let number?): lease = UInt64(number)
      case (UInt8(ascii: "w"), let number?): steps = Int(min(number, Self.stepLimit))
      case (UInt8(ascii: "r"), nil) where note.count == 1: isRenewal = true
      default: break
      }
    }
  }

  var notes: [String] {
    (steps > 0 ? ["w\(steps)"] : []) + (lease > 0 ? ["l\(lease)"] : []) + (isRenewal ? ["r"] : [])
  }

  func end(now: Instant) -> Instant { lease == 0 ? .never : now + lease * 1_000_000_000 }
}

// The subscriber's side.
extension ClojureGossipEngine {
  private var ownTerms: SubscriptionTerms {
    let seconds = (configuration.lease?.asNanoseconds ?? 0) / 1_000_000_000
    return SubscriptionTerms(lease: min(seconds, UInt64(SubscriptionTerms.leaseLimit)))
  }

  /// Subscribes at a peer, which this one holds from then on.
  private mutating func subscribe(at contact: Endpoint, isRenewal: Bool = false, now: Instant) {
    var terms = ownTerms
    terms.isRenewal = isRenewal
    send(.initial, notes: terms.notes, to: contact)
    if !holds(contact), view.count < configuration.viewLimit {
      view.append(
        Arc(endpoint: contact, until: .never, introducer: address, hasShown: hasShown(contact)))
    }
    // Before its end and not all at once: between 70 and 80 %.
    let span = terms.lease * 1_000_000_000
    renewAt = span == 0 ? .never : now + (span / 10 * 7 + UInt64(generator.below(Int(span / 10) + 1)))
  }

  mutating func tryContact(now: Instant) {
    contactAt = .never
    guard !contacts.isEmpty, contactAttempts < configuration.contactAttempts else { return }
    subscribe(at: contacts[contactAttempts % contacts.count], now: now)
    contactAt = now + configuration.contactPatience.asNanoseconds << UInt64(min(contactAttempts, 8))
    contactAttempts += 1
  }

  /// Does what is due.
  mutating func keepUp(now: Instant) {
    if contactAt <= now { tryContact(now: now) }
    view.removeAll { $0.until <= now }
    if heartbeatAt <= now {
      heartbeatAt = now + max(1_000_000, configuration.heartbeatInterval.asNanoseconds)
      for arc in view { send(.heartbeat, to: arc.endpoint) }
    }
    if checkAt <= now {
      checkAt = now + max(1_000_000, configuration.checkInterval.asNanoseconds)
      beatsLeft -= 1
      if beatsLeft <= 0 {
        // The original goes on with one, and subscribes again at every check.
        beatsLeft = Self.firstBeats
        let candidates = partialView + contacts.filter { !holds($0) }
        if !candidates.isEmpty { subscribe(at: candidates[generator.below(candidates.count)], now: now) }
      }
    }
    if min(renewAt, confirmAt) <= now { renew(now: now) }
  }

  /// Subscribes again before the lease is over, at another peer while nobody answers with a heartbeat. Those whose
  /// own lease goes on are asked first: they lived of late.
  private mutating func renew(now: Instant) {
    renewals = renewAt <= now ? 1 : renewals + 1
    (renewAt, confirmAt) = (.never, .never)
    let known = partialView.filter { isOurs($0) }
    let leased = view.filter { $0.until != .never && isOurs($0.endpoint) }.map(\.endpoint)
    let candidates = leased.isEmpty ? known : leased
    guard !candidates.isEmpty else {
      renewAt = now + max(1_000_000_000, (configuration.lease?.asNanoseconds ?? 0) / 10)
      return
    }
    subscribe(at: candidates[generator.below(candidates.count)], isRenewal: true, now: now)
    if renewals < configuration.contactAttempts {
      confirmAt = now + min(configuration.contactPatience.asNanoseconds, 2_000_000_000)
    }
  }

  /// Tells those who hold this peer what to do without it (§2.3 of the paper). Where c+1 or fewer hold it, the paper
  /// has all of them drop it; the original has all of them take a surrogate while they are few, which keeps small
  /// groups together, and so do we.
  mutating func unsubscribe(now: Instant) {
    let holders = inView(now: now)
    let drops = configuration.copies + 1
    let replaced = holders.count > drops ? holders.count - drops : holders.count
    for (index, holder) in holders.enumerated() {
      let surrogates = partialView.filter { $0 != holder }
      if index < replaced, !surrogates.isEmpty {
        send(.replace(surrogates[index % surrogates.count]), to: holder)
      } else {
        send(.remove, to: holder)
      }
    }
    // The wire has no keep notice, so there may be holders that never showed themselves. To those who do not hold
    // this peer a Remove does nothing.
    for arc in view where !holders.contains(arc.endpoint) { send(.remove, to: arc.endpoint) }
  }
}

// The side of contacts and keepers.
extension ClojureGossipEngine {
  /// Initial: treats the subscription, or sends it on a walk among peers of ours.
  mutating func onInitial(of subscriber: Endpoint, _ terms: SubscriptionTerms, now: Instant) {
    let steps = isOurs(subscriber) ? min(configuration.walkLength, Int(SubscriptionTerms.stepLimit)) : 0
    var terms = terms
    terms.steps = steps
    walk(subscriber, terms, except: subscriber, now: now)
  }

  /// Leads a subscription to its contact, which may be this peer.
  private mutating func walk(
    _ subscriber: Endpoint, _ terms: SubscriptionTerms, except source: Endpoint, now: Instant
  ) {
    let next = partialView.filter { isOurs($0) && $0 != subscriber && $0 != source }
    guard terms.steps > 0, !next.isEmpty else { return treat(subscriber, terms, now: now) }
    send(.forward(subscriber), notes: terms.notes, to: next[generator.below(next.count)])
  }

  /// Treats a subscription as its contact: a copy to each member of the view, and of a newcomer's c more (§2.1).
  /// With an empty view the contact takes the newcomer itself: two peers would hear each other one way only.
  private mutating func treat(_ subscriber: Endpoint, _ terms: SubscriptionTerms, now: Instant) {
    let interval = configuration.subscriptionInterval.asNanoseconds
    let isNew = peers.update(subscriber, now: now) { peer in
      if let last = peer.subscribedAt, now.since(last) < interval { return false }
      peer.subscribedAt = now
      return true
    }
    guard isNew, subscriber != address,
      subscriptions.pay(rate: configuration.subscriptionRate, now: now)
    else {
      counters.droppedExcess &+= 1
      return
    }
    var terms = terms
    terms.steps = 0
    // What a peer of ours renews must not gather in the views of originals, which forget nobody.
    let others = partialView.filter { $0 != subscriber && (!terms.isRenewal || isOurs($0)) }
    guard !others.isEmpty else {
      _ = keep(subscriber, until: terms.end(now: now), from: subscriber)
      return
    }
    // Where copies may go to nobody but who was only said to be there, it would be heard of nowhere.
    if !terms.isRenewal, view.count >= configuration.viewLimit {
      _ = keep(subscriber, until: terms.end(now: now), from: subscriber)
    }
    for other in others { send(.forward(subscriber), notes: terms.notes, to: other) }
    guard !terms.isRenewal else { return }
    for _ in 0..<min(64, max(0, configuration.copies)) {
      send(.forward(subscriber), notes: terms.notes, to: others[generator.below(others.count)])
    }
  }

  /// Forward: keeps the subscriber with probability 1/(1+v), or passes the copy on (§2.1).
  mutating func onForward(
    of subscriber: Endpoint, _ terms: SubscriptionTerms, from source: Endpoint, now: Instant
  ) {
    if terms.steps > 0 {
      // A walk, as it was before this step.
      var onward = terms
      onward.steps -= 1
      return walk(subscriber, onward, except: source, now: now)
    }
    if terms.lease > 0, let index = view.firstIndex(where: { $0.endpoint == subscriber }) {
      // Held already: for longer, which is what it asks for.
      if view[index].until != .never { view[index].until = max(view[index].until, terms.end(now: now)) }
      guard !terms.isRenewal else { return send(.heartbeat, to: subscriber) }
    }
    let isKept =
      generator.chance(1 / Double(1 + view.count))
      && keep(subscriber, until: terms.end(now: now), from: source)
    if !isKept { passOn(subscriber, terms, except: source, now: now) }
  }

  /// Takes a subscriber into the view, and shows that with a heartbeat. Who has shown itself takes the place of one
  /// that never did, when there is no other.
  ///
  /// - Returns: False when it is this peer, is held already, there is no room, or `source` has had us take too many
  ///   that never showed themselves.
  mutating func keep(
    _ subscriber: Endpoint, until: Instant, from source: Endpoint, isFirst: Bool = false
  ) -> Bool {
    guard subscriber != address, !holds(subscriber) else { return false }
    let isShown = hasShown(subscriber)
    if !isShown {
      let silent = view.count { !$0.hasShown && $0.introducer.low == source.low }
      guard silent < max(1, configuration.introductionLimit) else { return false }
    }
    if view.count >= configuration.viewLimit {
      let silent = view.firstIndex { !$0.hasShown && !contacts.contains($0.endpoint) }
      guard isShown, let index = silent else { return false }
      view.remove(at: index)
    }
    view.insert(
      Arc(endpoint: subscriber, until: until, introducer: source, hasShown: isShown),
      at: isFirst ? 0 : view.count)
    send(.heartbeat, to: subscriber)
    return true
  }

  /// Sends a copy to another member of the view; drops what comes by too often, as copies do for ever in groups that
  /// all hold the subscriber.
  mutating func passOn(
    _ subscriber: Endpoint, _ terms: SubscriptionTerms, except source: Endpoint, now: Instant
  ) {
    let (limit, interval) = (configuration.sightingLimit, configuration.subscriptionInterval.asNanoseconds)
    let mayPass = peers.update(subscriber, now: now) { peer in
      if now.since(peer.sightedAt) >= interval { (peer.sightings, peer.sightedAt) = (0, now) }
      peer.sightings += 1
      return peer.sightings <= limit
    }
    guard mayPass else { return }
    let others = partialView.filter { $0 != subscriber && (!terms.isRenewal || isOurs($0)) }
    let onward = others.filter { $0 != source }
    let candidates = onward.isEmpty ? others : onward
    guard !candidates.isEmpty else {
      _ = keep(subscriber, until: terms.end(now: now), from: source)
      return
    }
    send(.forward(subscriber), notes: terms.notes, to: candidates[generator.below(candidates.count)])
  }
}
