// How connections come and go: opened on demand, accepted within limits, ended without losing what was framed.

import GrapevineCore

extension StreamTransport {
  private static var sweepInterval: Nanoseconds { 100_000_000 }
  /// Connections accepted at one look. Chosen here: so that a flood of them leaves time for datagrams.
  private static var acceptsPerLook: Int { 16 }
  /// How long a connection must have been quiet to give way to another. Chosen here: neighbours say something more
  /// often.
  private static var quiet: Nanoseconds { 2_000_000_000 }
  private static var backOffLimit: Int { 1_024 }

  // MARK: Opening

  /// The connection over which datagrams go to an endpoint: the one there is, or a new one; nil when there is to be
  /// none for now.
  func sender(to endpoint: Endpoint, now: Instant) -> StreamConnection? {
    if let connection = senders[endpoint] { return connection }
    guard endpoint.isUsable else { return nil }
    if let backOff = backOffs[endpoint], backOff.until > now { return nil }
    guard !freeSlots.isEmpty || makeWay(accepted: false, now) else {
      tally.refusedConnections += 1
      return nil
    }
    let descriptor = open(to: endpoint)
    guard descriptor >= 0,
      let connection = adopt(
        descriptor, isOutgoing: true, endpoint, within: configuration.connectTimeout, now)
    else {
      didFailToConnect(endpoint, now)
      return nil
    }
    connection.greet(StreamHello(port: localEndpoint.port, run: run))
    senders[endpoint] = connection
    return connection
  }

  /// Begins to connect, if the endpoint is of this transport's kind; a descriptor, or minus an error number.
  private func open(to endpoint: Endpoint) -> Int32 {
    switch (seat, endpoint.unixNumber) {
    case (nil, nil): StreamSockets.open(from: localEndpoint, to: endpoint)
    case (let seat?, let number?): StreamSockets.open(path: seat.directory.socketPath(number))
    default: StreamSockets.otherFamily
    }
  }

  /// Whether datagrams to an endpoint would leave now and not wait for a connection.
  func isOpen(to endpoint: Endpoint) -> Bool { senders[endpoint]?.state == .open }

  /// Gives a descriptor a place; closes it and returns nil when it cannot be watched.
  private func adopt(
    _ descriptor: Int32, isOutgoing: Bool, _ remote: Endpoint, within limit: Duration, _ now: Instant
  ) -> StreamConnection? {
    guard let slot = freeSlots.popLast() else {
      StreamSockets.shut(descriptor)
      return nil
    }
    generation &+= 1
    let tag = (generation &<< 32) | (UInt64(slot) + Self.firstTag)
    guard ready.add(descriptor, tag: tag, readable: true, writable: isOutgoing) else {
      StreamSockets.shut(descriptor)
      freeSlots.append(slot)
      return nil
    }
    let connection = StreamConnection(
      descriptor: descriptor, tag: tag, isOutgoing: isOutgoing, remote: remote,
      deadline: now + limit.asNanoseconds, now: now, configuration: configuration)
    slots[slot] = connection
    if !isOutgoing { acceptedCount += 1 }
    return connection
  }

  private func didFailToConnect(_ endpoint: Endpoint, _ now: Instant) {
    tally.connectFailures += 1
    let first = configuration.firstBackOff.asNanoseconds
    let longest = configuration.longestBackOff.asNanoseconds
    if backOffs.count >= Self.backOffLimit, backOffs[endpoint] == nil {
      backOffs = backOffs.filter { $0.value.until > now }
      if backOffs.count >= Self.backOffLimit { backOffs.removeAll(keepingCapacity: true) }
    }
    let wait = backOffs[endpoint].map { min($0.wait &* 2, longest) } ?? first
    backOffs[endpoint] = BackOff(until: now + wait, wait: wait)
  }

  // MARK: What is ready

  /// Sees to everything that is ready.
  func look(_ now: Instant) {
    counted.systemCallsReceive += 1
    for index in 0..<ready.look() {
      let event = ready.event(index)
      if event.tag == Self.listenerTag {
        acceptAll(now)
      } else if let connection = connection(event.tag) {
        serve(connection, event, now)
      }
    }
  }

