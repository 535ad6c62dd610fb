// Connections as links of the engine: up, down, in and out.

import GrapevineCore
import ZGossip
import ZeroMQ

// What happens to connections.
extension NodeDriver {
  /// Learns from the monitors, and tries again what waits for it.
  func watch(now: Instant) {
    if let listener, listener.isMonitorReadable { watch(listener, now: now) }
    for upstream in upstreams {
      if upstream.isMonitorReadable { watch(upstream, now: now) }
      if upstream.givenUpAt <= now { renew(upstream, now: now) }
      if upstream.retryAt <= now { reopen(upstream, now: now) }
      if upstream.isUp, upstream.link == nil { open(upstream, now: now) }
    }
  }

  private func watch(_ listener: Listener, now: Instant) {
    listener.isMonitorReadable = false
    while let event = try? listener.monitor?.next() {
      switch event {
      case .handshakeFailed(let reason): handshakeFailed("a client", reason, now: now)
      case .disconnected(let descriptor): listener.lost(descriptor, now: now)
      default: break
      }
    }
  }

  private func watch(_ upstream: Upstream, now: Instant) {
    upstream.isMonitorReadable = false
    while let event = try? upstream.monitor?.next() {
      switch event {
      case .handshakeSucceeded:
        // A loss that was not told before is one all the same.
        close(upstream, now: now)
        upstream.cameUp(now: now)
        open(upstream, now: now)
      case .disconnected:
        close(upstream, now: now)
        upstream.wentDown(now: now)
      case .handshakeFailed(let reason):
        upstream.wentDown(now: now)
        handshakeFailed(upstream.endpoint, reason, now: now)
      case .connecting, .connected: upstream.givenUpAt = .never
      default: break
      }
    }
  }

  private func handshakeFailed(_ whose: String, _ reason: ZeroMQHandshakeFailure, now: Instant) {
    counters.handshakesFailed &+= 1
    say("the handshake with \(whose) failed: \(reason)", now: now)
  }

  /// Tells the log, though not the same again and again.
  func say(_ text: @autoclosure () -> String, now: Instant) {
    guard let log = configuration.log else { return }
    let text = text()
    if news.isDue(text, now: now) { log(text) }
  }

  /// Makes a connection anew that the library does not try again: where one end broke the protocol or was refused, its
  /// session ends for good.
  private func renew(_ upstream: Upstream, now: Instant) {
    say("the connection to \(upstream.endpoint) broke off: to be tried again now and then", now: now)
    drop(upstream, now: now)
  }

  private func open(_ upstream: Upstream, now: Instant) {
    guard let link = engine.open(.client, isLocal: upstream.isInproc, now: now) else { return }
    guard owners.indices.contains(link) else { return engine.close(link, now: now) }
    upstream.link = link
    owners[link] = .upstream(upstream)
    clear(link)
  }

  func clear(_ link: Int) {
    pending[link] = []
    unechoed[link] = []
    wasAsked[link] = false
  }

  /// Tells the engine that a connection of ours is gone.
  func close(_ upstream: Upstream, now: Instant) {
    guard let link = upstream.link else { return }
    upstream.link = nil
    forget(link, now: now)
  }

  func forget(_ link: Int, now: Instant) {
    owners[link] = .none
    clear(link)
    engine.close(link, now: now)
  }

  private func reopen(_ upstream: Upstream, now: Instant) {
    do {
      try upstream.open(settings, poller: poller)
    } catch {
      retry(upstream, now: now)
    }
  }

  private func retry(_ upstream: Upstream, now: Instant) {
    upstream.retryAt = now + upstream.nextPause(limit: configuration.faultPause.asNanoseconds, now: now)
  }

  /// Closes a connection of ours that is of no use, to be tried again later.
  private func drop(_ upstream: Upstream, now: Instant) {
    close(upstream, now: now)
    upstream.close(poller: poller)
    retry(upstream, now: now)
    counters.connectionsDropped &+= 1
  }

  /// Tells the engine that a client is gone.
  func lose(client link: Int, now: Instant) {
    if let listener, let index = listener.find(link: link) { listener.remove(index) }
    forget(link, now: now)
  }
}

