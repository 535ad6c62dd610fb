// Facts that members sign: in a cluster that shares a key, what keeps one member from speaking for another.
//
// A member alone says where it is, what it is, and that it leaves. Others can say no more than that it does not
// answer, of the incarnation that it announced itself, and that is a suspicion with its full time, which the member
// refutes with its signature. Who has an id is bound to the first key seen with it, for as long as it is remembered.
//
// Signatures cost more than all else a datagram does. So only what would change the table is checked: the many
// copies of news that gossip makes are recognised by their incarnation first.

extension Membership {
  /// Takes SIGNED-ALIVE or SIGNED-LEFT.
  ///
  /// - Returns: Whether it is behind about this node.
  mutating func onFact(
    _ kind: UInt8, from slot: Int?, isContents: Bool, sender: Sender?, _ cursor: inout Cursor, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) throws(DecodeError) -> Bool {
    guard kind == MessageKind.signedAlive else {
      return try onSignedLeft(
        from: slot, isContents: isContents, sender: sender, &cursor, now: now, counters: &counters,
        into: &effects)
    }
    var whole = cursor
    let alive = try AliveNews(from: &cursor)
    let fields = try whole.readBytes(UInt64(cursor.offset - whole.offset))
    let key = try cursor.readBytes(UInt64(SignedFact.keyLength))
    let signature = try cursor.readBytes(UInt64(SignedFact.signatureLength))
    let isOwnWord = sender.map { $0.run == alive.run && $0.endpoint == alive.endpoint } ?? false
    // A stranger can speak of itself only.
    guard isOpen, isOwnWord || sender?.isKnown ?? true else { return false }
    let id = alive.id
    if isNews(alive, id, key: key, counters: &counters) {
      let fact = SignedFact(
        publicKey: Array(key), signature: Array(signature),
        fact: FactBytes.fact(kind, cluster: openKey, id: id, fields: fields), slot: slot,
        source: allowance.source(slot: slot, endpoint: sender?.endpoint), isContents: isContents,
        isOwnWord: isOwnWord)
      if wasChecked(id, fields, signature) {
        _ = apply(alive, id, fact, now: now, counters: &counters, into: &effects)
      } else {
        hold(fact, now: now, counters: &counters, into: &effects)
      }
    }
    return alive.run == run && alive.incarnation != table[MemberTable.own].incarnation
  }

  /// Whether these are the very bytes that a member's place in the table is from, which were checked then: of those who
  /// are gone they come again and again.
  private func wasChecked(
    _ id: UInt64, _ fields: UnsafeRawBufferPointer, _ signature: UnsafeRawBufferPointer
  ) -> Bool {
    guard let place = table.find(id), place != MemberTable.own, table.proofs.isSigned(place),
      signature.elementsEqual(table.proofs.signature(place))
    else { return false }
    return withUnsafeTemporaryAllocation(byteCount: AliveNews.lengthLimit, alignment: 1) { buffer in
      var writer = Writer(buffer)
      table.writeFields(place, to: &writer)
      return writer.written(from: 0).elementsEqual(fields)
    }
  }

  private func hold(_ fact: SignedFact, now: Instant, counters: inout Counters, into effects: inout Effects) {
    guard effects.facts.count < FactAllowance.burst, allowance.pay(fact.source, now: now) else {
      counters.factsDropped &+= 1
      return
    }
    effects.facts.append(fact)
  }

  /// Whether a SIGNED-ALIVE would change anything, if its signature is right.
  private func isNews(
    _ alive: AliveNews, _ id: UInt64, key: UnsafeRawBufferPointer, counters: inout Counters
  ) -> Bool {
    guard alive.endpoint.isUsable else { return false }
    guard id != ownID else {
      guard key.elementsEqual(rules.identityKey) else {
        // Another member has this one's name, or says so. It has it nowhere where this one was seen first.
        counters.factsRefused &+= 1
        return false
      }
      let own = table[MemberTable.own]
      guard isAnnounced, !hasLeft else { return false }
      return own.isOlder(than: alive.incarnation)
        || own.run != alive.run && own.incarnation == alive.incarnation
    }
    guard let place = table.find(id) else { return true }
    if table.proofs.isBound(place), !key.elementsEqual(table.proofs.key(place)) {
      counters.factsRefused &+= 1
      return false
    }
    let entry = table[place]
    // What is said of one that is gone can be a hint that it is not, or ask for an answer.
    return entry.isOlder(than: alive.incarnation) || entry.isGone
      || entry.incarnation == alive.incarnation && entry.run < alive.run
  }

