// UDP, and streams to those that UDP does not reach.
//
// A node cannot know beforehand which peers a wall lets UDP through to, and it may change. So it listens for both
// at the same port and sends by UDP; a peer from which nothing comes while datagrams go to it gets them by stream,
// and one of them a second by UDP as well, until UDP comes through again (`PeerPath`).

import GrapevineCore

/// A transport that sends by UDP, and by stream to peers that UDP does not reach. One thread uses it.
public final class FallbackTransport: DatagramTransport {
  /// Where peers reach this transport, by UDP and by stream.
  public let localEndpoint: Endpoint
  private let udp: any DatagramTransport
  private let streams: StreamTransport
  /// Nests the descriptors of both.
  private let ready: ReadyQueue
  private var paths: [Endpoint: PeerPath] = [:]
  private var counted = StreamCounters()
  private var nextSweep = Instant()
  private var isFromStreams = false
  private var turnsToStreams = false
  private var watchesWritable = false
  /// Datagrams for UDP, where some of a batch go by stream.
  @exclusivity(unchecked) private var outgoing = DatagramBuffer(
    datagrams: TransportLimits.batch, datagramLimit: TransportLimits.datagramBytes)
  private var outgoingSent = 0

  /// Chosen here: ports that are taken for streams alone are few.
  private static let bindAttempts = 16
  /// Peers whose way is remembered; beyond, UDP is used. Chosen here: more than a node writes to in a minute.
  private static let pathLimit = 4_096
  /// How long a way is remembered after the last datagram. Chosen here, as for connections.
  private static let pathMemory: Nanoseconds = 60_000_000_000
  private static let sweepInterval: Nanoseconds = 10_000_000_000

  /// Listens for UDP and for connections at the same port.
  ///
  /// - Parameters:
  ///   - endpoint: An address of this machine, or all zeros for all of them; port 0 takes a port that is free for
  ///     both.
  ///   - receiveBufferBytes: As of `UDPTransport`.
  ///   - configuration: Limits of the streams; their queues hold at least what the window of UDP lets be under way.
  public convenience init(
    bind endpoint: Endpoint, receiveBufferBytes: Int = 4 << 20, segmentOffload: Bool = true,
    configuration: StreamConfiguration = .init()
  ) throws(TransportError) {
    let (udp, streams) = try Self.open(endpoint, receiveBufferBytes, configuration)
    if !segmentOffload { udp.segmentOffload = false }
    try self.init(udp, streams: streams)
  }

  private static func open(
    _ endpoint: Endpoint, _ receiveBufferBytes: Int, _ configuration: StreamConfiguration
  ) throws(TransportError) -> (UDPTransport, StreamTransport) {
    // The port that is free for UDP may be taken for streams.
    var attempts = endpoint.port == 0 ? bindAttempts : 1
    while true {
      let udp = try UDPTransport(bind: endpoint, receiveBufferBytes: receiveBufferBytes)
      var configuration = configuration
      configuration.queueBytes = max(configuration.queueBytes, udp.receiveWindow * 1_202)
      attempts -= 1
      do throws(TransportError) {
        return (udp, try StreamTransport(bind: udp.localEndpoint, configuration: configuration))
      } catch {
        guard case .addressInUse = error, attempts > 0 else { throw error }
      }
    }
  }

  /// Opens both at a written address, as `Endpoint.resolve` reads it; a host name may block.
  public convenience init(
    bind text: String, receiveBufferBytes: Int = 4 << 20, segmentOffload: Bool = true,
    configuration: StreamConfiguration = .init()
  ) throws(TransportError) {
    let endpoint: Endpoint
    do {
      endpoint = try BoundSocket.firstBindable(of: Endpoint.resolve(text))
    } catch {
      throw .address(error)
    }
    try self.init(
      bind: endpoint, receiveBufferBytes: receiveBufferBytes, segmentOffload: segmentOffload,
      configuration: configuration)
  }