// What arrives.
extension NodeDriver {
  /// Takes messages of all connections, by turns.
  func receiveAll(now: Instant) {
    let refused = engine.counters.refused
    defer {
      if engine.counters.refused != refused {
        say("tuples of others are refused: there is no room, or their values are too long", now: now)
      }
    }
    if let listener, listener.isReadable {
      for _ in 0..<Self.turn * 4 {
        guard let parts = (try? listener.socket.receive()) ?? nil else {
          listener.isReadable = false
          break
        }
        receive(parts, listener, now: now)
        tellIfNeeded()
      }
    }
    for upstream in upstreams where upstream.isReadable {
      for _ in 0..<Self.turn {
        guard let socket = upstream.socket, let parts = (try? socket.receive()) ?? nil else {
          upstream.isReadable = false
          break
        }
        receive(parts, socket, upstream, now: now)
        tellIfNeeded()
      }
    }
  }

  private func receive(_ parts: Int, _ socket: ZeroMQSocket, _ upstream: Upstream, now: Instant) {
    counters.received &+= 1
    guard let link = upstream.link else {
      counters.refused &+= 1
      return
    }
    let verdict = engine.receive(
      socket.message, parts: parts, peer: socket.grapevinePeer, from: link, now: now, into: &changes)
    switch verdict {
    case .fine: break
    case .isSelf:
      say("\(upstream.endpoint) is this node itself", now: now)
      upstream.isSelf = true
      drop(upstream, now: now)
    case .malformed: counters.malformed &+= 1
    case .hostile:
      counters.malformed &+= 1
      say("\(upstream.endpoint) sends what is no ZGossip: closed, to be tried again later", now: now)
      drop(upstream, now: now)
    }
  }
}

// What leaves.
extension NodeDriver {
  /// What became of the messages of a link.
  private enum Flow {
    case idle
    case more
    case blocked
    case gone
  }

  /// Sends what the engine has to say, by turns.
  ///
  /// - Returns: Whether there is more that connections would take at once.
  func writeAll(now: Instant) -> Bool {
    var isBusy = false
    for link in owners.indices {
      switch owners[link] {
      case .none: continue
      case .client:
        guard let listener, let index = listener.find(link: link) else { continue }
        let routingID = listener.clients[index].routingID
        let flow = routingID.withUnsafeBytes { peer in write(link, listener.socket, to: peer, now: now) }
        if flow == .gone { lose(client: link, now: now) }
        if flow == .more { isBusy = true }
        if flow == .blocked { isBlocked = true }
      case .upstream(let upstream):
        guard let socket = upstream.socket else { continue }
        let flow = write(link, socket, to: nil, now: now)
        if flow == .more { isBusy = true }
        if flow == .blocked { isBlocked = true }
        if flow == .gone { drop(upstream, now: now) }
        check(upstream, isBlocked: flow == .blocked, now: now)
      }
    }
    return isBusy
  }

  /// Over inproc nobody says that the other end is gone; but it takes nothing any more.
  private func check(_ upstream: Upstream, isBlocked: Bool, now: Instant) {
    guard upstream.isInproc, upstream.isUp else { return }
    guard isBlocked else {
      upstream.blockedSince = nil
      return
    }
    let since = upstream.blockedSince ?? now
    upstream.blockedSince = since
    guard since + configuration.readerPatience.asNanoseconds <= now else { return }
    close(upstream, now: now)
    upstream.close(poller: poller)
    reopen(upstream, now: now)
  }

  private func write(
    _ link: Int, _ socket: ZeroMQSocket, to peer: UnsafeRawBufferPointer?, now: Instant
  ) -> Flow {
    if !pending[link].isEmpty {
      let outcome = pending[link].withUnsafeBytes { message in try? socket.send(message, to: peer) }
      guard outcome == .sent else { return outcome == .full ? .blocked : .gone }
      pending[link] = []
      counters.sent &+= 1
    }
    let isForeign = peer != nil && engine.isOurs(link) == false
    for _ in 0..<Self.turn {
      let length = engine.write(link, into: buffer, now: now)
      guard length > 0 else { return .idle }
      let message = UnsafeRawBufferPointer(rebasing: buffer[..<length])
      if isForeign, length > ZGossipMessage.headSize, message[2] == ZGossipKind.publish.rawValue {
        unechoed[link].removeAll(keepingCapacity: true)
        unechoed[link].append(contentsOf: message)
      }
      switch try? socket.send(message, to: peer) {
      case .sent: counters.sent &+= 1
      case .full:
        pending[link] = Array(message)
        return .blocked
      case .unreachable, nil: return .gone
      }
    }
    return .more
  }
}