  private func connection(_ tag: UInt64) -> StreamConnection? {
    let number = tag & 0xffff_ffff
    guard number >= Self.firstTag, number - Self.firstTag < UInt64(slots.count),
      let connection = slots[Int(number - Self.firstTag)], connection.tag == tag
    else { return nil }
    return connection
  }

  private func serve(_ connection: StreamConnection, _ event: ReadyQueue.Event, _ now: Instant) {
    if connection.state == .connecting {
      guard event.writable else { return }
      guard StreamSockets.outcome(of: connection.descriptor) == 0 else { return drop(connection, now) }
      connection.state = .greeting
      connection.deadline = now + configuration.helloTimeout.asNanoseconds
      connection.lastProgress = now
    }
    if event.readable { read(connection, now) }
    if event.writable, connection.state != .closed { flush(connection, now) }
  }

  private func acceptAll(_ now: Instant) {
    for _ in 0..<Self.acceptsPerLook {
      let (descriptor, peer) = StreamSockets.accept(on: listener)
      counted.systemCallsReceive += 1
      guard descriptor >= 0 else {
        if StreamSockets.isOfOne(-descriptor) { continue }
        // Until the next sweep: an endpoint that cannot be served must not keep the loop awake.
        if StreamSockets.isShortage(-descriptor) { listen(false) }
        return
      }
      // A Unix socket does not tell which node it is: the greeting does.
      admit(descriptor, seat == nil ? peer : Endpoint(unix: 0), now)
    }
  }

  private func admit(_ descriptor: Int32, _ peer: Endpoint?, _ now: Instant) {
    let strangers = slots.lazy.compactMap(\.self).filter { !$0.isOutgoing && $0.state == .greeting }
    if strangers.count >= max(1, configuration.strangerLimit),
      let oldest = strangers.min(by: { $0.deadline < $1.deadline })
    {
      tally.silentStrangers += 1
      drop(oldest, now)
    }
    let isFull = freeSlots.isEmpty || acceptedCount >= configuration.acceptedLimit
    guard let peer, !isFull || makeWay(accepted: true, now) else {
      tally.refusedConnections += 1
      StreamSockets.shut(descriptor)
      return
    }
    let connection = adopt(
      descriptor, isOutgoing: false, peer, within: configuration.helloTimeout, now)
    connection?.greet(StreamHello(port: localEndpoint.port, run: run))
    if let connection { flush(connection, now) }
  }

  /// Closes the connection that has been quiet for longest; false when none has been quiet for long.
  private func makeWay(accepted: Bool, _ now: Instant) -> Bool {
    let quiet = slots.lazy.compactMap(\.self).filter {
      ($0.state == .open || $0.state == .ending) && $0.output.count == 0 && (!accepted || !$0.isOutgoing)
        && now.since($0.lastActivity) >= Self.quiet
    }
    guard let oldest = quiet.min(by: { $0.lastActivity < $1.lastActivity }) else { return false }
    tally.refusedConnections += 1
    drop(oldest, now)
    return true
  }

  func listen(_ isWanted: Bool) {
    guard isWanted != isListening else { return }
    isListening = isWanted
    ready.change(listener, tag: Self.listenerTag, readable: isWanted, writable: false)
  }

  // MARK: Bytes in and out

  private func read(_ connection: StreamConnection, _ now: Instant) {
    guard !connection.hasEnded, connection.state != .closed else { return }
    let (memory, room) = connection.makeRoom()
    guard room > 0 else { return }
    let length = StreamSockets.receive(connection.descriptor, into: memory, room: room)
    counted.systemCallsReceive += 1
    guard length > 0 else {
      if length == 0 { return didEnd(connection, now) }
      if !StreamSockets.isTransient(-length) {
        counted.receiveErrors += 1
        drop(connection, now)
      }
      return
    }
    connection.didReceive(length)
    connection.lastActivity = now
    if !connection.hasHello, let hello = connection.takeHello() {
      guard let hello, mayGreet(connection, as: hello) else {
        tally.refusedHellos += 1
        return drop(connection, now)
      }
      settle(connection, hello, now)
    }
    guard connection.hasItem, !connection.isWaiting else { return }
    connection.isWaiting = true
    waiting.append(connection)
  }