  /// Puts two transports together that are bound to the same port.
  ///
  /// - Throws: `TransportError.system` when the process may have no more descriptors.
  public init(_ udp: any DatagramTransport, streams: StreamTransport) throws(TransportError) {
    self.udp = udp
    self.streams = streams
    localEndpoint = udp.localEndpoint
    streams.keepsMarks = true
    ready = try ReadyQueue()
    guard ready.add(udp.fileDescriptor, tag: 0, readable: true, writable: false),
      ready.add(streams.fileDescriptor, tag: 1, readable: true, writable: false)
    else { throw .system(call: "watching a transport", error: StreamSockets.lastError) }
  }

  /// Readable while datagrams wait, connections need something done, or UDP takes datagrams again that it refused.
  public var fileDescriptor: Int32 { ready.descriptor }

  /// That of UDP.
  public var receiveWindow: Int { udp.receiveWindow }

  /// That of UDP.
  public var overhead: Int { udp.overhead }

  /// What both have done together; datagrams that went both ways count twice.
  public var counters: TransportCounters {
    var counters = udp.counters
    let others = streams.counters
    counters.datagramsSent += others.datagramsSent
    counters.bytesSent += others.bytesSent
    counters.datagramsReceived += others.datagramsReceived
    counters.bytesReceived += others.bytesReceived
    counters.sendFailures += others.sendFailures
    counters.sendsBlocked += others.sendsBlocked
    counters.systemCallsSend += others.systemCallsSend
    counters.systemCallsReceive += others.systemCallsReceive
    counters.receiveErrors += others.receiveErrors
    counters.streams = others.streams
    counters.streams?.peersByStream = counted.peersByStream
    counters.streams?.changesToStream = counted.changesToStream
    counters.streams?.changesToUDP = counted.changesToUDP
    return counters
  }

  // MARK: Receiving

  /// Takes up to 64 datagrams of one of the two, each first in turn.
  public func receive() -> Int {
    let now = MonotonicClock.now()
    watchWritable(false)
    _ = sendOutgoing()
    sweep(now)
    turnsToStreams.toggle()
    isFromStreams = turnsToStreams
    var count = take(now)
    if count == 0 {
      isFromStreams.toggle()
      count = take(now)
    }
    streams.flushTouched(now)
    return count
  }

  private func take(_ now: Instant) -> Int {
    guard !isFromStreams else {
      let count = streams.receive()
      for (peer, heard) in streams.marks {
        update(peer, now, mayAdd: !heard) { path in path.learn(peerHears: heard, now: now) }
      }
      streams.marks.removeAll(keepingCapacity: true)
      return count
    }
    let count = udp.receive()
    var last: Endpoint?
    for index in 0..<count {
      let source = udp.source(index)
      guard source != last else { continue }
      last = source
      let hasStream = counted.peersByStream > 0 && streams.isOpen(to: source)
      update(source, now, mayAdd: false) { path in path.hear(hasStream: hasStream, now: now) }
    }
    return count
  }

  /// Changes what is known of a way, and tells the peer that its UDP comes through if the change says so.
  private func update(_ peer: Endpoint, _ now: Instant, mayAdd: Bool, _ change: (inout PeerPath) -> Bool) {
    guard var path = paths[peer] ?? (mayAdd && paths.count < Self.pathLimit ? PeerPath(now: now) : nil)
    else { return }
    let usedStream = path.usesStream
    let mustTell = change(&path)
    paths[peer] = path
    note(usedStream, path.usesStream)
    if mustTell { tell(peer, heard: true, now) }
  }

  private func note(_ usedStream: Bool, _ usesStream: Bool) {
    guard usedStream != usesStream else { return }
    counted.peersByStream += usesStream ? 1 : -1
    if usesStream { counted.changesToStream += 1 } else { counted.changesToUDP += 1 }
  }

  private func tell(_ peer: Endpoint, heard: Bool, _ now: Instant) {
    guard streams.isOpen(to: peer), let connection = streams.sender(to: peer, now: now) else { return }
    connection.enqueue(mark: heard, now: now)
    streams.touch(connection)
  }

  /// The bytes of a received datagram, valid until the next `receive`; empty when it was truncated.
  public func datagram(_ index: Int) -> UnsafeRawBufferPointer {
    isFromStreams ? streams.datagram(index) : udp.datagram(index)
  }

