// Who is there: greetings, lists, and who is not any more.

import GrapevineCore
import GrapevineDialect

extension GossipPythonEngine {
  func place(of endpoint: Endpoint) -> Int? { peers.firstIndex { $0.endpoint == endpoint } }

  /// The place of a peer, which becomes known when there is room. For one that comes itself, one makes room of which
  /// nothing shows that it is there: the one that had most time to.
  mutating func place(of endpoint: Endpoint, displacing: Bool, now: Instant) -> Int? {
    if let index = place(of: endpoint) { return index }
    guard endpoint.ipv4 != nil, endpoint.isUsable, endpoint != address else { return nil }
    if peers.count >= configuration.memberLimit {
      let unproven = peers.indices.filter { !peers[$0].isProven && !contacts.contains(peers[$0].endpoint) }
      guard displacing, let index = unproven.min(by: { peers[$0].metAt < peers[$1].metAt }) else {
        return nil
      }
      drop(index)
    }
    peers.append(PythonPeer(endpoint, now: now))
    return peers.count - 1
  }

  mutating func drop(_ index: Int) {
    let peer = peers.remove(at: index)
    outbound.removeAll(of: peer.endpoint)
    if peer.isMember { counters.membersLost &+= 1 }
  }

  /// Greets who is to be greeted, and drops who is silent.
  mutating func tendPeers(now: Instant) {
    var index = 0
    while index < peers.count {
      let peer = peers[index]
      let isSilent = now.since(peer.heardAt) >= configuration.silenceLimit.asNanoseconds
      let isDue = peer.helloAt <= now
      let isVain = !peer.isMember && isDue && peer.vainHellos >= attempts(for: peer.endpoint)
      if isSilent || isVain {
        drop(index)
        continue
      }
      if isDue { greet(index, now: now) }
      index += 1
    }
    guard peers.isEmpty else {
      seekAt = .never
      return
    }
    if lifecycle == .joining { return failToJoin() }
    // Everybody is gone: whoever took this peer in may come back.
    if seekAt <= now { seek(now: now) }
    if seekAt == .never, !contacts.isEmpty { seekAt = now + configuration.helloInterval.asNanoseconds }
  }

  /// Greets the contacts.
  mutating func seek(now: Instant) {
    seekAt = .never
    for contact in contacts {
      guard let index = place(of: contact, displacing: true, now: now) else { continue }
      peers[index].helloAt = now
    }
  }

  /// Hellos to one that does not answer. Who is only said to be there gets fewer, so that lies about who is make no
  /// flood of them.
  private func attempts(for endpoint: Endpoint) -> Int {
    contacts.contains(endpoint) ? configuration.attempts.hello : min(3, configuration.attempts.hello)
  }

  /// Sends a Hello, unless the peer may be joining itself: a Hello would end an original that is.
  private mutating func greet(_ index: Int, now: Instant) {
    let interval = configuration.helloInterval.asNanoseconds
    if !peers[index].isConnected, let greetedAt = peers[index].greetedAt, now.since(greetedAt) < interval {
      peers[index].helloAt = greetedAt + interval
      return
    }
    let isQuiet = now.since(peers[index].heardAt) >= interval
    if peers[index].kind == .sound, peers[index].isReady, !isQuiet {
      peers[index].helloAt = peers[index].heardAt + interval
      return
    }
    peers[index].helloSequence = enqueue(
      .hello, PythonMessage.hello(member).body, to: peers[index].endpoint, sequence: drawNumber(),
      attempts: 1, now: now)
    peers[index].wrongNumbers = 0
    peers[index].vainHellos += 1
    let isIntroduced = peers[index].isMember && peers[index].kind != .unknown
    peers[index].helloAt = now + (isIntroduced ? interval : configuration.retryInterval.asNanoseconds)
    if peers[index].isMember, peers[index].vainHellos > configuration.attempts.hello {
      // It sends, and does not answer: asked now and then.
      peers[index].helloAt = now + interval
    }
  }

  /// Hello: welcomes.
  mutating func onHello(_ newcomer: PythonMember, _ sequence: Int, from source: Endpoint, now: Instant) {
    let kind: PythonPeer.Kind = if case .fraction = newcomer.uid { .original } else { .sound }
    if lifecycle == .joining, kind == .sound, contacts.contains(source) {
      // Two that join through each other: either may take in the other.
      connect(now: now)
    }
    guard lifecycle == .connected else {
      counters.droppedUnexpected &+= 1
      return
    }
    guard let index = place(of: source, displacing: true, now: now) else {
      counters.droppedExcess &+= 1
      return
    }
    if peers[index].uid != newcomer.uid {
      if peers[index].uid != nil { peers[index].restart() }
      peers[index].isNewcomer = true
    }
    (peers[index].kind, peers[index].uid) = (kind, newcomer.uid)
    (peers[index].isMember, peers[index].heardAt, peers[index].greetedAt) = (true, now, now)
    if peers[index].helloAt == .never || peers[index].vainHellos > 0 {
      peers[index].helloAt = now + configuration.helloInterval.asNanoseconds
    }
    // An original that is a member already takes a Welcome for a failure, and ends.
    guard kind == .sound || !peers[index].isConnected else { return }
    // The number in the header is that of its envelope with the Hello, which it drops then: it numbers envelopes
    // from 1, and the first seed of its list is its first.
    enqueue(
      .welcome, PythonMessage.welcome(echo: sequence, member).body, to: source, sequence: 1, attempts: 1,
      now: now)
  }

