// Datagrams over TCP, for networks that let no UDP through, and over Unix sockets, for nodes of one host.
//
// To the core nothing changes: datagrams are carried, or dropped and counted, and it paces and repairs as ever. So
// a full queue of one connection drops what is for that one and holds up no other. A connection serves both
// directions, because each side first says where it listens: so a node behind a wall that lets connections out is
// reached by those it has connected to, and the source of a datagram is the endpoint that others know.
//
// What lasts too long is looked for whenever the transport is used, ten times a second at most: whoever drives it
// has deadlines of its own that come more often than connections die.

import GrapevineCore

/// One received datagram, where it lies in the memory of its connection.
struct StreamArrival: BitwiseCopyable {
  var bytes: UnsafeRawPointer?
  var length: Int
  var source: Endpoint
}

/// A transport that carries each datagram as a frame over a TCP connection, or over a Unix socket. One thread uses it.
///
/// `send` never stops early: what does not fit the queue of its connection is dropped, and counted in
/// `counters.streams`. It allocates when connections come and go, and nothing for a datagram.
public final class StreamTransport: DatagramTransport {
  /// Where peers reach this transport; the port is the real one.
  public let localEndpoint: Endpoint
  let configuration: StreamConfiguration
  let ready: ReadyQueue
  let listener: Int32
  /// The place among Unix sockets; nil for a transport over TCP.
  package let seat: UnixSeat?
  /// Told to peers, so that both sides of two connections choose the same one to keep.
  let run: UInt64

  /// By the lower half of a connection's tag, less what is not one.
  var slots: [StreamConnection?]
  var freeSlots: [Int]
  var generation: UInt64 = 0
  var acceptedCount = 0
  /// The connection over which datagrams go to an endpoint.
  var senders: [Endpoint: StreamConnection] = [:]
  var backOffs: [Endpoint: BackOff] = [:]
  /// Connections of which something can be taken, the next first.
  var waiting: [StreamConnection] = []
  /// Connections into whose queue `send` has put something.
  var touched: [StreamConnection] = []
  /// Connections that are closed and whose memory a batch may still be read from.
  var closed: [StreamConnection] = []
  /// Marks that came since they were last taken; only kept where somebody takes them.
  var marks: [(peer: Endpoint, heard: Bool)] = []
  var keepsMarks = false

  let arrivals: UnsafeMutablePointer<StreamArrival> = zeroed(TransportLimits.batch)
  var count = 0
  var counted = TransportCounters()
  var tally = StreamCounters()
  var nextSweep = Instant()
  var isListening = true
  private var leftovers: Readiness

  /// What is added to a slot's number in a tag.
  static let firstTag: UInt64 = 2
  static let listenerTag: UInt64 = 0
  private static let leftoverTag: UInt64 = 1

  /// Peers that are left alone for a while.
  struct BackOff {
    var until: Instant
    var wait: Nanoseconds
  }

  /// Listens at `endpoint`.
  ///
  /// - Parameters:
  ///   - endpoint: An address of this machine, or all zeros for all of them; port 0 takes a free port.
  ///   - configuration: Limits and times.
  public convenience init(
    bind endpoint: Endpoint, configuration: StreamConfiguration = .init()
  ) throws(TransportError) {
    let socket = try BoundSocket(bind: endpoint, isStream: true)
    let bound = try socket.boundEndpoint()
    try self.init(socket, at: bound, seat: nil, configuration)
  }

  /// Listens at a Unix socket in a directory, for the nodes that share the directory.
  ///
  /// The directory is made, for this user alone, where just its last part is missing. Its owner and mode say who may
  /// be a member. The socket is removed when the transport goes; what a process left that did not come to that is
  /// replaced.
  ///
  /// - Parameters:
  ///   - directory: Its path, with room for a name of 10 bytes within the system's limit of 107 (103 on Darwin).
  ///   - number: The number by which the others know this node; 0 takes the lowest that is free.
  ///   - configuration: Limits and times.
  /// - Throws: `TransportError`, `.directoryUnusable` and `.addressInUse` above all.
  public convenience init(
    directory: String, number: UInt16 = 0, configuration: StreamConfiguration = .init()
  ) throws(TransportError) {
    let seat = try UnixSeat(UnixDirectory(directory), number: number)
    try self.init(seat.bind(), at: Endpoint(unix: seat.number), seat: seat, configuration)
  }

  /// Listens at a written address, as `Endpoint.resolve` reads it, or at a place among Unix sockets, as `UnixAddress`
  /// does; a host name may block.
  public convenience init(
    bind text: String, configuration: StreamConfiguration = .init()
  ) throws(TransportError) {
    let endpoint: Endpoint
    do {
      if UnixAddress.isWritten(text) {
        let address = try UnixAddress(text)
        guard let directory = address.directory else { throw AddressError.unixInvalid(text: text) }
        try self.init(directory: directory, number: address.number, configuration: configuration)
        return
      }
      endpoint = try BoundSocket.firstBindable(of: Endpoint.resolve(text))
    } catch let error as AddressError {
      throw .address(error)
    } catch let error as TransportError {
      throw error
    } catch {
      throw .address(.malformed(text: text))
    }
    try self.init(bind: endpoint, configuration: configuration)
  }