  /// Whether a received datagram was longer than 2,048 bytes.
  public func isTruncated(_ index: Int) -> Bool { !isFromStreams && udp.isTruncated(index) }

  /// Where a received datagram came from.
  public func source(_ index: Int) -> Endpoint {
    isFromStreams ? streams.source(index) : udp.source(index)
  }

  // MARK: Sending

  /// Sends datagrams, each the way that its destination is reached; returns how many are done with, fewer than all
  /// when the system's buffer for UDP is full.
  ///
  /// The descriptor becomes readable, not writable, when it takes more.
  public func send(_ buffer: borrowing DatagramBuffer, from first: Int) -> Int {
    guard first < buffer.count else { return 0 }
    guard sendOutgoing() else { return 0 }
    let now = MonotonicClock.now()
    guard !allByUDP(buffer, from: first, now) else {
      let sent = udp.send(buffer, from: first)
      watchWritable(sent < buffer.count - first)
      return sent
    }
    var index = first
    while index < buffer.count {
      if !outgoing.hasRoom, !sendOutgoing() { break }
      send(buffer.bytes(index), to: buffer.record(index).destination, now)
      index += 1
    }
    streams.flushTouched(now)
    _ = sendOutgoing()
    return index - first
  }

  /// Decides for all destinations; whether none of them is reached by stream.
  private func allByUDP(_ buffer: borrowing DatagramBuffer, from first: Int, _ now: Instant) -> Bool {
    var isAll = true
    var last: Endpoint?
    for index in first..<buffer.count {
      let destination = buffer.record(index).destination
      guard destination != last else { continue }
      last = destination
      if decide(destination, now) == .stream { isAll = false }
    }
    return isAll
  }

  private func decide(_ peer: Endpoint, _ now: Instant) -> PeerPath.Decision {
    guard var path = paths[peer] ?? (paths.count < Self.pathLimit ? PeerPath(now: now) : nil) else {
      return .udp
    }
    let usedStream = path.usesStream
    let decision = path.decide(hasStream: path.lastHeard == nil && streams.isOpen(to: peer), now: now)
    paths[peer] = path
    note(usedStream, path.usesStream)
    return decision
  }

  /// Puts one datagram where it leaves from; there must be room in `outgoing`.
  private func send(_ datagram: UnsafeRawBufferPointer, to peer: Endpoint, _ now: Instant) {
    guard paths[peer]?.usesStream == true else {
      outgoing.append(datagram, to: peer)
      return
    }
    let connection = streams.sender(to: peer, now: now)
    guard let connection, connection.state == .open else {
      // Until there is a stream, UDP is as good as anything; what comes twice is known by the protocol.
      outgoing.append(datagram, to: peer)
      if let connection, paths[peer]?.lastHeard == nil {
        streams.enqueue(datagram, over: connection, now: now)
      }
      return
    }
    if paths[peer]?.takeProbe(now: now) == true {
      outgoing.append(datagram, to: peer)
      connection.enqueue(mark: paths[peer]?.hears(now: now) == true, now: now)
    }
    streams.enqueue(datagram, over: connection, now: now)
  }

  /// Sends what was set apart for UDP; false when the system takes no more.
  private func sendOutgoing() -> Bool {
    guard outgoing.count > 0 else { return true }
    outgoingSent += udp.send(outgoing, from: outgoingSent)
    guard outgoingSent >= outgoing.count else {
      watchWritable(true)
      return false
    }
    outgoing.removeAll()
    outgoingSent = 0
    return true
  }

  private func watchWritable(_ isWanted: Bool) {
    guard isWanted != watchesWritable else { return }
    watchesWritable = isWanted
    ready.change(udp.fileDescriptor, tag: 0, readable: true, writable: isWanted)
  }

  /// Forgets the ways to those that were not written to for long.
  private func sweep(_ now: Instant) {
    guard now >= nextSweep else { return }
    nextSweep = now + Self.sweepInterval
    for (peer, path) in paths where now.since(path.lastSent) >= Self.pathMemory {
      if path.usesStream { counted.peersByStream -= 1 }
      paths[peer] = nil
    }
  }
}