  /// The peer sends no more: what waits for it still leaves, and then this side ends too.
  private func didEnd(_ connection: StreamConnection, _ now: Instant) {
    connection.hasEnded = true
    guard connection.hasHello else { return drop(connection, now) }
    end(connection, now)
  }

  /// Hands the system what it takes of a connection's queue.
  func flush(_ connection: StreamConnection, _ now: Instant) {
    guard connection.state != .closed, connection.state != .connecting else { return }
    while connection.output.count > 0 {
      let pieces = connection.output.pieces()
      let length = StreamSockets.send(connection.descriptor, pieces.first, pieces.second)
      counted.systemCallsSend += 1
      guard length > 0 else {
        guard StreamSockets.isTransient(-length) else { return drop(connection, now) }
        counted.sendsBlocked += 1
        break
      }
      connection.output.consume(length)
      connection.lastActivity = now
      connection.lastProgress = now
    }
    if connection.state == .ending, connection.output.count == 0 {
      if connection.hasEnded { return drop(connection, now) }
      if !connection.hasEndedSending {
        connection.hasEndedSending = true
        StreamSockets.endSending(connection.descriptor)
      }
    }
    watch(connection)
  }

  private func watch(_ connection: StreamConnection) {
    let readable = !connection.hasEnded
    let writable = connection.output.count > 0
    guard readable != connection.watchesReadable || writable != connection.watchesWritable else { return }
    connection.watchesReadable = readable
    connection.watchesWritable = writable
    ready.change(connection.descriptor, tag: connection.tag, readable: readable, writable: writable)
  }

  // MARK: Ending

  /// Ends a connection once what waits has left: no datagram goes into it any more.
  func end(_ connection: StreamConnection, _ now: Instant) {
    guard connection.state != .ending, connection.state != .closed else { return flush(connection, now) }
    if connection.state == .connecting { return drop(connection, now) }
    connection.state = .ending
    connection.deadline = now + configuration.closeTimeout.asNanoseconds
    withdraw(connection)
    flush(connection, now)
  }

  /// Closes a connection now. What it has received may still be taken; what it had framed before anything of it was
  /// sent goes to another connection with the same peer if there is one.
  ///
  /// - Parameter isFailure: Whether an attempt to connect that ends so has failed.
  func drop(_ connection: StreamConnection, isFailure: Bool = true, _ now: Instant) {
    guard connection.state != .closed else { return }
    let wasConnecting = connection.state == .connecting
    if isFailure, connection.isOutgoing, !connection.hasHello { didFailToConnect(connection.remote, now) }
    connection.state = .closed
    StreamSockets.shut(connection.descriptor)
    let slot = Int((connection.tag & 0xffff_ffff) - Self.firstTag)
    slots[slot] = nil
    freeSlots.append(slot)
    if !connection.isOutgoing { acceptedCount -= 1 }
    // A batch may still be read from its memory.
    closed.append(connection)
    if let other = withdraw(connection), wasConnecting {
      other.takeOver(from: connection)
      touch(other)
    }
    listen(true)
  }

  /// Makes another connection to the same peer the one to send over, if there is one.
  @discardableResult
  private func withdraw(_ connection: StreamConnection) -> StreamConnection? {
    guard senders[connection.remote] === connection else { return nil }
    let other = slots.lazy.compactMap(\.self)
      .first { $0.remote == connection.remote && $0.state == .open && $0 !== connection }
    senders[connection.remote] = other
    return other
  }

  // MARK: Time

  /// Ends what has lasted too long.
  func sweep(_ now: Instant) {
    guard now >= nextSweep else { return }
    nextSweep = now + Self.sweepInterval
    listen(true)
    for case let connection? in slots {
      switch connection.state {
      case .connecting where now >= connection.deadline, .ending where now >= connection.deadline:
        drop(connection, now)
      case .greeting where now >= connection.deadline:
        if !connection.isOutgoing { tally.silentStrangers += 1 }
        drop(connection, now)
      case .open where connection.output.count > 0:
        guard now.since(connection.lastProgress) >= configuration.stallTimeout.asNanoseconds else { break }
        tally.stalled += 1
        drop(connection, now)
      case .open where now.since(connection.lastActivity) >= configuration.idleTimeout.asNanoseconds:
        tally.idle += 1
        end(connection, now)
      default:
        break
      }
    }
  }
}
