// What a datagram does to the peer.

import GrapevineCore
import GrapevineDialect

extension PittacusEngine {
  /// Takes one datagram; answers wait for `advance`.
  public mutating func receive(
    _ datagram: UnsafeRawBufferPointer, from source: Endpoint, now: Instant,
    into effects: inout DialectEffects
  ) {
    counters.datagramsReceived += 1
    guard datagram.count <= PittacusWire.datagramLimit else {
      counters.droppedOversized += 1
      return
    }
    guard lifecycle == .joining || lifecycle == .connected, isReachable(source), source != identity.endpoint
    else {
      counters.droppedUnexpected += 1
      return
    }
    let message: PittacusMessage
    do throws(DecodeError) {
      message = try PittacusMessage(decoding: datagram)
    } catch {
      counters.droppedMalformed += 1
      return
    }
    let peer = roster.find(source)
    if let peer {
      roster[peer].awaitingSince = .never
      roster[peer].isHeard = true
    }
    switch message {
    case .hello(let sequence, let member): take(hello: member, sequence, from: source, now: now)
    case .welcome(_, let answers, let member): take(welcome: member, answers: answers, from: source, now: now)
    case .acknowledgement(_, let number): take(acknowledgement: number, from: source)
    case .memberList(let sequence, let members):
      enqueue(.acknowledgement, to: source, subject: UInt64(sequence))
      if let peer { roster[peer].spokeAt = now }
      take(members: members, now: now)
    case .data, .status:
      guard lifecycle == .connected else {
        counters.droppedUnexpected += 1
        return
      }
      if let peer { roster[peer].spokeAt = now }
      if case .data(let sequence, let version, let payload) = message {
        take(data: version, payload, sequence, from: source, now: now, into: &effects)
      } else if case .status(let sequence, let clock) = message {
        enqueue(.acknowledgement, to: source, subject: UInt64(sequence))
        compare(clock, from: source, peer: peer, now: now)
      }
    }
  }

  // MARK: Members

  /// Answers as a member does; and also while joining, so that nodes that are each other's contacts find in.
  private mutating func take(
    hello member: PittacusMember, _ sequence: UInt32, from source: Endpoint, now: Instant
  ) {
    guard isReachable(member.endpoint), member.endpoint != identity.endpoint else {
      counters.droppedUnexpected += 1
      return
    }
    guard limits.takeHello(of: helloBucket(of: source, now: now)) else {
      counters.droppedExcess += 1
      return
    }
    let isDirect = source == member.endpoint
    let isNews = merge(member, isDirect: isDirect, now: now)
    guard let place = roster.find(member.endpoint) else { return }
    enqueue(.welcome, to: source, subject: UInt64(sequence))
    sendMembers(to: source, about: place)
    guard isDirect else { return }
    roster[place].awaitingSince = .never
    roster[place].isHeard = true
    if isNews {
      roster[place].isUnannounced = true
      announceNewcomers(now: now)
    }
  }

  private func helloBucket(of source: Endpoint, now: Instant) -> Int {
    limits.bucket(of: source, isProven: roster.find(source).map { roster[$0].isProven } ?? false, now: now)
  }

  private mutating func take(
    welcome member: PittacusMember, answers: UInt32, from source: Endpoint, now: Instant
  ) {
    // Only in answer to a HELLO: anybody else could take a joining peer into a cluster of its own.
    guard let hellos, answers &- hellos.first <= hellos.last &- hellos.first, isReachable(member.endpoint)
    else {
      counters.droppedUnexpected += 1
      return
    }
    let isDirect = source == member.endpoint
    merge(member, isDirect: isDirect, now: now)
    if isDirect, let place = roster.find(source) {
      roster[place].isHeard = true
      // It was sent a HELLO, so it has answered one.
      if contacts.contains(source) || roster[place].greetedAt != Instant() { roster[place].isProven = true }
    }
    if lifecycle == .joining { connect(now: now) }
  }

  private mutating func take(members list: PittacusMembers, now: Instant) {
    var list = list
    while let member = list.next() {
      guard isReachable(member.endpoint) else {
        counters.droppedUnexpected += 1
        continue
      }
      merge(member, isDirect: false, now: now)
    }
  }

  private mutating func take(acknowledgement number: UInt32, from source: Endpoint) {
    guard queue.acknowledge(number, from: source), let place = roster.find(source) else { return }
    roster[place].isProven = true
  }

  /// Enters a member, or takes its record for that of a later run at the same address.
  ///
  /// - Parameter isDirect: Whether it said so itself, from its address; others are believed only when they name a
  ///   later run. When there is no room, it takes the place of a member that only others spoke of.
  /// - Returns: Whether that changed anything.
  @discardableResult
  private mutating func merge(_ member: PittacusMember, isDirect: Bool, now: Instant) -> Bool {
    guard member.endpoint != identity.endpoint else { return false }
    if let place = roster.find(member.endpoint) {
      let known = roster[place].member
      guard member != known, isDirect || member.uid > known.uid else { return false }
      roster[place].member = member
      roster[place].knownSince = now
      return true
    }
    if roster.isFull, isDirect, let silent = roster.firstUnheard {
      queue.drop(to: roster[silent].member.endpoint)
      roster.remove(silent)
      counters.membersLost += 1
    }
    guard let place = roster.add(member, now: now) else {
      counters.droppedExcess += 1
      return false
    }
    roster[place].isHeard = isDirect
    return true
  }

