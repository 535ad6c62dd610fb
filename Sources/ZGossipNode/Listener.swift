// The node's listening side: a ROUTER for all that it binds, and who is on it.

import GrapevineCore
import ZeroMQ

/// One client of the node's listening side.
struct Client {
  /// What the ROUTER calls it.
  let routingID: [UInt8]
  /// The engine's link; nil while it is not listened to.
  var link: Int?
  /// What it said of itself in the handshake.
  var peer: MemberID?
  /// The descriptor of its connection; nil over inproc, which tells of no connections.
  var descriptor: Int32?
  /// Until when its messages are dropped unread.
  var ignoredUntil = Instant()
  /// When it is forgotten, as its connection is lost; what it sent before is still to be read.
  var leavesAt = Instant.never
}

/// The ROUTER, its monitor and its clients.
final class Listener {
  let socket: ZeroMQSocket
  private(set) var monitor: ZeroMQMonitor?
  /// Those with a link, and those not listened to; bounded by `ignoredLimit` and the engine's links.
  private(set) var clients: [Client] = []
  /// Who sent last: mostly the one who sends next.
  private var last = 0
  var isReadable = true
  var isMonitorReadable = true
  private var hasDomain = false
  /// Those that were refused and told so lately.
  private var told: [(routingID: [UInt8], at: Instant)] = []
  /// When the clients were last asked whether they are there.
  var probedAt: Instant?

  /// The tag of the ROUTER at the poller; the monitor has the next.
  static let tag: UInt32 = 0
  /// Clients that are remembered as not worth listening to. Chosen here; more displace the oldest.
  static let ignoredLimit = 256

  init(_ settings: SocketSettings, poller: ZeroMQPoller) throws(ZeroMQError) {
    socket = try settings.socket(.router)
    try socket.setRouterMandatory(true)
    let monitor = try ZeroMQMonitor(socket)
    try poller.add(socket, tag: Self.tag)
    do {
      try poller.add(monitor.socket, tag: Self.tag + 1)
    } catch {
      poller.remove(socket)
      throw error
    }
    self.monitor = monitor
  }

  /// Binds; what was bound before keeps its security.
  func bind(_ endpoint: String, _ security: ZGossipServerSecurity) throws(ZeroMQError) -> String {
    switch security {
    case .none:
      try socket.setCurveServer(nil)
      if hasDomain { try socket.setAuthenticationDomain(nil) }
    case .curveServer(let keys, let allowed):
      try socket.setCurveServer(keys)
      if let allowed {
        try socket.setAuthenticationDomain(try socket.context.admit(only: allowed))
        hasDomain = true
      } else if hasDomain {
        try socket.setAuthenticationDomain(nil)
      }
    }
    try socket.setIPv6(endpoint.isIPv6)
    return try socket.bind(endpoint)
  }

  /// The place of a client in `clients`; nil when it is new.
  func find(_ routingID: UnsafeRawBufferPointer) -> Int? {
    if last < clients.count, clients[last].routingID.elementsEqual(routingID) { return last }
    guard let index = clients.firstIndex(where: { $0.routingID.elementsEqual(routingID) }) else { return nil }
    last = index
    return index
  }

  /// The place of the client with the given link.
  func find(link: Int) -> Int? { clients.firstIndex { $0.link == link } }

  /// Takes a client in; returns its place.
  func add(_ client: Client) -> Int {
    clients.append(client)
    return clients.count - 1
  }

  func update(_ index: Int, _ body: (inout Client) -> Void) { body(&clients[index]) }

  func remove(_ index: Int) { clients.remove(at: index) }

  /// Does not listen to a client until the given time.
  func ignore(_ index: Int, until time: Instant) {
    clients[index].link = nil
    clients[index].ignoredUntil = time
    let ignored = clients.indices.filter { clients[$0].link == nil }
    if ignored.count > Self.ignoredLimit, let oldest = ignored.first { remove(oldest) }
  }

  /// Notes that the connection with a descriptor is lost.
  func lost(_ descriptor: Int32, now: Instant) {
    guard let index = clients.firstIndex(where: { $0.descriptor == descriptor }) else { return }
    clients[index].descriptor = nil
    clients[index].leavesAt = now + Self.leavingTime
  }

  /// A client that is to be forgotten now; nil when there is none.
  func leaver(now: Instant) -> Int? { clients.firstIndex { $0.leavesAt <= now } }

  /// When the next client is to be forgotten.
  var nextLeave: Instant { clients.reduce(.never) { min($0, $1.leavesAt) } }

  /// Whether who sent the last message may be told that it is not known: seldom, as some answer at once.
  func mayTell(now: Instant) -> Bool {
    told.removeAll { $0.at + Self.tellTime <= now }
    guard told.count < Self.ignoredLimit else { return false }
    guard !told.contains(where: { $0.routingID.elementsEqual(socket.peer) }) else { return false }
    told.append((Array(socket.peer), now))
    return true
  }

  /// Time in which the last messages of a lost connection arrive. Chosen here: the library hands them over at once.
  private static let leavingTime: Nanoseconds = 50_000_000
  /// Time between two answers to one client that is not known. Chosen here.
  static let tellTime: Nanoseconds = 1_000_000_000

  /// Ends the ROUTER.
  func close(poller: ZeroMQPoller, linger: Int32) {
    poller.remove(socket)
    try? socket.setLinger(milliseconds: linger)
    socket.close()
  }

  /// Whether all that it had to send has left, after `close`.
  func hasLeft() -> Bool {
    guard let monitor else { return true }
    while let event = try? monitor.next() {
      if event == .stopped { self.monitor = nil }
    }
    return self.monitor == nil
  }
}