  /// Welcome: it is a member, and so are we.
  mutating func onWelcome(_ echo: Int, _ host: PythonMember, from source: Endpoint, now: Instant) {
    guard let index = place(of: source), peers[index].knows(echo, told: peers[index].helloSequence),
      lifecycle == .connected || lifecycle == .joining
    else {
      counters.droppedUnexpected &+= 1
      return
    }
    let isFirst = !peers[index].isReady
    if let uid = peers[index].uid, uid != host.uid { peers[index].restart() }
    peers[index].kind = if case .fraction = host.uid { .original } else { .sound }
    (peers[index].uid, peers[index].vainHellos) = (host.uid, 0)
    (peers[index].isMember, peers[index].isConnected, peers[index].heardAt) = (true, true, now)
    peers[index].helloAt = now + configuration.helloInterval.asNanoseconds
    if lifecycle == .joining { connect(now: now) }
    // What it sends tells the other end that we are connected, and what we lack.
    noteProven(index, now: now)
    if isFirst { sendStatus(to: index, now: now) }
  }

  /// Notes that a peer knows a number that was sent to its address alone: what goes there is for it. It gets now
  /// what it waits for.
  mutating func noteProven(_ index: Int, now: Instant) {
    peers[index].isProven = true
    guard peers[index].isReady else { return }
    if peers[index].isNewcomer { introduce(index, now: now) }
    guard let clock = peers[index].owed else { return }
    peers[index].owed = nil
    onStatus(clock, from: index, now: now)
  }

  /// Notes that a peer sends what only members send.
  ///
  /// - Returns: Its place; nil when there is no room for it.
  @discardableResult
  mutating func noteConnected(_ source: Endpoint, now: Instant) -> Int? {
    guard let index = place(of: source, displacing: true, now: now) else { return nil }
    peers[index].heardAt = now
    if !peers[index].isMember { peers[index].isMember = true }
    if peers[index].kind == .unknown, peers[index].helloAt == .never { peers[index].helloAt = now }
    guard peers[index].isProven else {
      peers[index].isConnected = true
      probe(index, now: now)
      return index
    }
    guard !peers[index].isConnected else { return index }
    peers[index].isConnected = true
    if peers[index].isNewcomer { introduce(index, now: now) }
    return index
  }

  /// Tells a newcomer who is there, and those who are there of the newcomer.
  private mutating func introduce(_ newcomer: Int, now: Instant) {
    peers[newcomer].isNewcomer = false
    if takesLists(newcomer) { sendLists(to: newcomer, now: now) }
    guard let record = record(of: peers[newcomer]) else { return }
    let body = PythonMessage.memberList([record]).body
    for index in peers.indices where index != newcomer && peers[index].isReady && takesLists(index) {
      enqueue(
        .memberList, body, to: peers[index].endpoint, attempts: configuration.attempts.memberList, now: now)
    }
  }

  private func takesLists(_ index: Int) -> Bool {
    peers[index].kind == .sound || peers[index].kind == .original && configuration.listsForOriginals
  }

  /// A peer as lists name it. The uid of an original does not fit: its last four whole digits stand for it.
  private func record(of peer: PythonPeer) -> PythonMember? {
    guard let address = PythonMultiaddress(peer.endpoint), let uid = peer.uid else { return nil }
    switch uid {
    case .number: return PythonMember(uid: uid, address: address)
    case .fraction(let text):
      let whole = text.prefix { $0 != UInt8(ascii: ".") }.suffix(4)
      return PythonMember(
        uid: .number(whole.reduce(0) { $0 * 10 + Int($1 &- 0x30) }), address: address)
    }
  }

  private mutating func sendLists(to newcomer: Int, now: Instant) {
    // The longest entry has 8 bytes of numbers, 4 of a length and 30 of an address.
    let perList = max(1, (min(max(256, configuration.datagramLimit), 512) - 12) / 42)
    var entries = peers.indices.filter { $0 != newcomer && peers[$0].isReady }.compactMap {
      record(of: peers[$0])
    }
    while !entries.isEmpty {
      let body = PythonMessage.memberList(Array(entries.prefix(perList))).body
      entries.removeFirst(min(perList, entries.count))
      enqueue(
        .memberList, body, to: peers[newcomer].endpoint, attempts: configuration.attempts.memberList, now: now
      )
    }
  }

  /// MemberList: whom it names is greeted after a while, and is a member once it answers. So an address that is
  /// wrong, as an original's often are, costs a few Hellos.
  mutating func onMemberList(_ members: [PythonMember], now: Instant) {
    for member in members {
      if let endpoint = member.address.endpoint { hearOf(endpoint, now: now) }
    }
  }

  /// The place of an originator of which a message came, which becomes known when there is room. Its name has its address in it: so peers
  /// find each other that share no contact but an original, whose lists name wrong addresses.
  mutating func originator(_ id: [UInt8], now: Instant) -> Int? {
    if let place = origins.place(of: id) { return place }
    let place = origins.place(ofOther: id, now: now)
    if place != nil, let endpoint = PythonMultiaddress(originator: id)?.endpoint {
      hearOf(endpoint, now: now)
    }
    return place
  }

  /// Somebody says that there is a peer: it is greeted after a while.
  private mutating func hearOf(_ endpoint: Endpoint, now: Instant) {
    guard endpoint != address, place(of: endpoint) == nil else { return }
    // What is only said leaves room for those who come.
    let candidates = peers.count { !$0.isMember }
    guard candidates < max(1, configuration.memberLimit / 4),
      let index = place(of: endpoint, displacing: false, now: now)
    else {
      counters.droppedExcess &+= 1
      return
    }
    let delay = configuration.introductionDelay.asNanoseconds
    // Not all at once: a newcomer is named to everybody at the same time.
    peers[index].helloAt = now + (delay + UInt64(generator.below(500)) * 1_000_000)
  }
}
