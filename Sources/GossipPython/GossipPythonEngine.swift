// A peer of gossip_python: what its parts are and what its user asks of it.
//
// Originals have no way to say who they are, but for their uid: they write the time with its fraction, where
// four digits belong. Whoever does so is treated as an original, with all that its faults make necessary. Peers
// that write four digits get more: lists, and a Status that says up to where nothing is missing and is answered
// with everything that is.

import GrapevineCore
import GrapevineDialect

/// A peer of gossip_python, in the role of a seed or of a node that joins.
public struct GossipPythonEngine: ~Copyable, DialectEngine {
  /// How it is set up.
  public let configuration: GossipPythonConfiguration
  /// Where others reach it.
  public let address: Endpoint
  /// What tells this run, and each 9,999 messages of it, from others at its address; four digits.
  public internal(set) var uid: Int
  /// Where the peer is in its life.
  public internal(set) var lifecycle = Lifecycle.initialized
  /// What happened so far.
  public internal(set) var counters = DialectCounters()

  let multiaddress: PythonMultiaddress
  var generator: Generator
  var peers: [PythonPeer] = []
  var contacts: [Endpoint] = []
  var origins: PythonOrigins
  var outbound: PythonOutbound
  var texts: RecentTexts
  var strangers: PythonStrangers
  /// The uids that it had, the one that it has included: nobody else sends under them.
  var ownUIDs: Set<Int>
  /// Messages of ours so far.
  var broadcastCount: UInt64 = 0
  /// The number of the last datagram, 1 to 9,999.
  var lastSequence = 0
  var tickAt = Instant.never
  /// When to look for what is missing.
  var repairAt = Instant.never
  /// When to greet the contacts again, while nobody is known.
  var seekAt = Instant.never
  /// Where the next part of a large clock begins.
  var clockCursor = 0

  /// Creates a peer.
  ///
  /// - Parameters:
  ///   - configuration: Its limits and times.
  ///   - address: Where others reach it: IPv4, as the wire demands, and the socket that it sends from.
  ///   - seed: The seed of its choices, its uid included.
  /// - Throws: `DialectError.addressUnusable` when the wire cannot name `address`.
  public init(
    configuration: GossipPythonConfiguration = .init(), address: Endpoint, seed: UInt64
  ) throws(DialectError) {
    guard address.isUsable, let multiaddress = PythonMultiaddress(address) else {
      throw .addressUnusable(address)
    }
    self.configuration = configuration
    (self.address, self.multiaddress) = (address, multiaddress)
    generator = Generator(seed: seed)
    uid = 1_000 + generator.below(9_000)
    ownUIDs = [uid]
    origins = PythonOrigins(configuration)
    strangers = PythonStrangers(rate: configuration.strangerRate, salt: generator.next())
    outbound = PythonOutbound(limit: configuration.outboundLimit)
    texts = RecentTexts(
      lifetime: configuration.textLifetime.asNanoseconds, limit: configuration.textLimit)
    // Before anybody else can send under that name.
    origins.addOwn(memberID, now: Instant())
  }

  /// The longest payload that `broadcast` takes, in bytes.
  public var payloadLimit: Int {
    let limit = min(max(256, configuration.datagramLimit), PythonDatagram.lengthLimit)
    return limit - 20 - memberID.count - configuration.payload.overhead
  }

  /// The peers it knows, in the order in which it met them.
  public var members: [Endpoint] { peers.filter(\.isMember).map(\.endpoint) }

  /// What it is called as an originator: its address and its uid.
  public var memberID: [UInt8] { multiaddress.text + "/uid/\(uid)".utf8 }

  var member: PythonMember { PythonMember(uid: .number(uid), address: multiaddress) }

  /// When `advance` must be called next.
  public var nextDeadline: Instant {
    var deadline = outbound.nextDeadline
    if lifecycle == .leaving { return min(deadline, Instant()) }
    guard lifecycle == .connected || lifecycle == .joining else { return deadline }
    deadline = min(min(deadline, seekAt), min(tickAt, repairAt))
    let silence = configuration.silenceLimit.asNanoseconds
    for peer in peers { deadline = min(deadline, min(peer.helloAt, peer.heardAt + silence)) }
    return deadline
  }

  /// Asks `contacts` to take it in; with none, founds a cluster.
  ///
  /// It is a member when the first of them answers, and `disconnected` again when none does in all attempts.
  ///
  /// - Throws: `DialectError.alreadyJoined`; `addressUnusable` for a contact that is not IPv4 or that it is itself.
  public mutating func join(_ contacts: [Endpoint], now: Instant) throws(DialectError) {
    guard lifecycle == .initialized || lifecycle == .disconnected else { throw .alreadyJoined }
    for contact in contacts where contact.ipv4 == nil || !contact.isUsable || contact == address {
      throw .addressUnusable(contact)
    }
    self.contacts = contacts
    guard !contacts.isEmpty else { return connect(now: now) }
    lifecycle = .joining
    seek(now: now)
  }