  private mutating func onSignedLeft(
    from slot: Int?, isContents: Bool, sender: Sender?, _ cursor: inout Cursor, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) throws(DecodeError) -> Bool {
    let id = try cursor.read(UInt64.self)
    guard id != 0 else { throw .outOfRange }
    var whole = cursor
    let left = try SignedLeft(from: &cursor)
    let fields = try whole.readBytes(UInt64(cursor.offset - whole.offset))
    let signature = try cursor.readBytes(UInt64(SignedFact.signatureLength))
    guard isOpen, isAnnounced, let place = table.find(id) else { return false }
    guard place != MemberTable.own else {
      // Of an earlier run: this one goes above it.
      return onClaim(ofOwn: left.incarnation, now: now, counters: &counters)
    }
    guard sender?.isKnown ?? true, table.proofs.isBound(place), isNews(left, of: table[place]) else {
      return false
    }
    hold(
      SignedFact(
        publicKey: Array(table.proofs.key(place)), signature: Array(signature),
        fact: FactBytes.fact(MessageKind.signedLeft, cluster: openKey, id: id, fields: fields), slot: slot,
        source: allowance.source(slot: slot, endpoint: sender?.endpoint), isContents: isContents,
        isOwnWord: false), now: now, counters: &counters, into: &effects)
    return false
  }

  private func isNews(_ left: SignedLeft, of entry: MemberEntry) -> Bool {
    // The goodbye of an earlier run is none of this one.
    entry.run == left.run && entry.status != MemberStatus.left.rawValue
      && (entry.incarnation == left.incarnation || entry.isOlder(than: left.incarnation))
  }

  /// Somebody says something of this node that it did not say itself.
  ///
  /// - Returns: Whether to answer with what is true.
  mutating func onClaim(ofOwn incarnation: UInt32, now: Instant, counters: inout Counters) -> Bool {
    guard !hasLeft else { return false }
    let own = table[MemberTable.own]
    if !own.isOlder(than: incarnation), own.incarnation != incarnation { return true }
    // Nobody who is right can be far ahead; so that liars cannot drive it around the circle of its numbers soon.
    guard incarnation &- own.incarnation <= Self.leapLimit else {
      counters.newsIncredible &+= 1
      return true
    }
    refute(above: incarnation, now: now, counters: &counters)
    return true
  }

  /// Whether what others say of a member is of the incarnation that it announced itself. It goes on with no other; who
  /// is said to be further is asked next.
  mutating func isClaimInTime(_ incarnation: UInt32, _ place: Int) -> Bool {
    if table[place].incarnation == incarnation { return true }
    if table[place].isOlder(than: incarnation) { order.hasten(place) }
    return false
  }
}

// What was checked.
extension Membership {
  mutating func applyVerified(
    _ fact: SignedFact, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    guard isOpen, fact.fact.count > FactBytes.header else { return }
    // Name and tags of what is read lie in the fact.
    defer { withExtendedLifetime(fact) {} }
    var cursor = Cursor(fact.fact.span.bytes)
    do throws(DecodeError) {
      let kind = try cursor.read(UInt8.self)
      _ = try cursor.read(UInt64.self)
      let id = try cursor.read(UInt64.self)
      let isTaken =
        kind == MessageKind.signedAlive
        ? apply(try AliveNews(from: &cursor), id, fact, now: now, counters: &counters, into: &effects)
        : apply(try SignedLeft(from: &cursor), id, fact, now: now, into: &effects)
      if isTaken { allowance.payBack(fact.source) }
    } catch {
      // It was read once before, when it came: what does not read now was never handed out.
      counters.droppedInvalid &+= 1
    }
  }