  /// Sends a newcomer members that it may not know, others at each HELLO.
  private mutating func sendMembers(to source: Endpoint, about newcomer: Int) {
    let count = roster.count
    let attempts = roster[newcomer].member.endpoint == source ? configuration.attempts : 1
    let wanted = min(count, configuration.listsPerHello * recordsPerList + 1)
    var subject: UInt64 = 0
    var filled = 0
    for step in 0..<wanted {
      let place = roster.place((listCursor + step) % count)
      guard place != newcomer, roster[place].isHeard else { continue }
      subject |= UInt64(place + 1) << UInt64(16 * filled)
      filled += 1
      if filled == recordsPerList {
        enqueue(.memberList, to: source, subject: subject, limit: attempts)
        (subject, filled) = (0, 0)
      }
    }
    if filled > 0 { enqueue(.memberList, to: source, subject: subject, limit: attempts) }
    if count > 0 { listCursor = (listCursor + wanted) % count }
  }

  /// Member records of any family that fit into a MEMBER_LIST.
  private var recordsPerList: Int {
    min(PittacusWire.memberListLimit, (configuration.datagramLimit - 14) / identity.encodedLength)
  }

  /// Tells everybody of those who came, as far as the rate for all announcements goes; `tick` tells of the others.
  mutating func announceNewcomers(now: Instant) {
    hasUnannounced = false
    for number in 0..<roster.count {
      let newcomer = roster.place(number)
      guard roster[newcomer].isUnannounced else { continue }
      guard announcements.take(roster.count, now: now) else {
        hasUnannounced = true
        return
      }
      roster[newcomer].isUnannounced = false
      announce(newcomer)
    }
  }

  private mutating func announce(_ newcomer: Int) {
    for number in 0..<roster.count {
      let place = roster.place(number)
      guard place != newcomer else { continue }
      enqueue(
        .memberList, to: roster[place].member.endpoint, subject: UInt64(newcomer + 1),
        limit: configuration.attempts)
    }
  }

  // MARK: Messages

  private mutating func take(
    data version: PittacusVersion, _ payload: UnsafeRawBufferPointer, _ sequence: UInt32,
    from source: Endpoint, now: Instant, into effects: inout DialectEffects
  ) {
    guard isCredible(version) else {
      counters.droppedUnexpected += 1
      return
    }
    if version.id == identity.id {
      adopt(version.number, isProven: roster.find(source).map { roster[$0].isProven } ?? false)
      enqueue(.acknowledgement, to: source, subject: UInt64(sequence))
      counters.duplicates += 1
      return
    }
    var place = originators.find(version.id)
    if place.map({ !originators.has(version.number, at: $0) }) ?? true,
      !effects.deliveries.hasRoom(for: payload.count + MemoryLayout<UInt64>.size)
    {
      // Not acknowledged, so it is sent again.
      counters.droppedExcess += 1
      return
    }
    enqueue(.acknowledgement, to: source, subject: UInt64(sequence))
    if place == nil { place = admit(version, now: now) }
    guard let place else {
      counters.droppedExcess += 1
      return
    }
    guard originators.note(version.number, at: place, now: now) == .new else {
      counters.duplicates += 1
      return
    }
    let reference = log.append(version, payload, now: now)
    withUnsafeBytes(of: version.id.bytes.bigEndian) { origin in
      _ = effects.deliveries.append(origin: origin, sequence: UInt64(version.number), payload: payload)
    }
    counters.deliveries += 1
    spread(reference, version.id, except: source)
  }

  /// Enters an originator that a first message arrived of, and judges whether earlier ones may be missing.
  private mutating func admit(_ version: PittacusVersion, now: Instant) -> Int? {
    let window = UInt32(truncatingIfNeeded: configuration.window)
    var before = version.number - min(version.number, 1)
    if let member = member(of: version.id) {
      let start = Self.firstNumber(uid: member.uid)
      if version.number > start, version.number - start <= window {
        before = start
      } else if version.number <= window {
        before = 0
      }
    }
    guard
      let place = originators.add(
        version.id, number: before, now: now, idle: times.originatorIdle, kept: ownPlace)
    else { return nil }
    // They may as well be from before our time: a few questions are enough to find out.
    originators[place].asks = UInt16(max(0, configuration.repairAttempts - 4))
    originators[place].loggedFrom = version.number
    return place
  }

  private func member(of id: PittacusID) -> PittacusMember? {
    for number in 0..<roster.count {
      let member = roster[roster.place(number)].member
      if member.id == id { return member }
    }
    return nil
  }

  /// Whether a message may have this number. None has 0; and above `adoptionLimit`, which nobody can be driven
  /// beyond, a peer comes only number by number: a forged one there would end its messages for everybody who took it.
  private func isCredible(_ version: PittacusVersion) -> Bool {
    guard version.number > 0, version.number <= Self.numberLimit else { return false }
    guard version.number > Self.adoptionLimit, version.id != identity.id else { return true }
    guard let place = originators.find(version.id) else { return false }
    let highest = originators[place].highest
    return version.number <= highest || version.number - highest <= UInt32(configuration.window)
  }

  /// Goes on above a number that others know as ours: of an earlier run with our id. Members that have shown that
  /// they receive are believed any number that leaves enough for our own messages, others a small step.
  mutating func adopt(_ number: UInt32, isProven: Bool) {
    guard number > ownNumber, number <= Self.adoptionLimit,
      isProven || number - ownNumber <= Self.adoptionStep
    else { return }
    ownNumber = number
    originators.settle(number, at: ownPlace)
  }
}