  mutating func connect(now: Instant) {
    lifecycle = .connected
    tickAt = now + configuration.tickInterval.asNanoseconds
  }

  /// Takes a message to spread among all members, by `configuration.spread`.
  ///
  /// - Returns: Its number among this peer's messages, from 1.
  /// - Throws: `notConnected`, `payloadTooLong`, `payloadUnfit` when it is not UTF-8, `wouldBlock`.
  @discardableResult
  public mutating func broadcast(
    _ payload: UnsafeRawBufferPointer, now: Instant
  ) throws(DialectError) -> UInt64 {
    try send(payload, to: configuration.spread, now: now)
  }

  /// Takes a message to send to whom `spread` says; it goes on from there.
  ///
  /// - Returns: Its number among this peer's messages, from 1.
  /// - Throws: As `broadcast`, and `nobodyKnown` for a recipient that is no member.
  @discardableResult
  public mutating func send(
    _ payload: UnsafeRawBufferPointer, to spread: PythonSpread, now: Instant
  ) throws(DialectError) -> UInt64 {
    guard lifecycle == .connected else { throw .notConnected }
    guard payload.count <= payloadLimit else {
      throw .payloadTooLong(length: payload.count, limit: payloadLimit)
    }
    let text = configuration.payload.wrapped(payload)
    guard String(validating: text, as: UTF8.self) != nil else { throw .payloadUnfit("it is not UTF-8") }
    let recipients = try recipients(of: spread)
    guard outbound.room >= recipients.count else { throw .wouldBlock }
    renewNameIfSpent(now: now)
    guard let place = origins.own else { throw .wouldBlock }
    origins[place].heardAt = now
    let sequence = origins[place].highest + 1
    origins[place].insert(sequence, text, now: now)
    let body = PythonMessage.data(PythonRecord(sequence: sequence, id: memberID), text).body
    for index in recipients { sendData(body, of: place, to: index, now: now) }
    broadcastCount += 1
    counters.broadcasts += 1
    return broadcastCount
  }

  /// Takes another uid, and so another name, when the numbers of this one are used up: one that nobody foresees,
  /// and that nobody sent under.
  private mutating func renewNameIfSpent(now: Instant) {
    guard let place = origins.own, origins[place].highest >= PythonOrigin.lastSequence else { return }
    if ownUIDs.count >= 8_000 { ownUIDs = [uid] }
    uid = 1_000 + generator.below(9_000)
    while ownUIDs.contains(uid) || origins.place(of: memberID) != nil { uid = uid >= 9_999 ? 1_000 : uid + 1 }
    ownUIDs.insert(uid)
    origins.addOwn(memberID, now: now)
  }

  /// Whether this peer sends under that name, or did.
  func isOwnName(_ id: [UInt8]) -> Bool {
    let prefix = multiaddress.text + "/uid/".utf8
    guard id.count == prefix.count + 4, id.starts(with: prefix),
      let uid = Int(String(decoding: id.suffix(4), as: UTF8.self))
    else { return false }
    return ownUIDs.contains(uid)
  }

  /// The places of the peers that a message of ours goes to. Each original gets it from us and in order, since
  /// what overtakes another message there hides it for ever.
  private mutating func recipients(of spread: PythonSpread) throws(DialectError) -> [Int] {
    switch spread {
    case .direct(let endpoint):
      guard let index = place(of: endpoint), peers[index].isReady else { throw .nobodyKnown }
      return [index]
    case .broadcast: return peers.indices.filter { peers[$0].isReady }
    case .random:
      return peers.indices.filter { peers[$0].isReady && peers[$0].kind != .sound }
        + drawSound(configuration.fanout, except: address)
    }
  }

  /// Parts from the cluster, which has no words for it: what waits is sent once, and then nothing any more.
  public mutating func leave(now: Instant) {
    guard lifecycle == .connected || lifecycle == .joining else { return }
    lifecycle = .leaving
  }

  /// Does what is due and writes the datagrams that wait.
  public mutating func advance(now: Instant, into effects: inout DialectEffects) {
    if lifecycle == .connected {
      if tickAt <= now { tick(now: now) }
      if repairAt <= now { repair(now: now) }
    }
    if lifecycle == .connected || lifecycle == .joining { tendPeers(now: now) }
    write(now: now, into: &effects)
    guard lifecycle == .leaving, !outbound.hasUnsent else { return }
    part()
  }

  /// Ends the membership. What was seen and logged is kept, so that nothing is delivered twice after a return.
  private mutating func part() {
    lifecycle = .disconnected
    outbound.removeAll()
    (peers, contacts) = ([], [])
    (tickAt, repairAt, seekAt) = (.never, .never, .never)
  }

  mutating func failToJoin() { part() }
}