  /// - Returns: Whether it was news.
  private mutating func apply(
    _ alive: AliveNews, _ id: UInt64, _ fact: SignedFact, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) -> Bool {
    // Another fact that waited with it can have changed what it says.
    let isTrueStill = fact.publicKey.withUnsafeBytes { self.isNews(alive, id, key: $0, counters: &counters) }
    guard isTrueStill else { return false }
    let hadFailed = table.find(id).map { table[$0].hasFailed } ?? false
    let isTaken = onAlive(
      alive, from: fact.slot, isContents: fact.isContents, now: now, counters: &counters, into: &effects)
    guard isTaken, let place = table.find(id) else { return false }
    table.proofs.set(place, key: fact.publicKey, signature: fact.signature)
    if hadFailed, fact.isOwnWord {
      introductions.add(PeerRecord(id: table[place].run, endpoint: table[place].endpoint))
    }
    return true
  }

  private mutating func apply(
    _ left: SignedLeft, _ id: UInt64, _ fact: SignedFact, now: Instant, into effects: inout Effects
  ) -> Bool {
    guard isAnnounced, let place = table.find(id), place != MemberTable.own, table.proofs.isBound(place),
      isNews(left, of: table[place]), fact.publicKey.elementsEqual(table.proofs.key(place))
    else { return false }
    table.proofs.set(place, key: fact.publicKey, signature: fact.signature)
    leave(place, incarnation: left.incarnation, from: fact.slot, now: now, into: &effects)
    return true
  }
}

// What this node says of itself.
extension Membership {
  /// This node has something else to say of itself, which waits for its signature.
  mutating func awaitSignature() {
    table.proofs.unsign(MemberTable.own)
    isAwaitingSignature = true
  }

  /// What is to be signed; nil when nothing is.
  var factToSign: [UInt8]? {
    guard isAwaitingSignature else { return nil }
    let own = table[MemberTable.own]
    let hasLeft = own.status == MemberStatus.left.rawValue
    return withUnsafeTemporaryAllocation(byteCount: AliveNews.lengthLimit, alignment: 1) { buffer in
      var writer = Writer(buffer)
      if hasLeft {
        SignedLeft(incarnation: own.incarnation, run: own.run).write(to: &writer)
      } else {
        table.writeFields(MemberTable.own, to: &writer)
      }
      return FactBytes.fact(
        hasLeft ? MessageKind.signedLeft : MessageKind.signedAlive, cluster: openKey, id: own.id,
        fields: writer.written(from: 0))
    }
  }

  /// What this node says of itself is signed: everybody is told.
  mutating func applySignature(
    _ signature: [UInt8], now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    guard isAwaitingSignature, signature.count == SignedFact.signatureLength else { return }
    isAwaitingSignature = false
    table.proofs.set(MemberTable.own, key: rules.identityKey, signature: signature)
    spread(MemberTable.own, from: nil, now: now)
    if hasLeft { sayGoodbye(counters: &counters, into: &effects) }
    let waiting = accusers
    accusers.removeAll(keepingCapacity: true)
    for accuser in waiting where effects.datagrams.hasRoom {
      var writer = beginFrame(&effects)
      _ = writeNews(MemberTable.own, to: &writer, counters: &counters)
      finishFrame(
        &writer, to: accuser.endpoint, run: accuser.run, withNews: false, counters: &counters, into: &effects)
    }
  }

  /// Members that accused this one and asked it, and hear what it says to that as soon as it is signed, at most. Chosen
  /// here.
  private static var accuserLimit: Int { 8 }

  /// A member that is known accused this node, which has an answer that waits for its signature.
  mutating func promise(_ sender: Sender) {
    guard isAwaitingSignature, accusers.count < Self.accuserLimit else { return }
    accusers.append(sender)
  }
}