  /// Listens at a socket that is bound.
  private init(
    _ socket: consuming BoundSocket, at endpoint: Endpoint, seat: UnixSeat?,
    _ configuration: StreamConfiguration
  ) throws(TransportError) {
    self.configuration = configuration
    self.seat = seat
    var entropy = SystemRandomNumberGenerator()
    run = entropy.next()
    ready = try ReadyQueue()
    leftovers = try Readiness()
    localEndpoint = endpoint
    let error = StreamSockets.startListening(socket.descriptor)
    guard error == 0 else {
      throw StreamSockets.isTaken(-error)
        ? .addressInUse(endpoint) : .system(call: "listen", error: -error)
    }
    guard ready.add(socket.descriptor, tag: Self.listenerTag, readable: true, writable: false),
      ready.add(leftovers.descriptor, tag: Self.leftoverTag, readable: true, writable: false)
    else { throw .system(call: "watching a listener", error: StreamSockets.lastError) }
    listener = socket.release()
    slots = Array(repeating: nil, count: configuration.limit)
    freeSlots = (0..<configuration.limit).reversed()
    waiting.reserveCapacity(configuration.limit + TransportLimits.batch)
    touched.reserveCapacity(TransportLimits.batch)
  }

  deinit {
    for case let connection? in slots where connection.state != .closed {
      StreamSockets.shut(connection.descriptor)
    }
    StreamSockets.shut(listener)
    StreamSockets.release(arrivals)
  }

  /// Readable while datagrams wait or connections need something done.
  public var fileDescriptor: Int32 { ready.descriptor }

  /// The datagrams that the queue of one connection holds.
  public var receiveWindow: Int { TransportLimits.clampedWindow(configuration.queueRoom / 1_202) }

  /// What has happened since the transport was made.
  public var counters: TransportCounters {
    var counters = counted
    counters.streams = tally
    counters.streams?.connections = slots.count - freeSlots.count
    return counters
  }

  // MARK: Receiving

  /// Takes up to 64 datagrams and forgets those of the call before; sees to connections as well.
  public func receive() -> Int {
    let now = MonotonicClock.now()
    count = 0
    closed.removeAll(keepingCapacity: true)
    sweep(now)
    look(now)
    collect(now)
    flushTouched(now)
    leftovers.set(!waiting.isEmpty)
    counted.datagramsReceived += count
    return count
  }

  /// The bytes of a received datagram, valid until the next `receive`.
  public func datagram(_ index: Int) -> UnsafeRawBufferPointer {
    let arrival = arrival(index)
    return UnsafeRawBufferPointer(start: arrival.bytes, count: arrival.length)
  }

  /// False: a stream with a longer frame is closed.
  public func isTruncated(_ index: Int) -> Bool { false }

  /// Where a received datagram came from: the address of the connection, and the port that its peer told.
  public func source(_ index: Int) -> Endpoint { arrival(index).source }

  private func arrival(_ index: Int) -> StreamArrival {
    precondition(index >= 0 && index < count, "datagram index out of range")
    return arrivals[index]
  }

  /// Sends the datagrams, or drops and counts them; all are done with afterwards.
  public func send(_ buffer: borrowing DatagramBuffer, from first: Int) -> Int {
    guard first < buffer.count else { return 0 }
    let now = MonotonicClock.now()
    var last: StreamConnection?
    for index in first..<buffer.count {
      let destination = buffer.record(index).destination
      if last == nil || last?.remote != destination { last = sender(to: destination, now: now) }
      enqueue(buffer.bytes(index), over: last, now: now)
    }
    flushTouched(now)
    return buffer.count - first
  }
}

extension StreamTransport {
  /// Puts one datagram into the queue of a connection; it leaves with `flushTouched`.
  func enqueue(_ datagram: UnsafeRawBufferPointer, over connection: StreamConnection?, now: Instant) {
    guard datagram.count <= StreamFrame.longest else {
      counted.sendFailures += 1
      return
    }
    guard let connection, connection.takesDatagrams else {
      tally.dropsUnreachable += 1
      return
    }
    if !connection.enqueue(datagram, now: now) {
      // A batch may be longer than the queue.
      flush(connection, now)
      guard connection.takesDatagrams, connection.enqueue(datagram, now: now) else {
        tally.dropsFull += 1
        return
      }
    }
    counted.datagramsSent += 1
    counted.bytesSent += datagram.count
    touch(connection)
  }

  func touch(_ connection: StreamConnection) {
    guard !connection.isTouched else { return }
    connection.isTouched = true
    touched.append(connection)
  }

  /// Hands the system what was put into queues.
  func flushTouched(_ now: Instant) {
    var index = 0
    // The end of one connection may give what it had framed to another.
    while index < touched.count {
      let connection = touched[index]
      index += 1
      connection.isTouched = false
      flush(connection, now)
    }
    touched.removeAll(keepingCapacity: true)
  }

  /// Fills the batch from the connections that have something, a few of each in turn.
  private func collect(_ now: Instant) {
    var position = 0
    while count < TransportLimits.batch, position < waiting.count {
      let connection = waiting[position]
      position += 1
      take(of: connection, now)
      if connection.hasItem {
        waiting.append(connection)
      } else {
        connection.isWaiting = false
        // Its memory is that of the batch.
        if connection.state == .closed { closed.append(connection) }
      }
    }
    waiting.removeFirst(position)
  }

  /// Takes what is whole of one connection, within the batch and its turn.
  private func take(of connection: StreamConnection, _ now: Instant) {
    for _ in 0..<Self.turn {
      guard count < TransportLimits.batch else { return }
      switch connection.takeItem() {
      case .none:
        return
      case .datagram(let bytes):
        arrivals[count] = StreamArrival(
          bytes: bytes.baseAddress, length: bytes.count, source: connection.remote)
        count += 1
        counted.bytesReceived += bytes.count
      case .mark(let heard):
        if keepsMarks, marks.count < TransportLimits.batch { marks.append((connection.remote, heard)) }
      case .malformed:
        tally.refusedFrames += 1
        connection.forgetInput()
        drop(connection, now)
        return
      }
    }
  }

  /// Datagrams of one connection before those of the next. Chosen here: a quarter of a batch.
  private static var turn: Int { TransportLimits.batch / 4 }
}
