// The node's clients: what they send, who is let in, and who is gone.

import GrapevineCore
import ZGossip
import ZeroMQ

extension NodeDriver {
  func receive(_ parts: Int, _ listener: Listener, now: Instant) {
    counters.received &+= 1
    let socket = listener.socket
    guard let index = listener.find(socket.peer) ?? take(listener, now: now) else {
      counters.refused &+= 1
      say("all \(configuration.engine.links) links are taken: a client has to wait", now: now)
      sayUnknown(listener, now: now)
      return
    }
    let client = listener.clients[index]
    guard let link = client.link ?? takeAgain(listener, index, now: now) else {
      counters.ignored &+= 1
      return
    }
    let message = socket.message
    var peer = client.peer
    // Only greetings come first on a new connection, which may have an old one's routing id.
    if message.count <= ZGossipMessage.headSize {
      peer = socket.grapevinePeer
      let descriptor = socket.sourceDescriptor
      if peer != client.peer || descriptor != client.descriptor {
        listener.update(index) {
          $0.peer = peer
          $0.descriptor = descriptor
          if descriptor != nil { $0.leavesAt = .never }
        }
      }
    }
    let verdict = engine.receive(message, parts: parts, peer: peer, from: link, now: now, into: &changes)
    heardAt[link] = now
    if !unechoed[link].isEmpty, message.elementsEqual(unechoed[link]) {
      unechoed[link].removeAll(keepingCapacity: true)
    }
    switch verdict {
    case .fine: break
    case .isSelf:
      sayWho(listener, to: listener.socket.peer)
      ignore(listener, index, link, now: now)
    case .malformed: counters.malformed &+= 1
    case .hostile:
      counters.malformed &+= 1
      say("a client sends what is no ZGossip: not listened to for some time", now: now)
      ignore(listener, index, link, now: now)
    }
  }

  /// Tells the node's own other end of a connection to itself, which gives that up then.
  @discardableResult
  private func sayWho(
    _ listener: Listener, to peer: UnsafeRawBufferPointer, withIdentity: Bool = true
  ) -> ZeroMQSending? {
    guard ZGossipMessage.writeHead(.pong, into: buffer) else { return nil }
    let length = ZGossipMessage.headSize + (withIdentity ? MemoryLayout<UInt64>.size : 0)
    if withIdentity {
      buffer.storeBytes(
        of: settings.identity.value.bigEndian, toByteOffset: ZGossipMessage.headSize, as: UInt64.self)
    }
    return try? listener.socket.send(UnsafeRawBufferPointer(rebasing: buffer[..<length]), to: peer)
  }

  private func ignore(_ listener: Listener, _ index: Int, _ link: Int, now: Instant) {
    listener.ignore(index, until: now + configuration.faultPause.asNanoseconds)
    forget(link, now: now)
  }

  /// Takes a new client in; nil when all links are taken.
  private func take(_ listener: Listener, now: Instant) -> Int? {
    let socket = listener.socket
    guard let link = openClient(now: now) ?? probe(listener, now: now) else { return nil }
    askForHello(listener, now: now)
    return listener.add(
      Client(
        routingID: Array(socket.peer), link: link, peer: socket.grapevinePeer,
        descriptor: socket.sourceDescriptor))
  }

  /// Looks which clients are there still, at most once in a while; returns the link of one that is not.
  private func probe(_ listener: Listener, now: Instant) -> Int? {
    if let last = listener.probedAt, now < last + Listener.tellTime { return nil }
    listener.probedAt = now
    for client in listener.clients {
      // Clients of the original pay no heed to a PONG.
      guard let link = client.link, pending[link].isEmpty else { continue }
      let outcome = client.routingID.withUnsafeBytes { peer in
        sayWho(listener, to: peer, withIdentity: client.descriptor == nil)
      }
      if outcome == .unreachable { lose(client: link, now: now) }
    }
    return openClient(now: now)
  }

  /// Forgets clients whose connections were lost, once what they sent was read.
  func forgetLeavers(now: Instant) {
    guard let listener, !listener.isReadable else { return }
    while let index = listener.leaver(now: now) {
      let link = listener.clients[index].link
      listener.remove(index)
      if let link { forget(link, now: now) }
    }
  }

  /// Has a client of another system say HELLO, which it did to a node that did not listen, unless it says it now.
  private func askForHello(_ listener: Listener, now: Instant) {
    let message = listener.socket.message
    if message.count > 2, message[2] == ZGossipKind.hello.rawValue { return }
    sayUnknown(listener, now: now)
  }

  /// Tells who sent the last message that it is not known: a client of another system says HELLO then.
  private func sayUnknown(_ listener: Listener, now: Instant) {
    let socket = listener.socket
    guard socket.grapevinePeer == nil, socket.sourceDescriptor != nil, listener.mayTell(now: now),
      ZGossipMessage.writeHead(.invalid, into: buffer)
    else { return }
    let message = UnsafeRawBufferPointer(rebasing: buffer[..<ZGossipMessage.headSize])
    _ = try? socket.send(message, to: socket.peer)
  }

  /// Listens again to a client that was not listened to for long enough.
  private func takeAgain(_ listener: Listener, _ index: Int, now: Instant) -> Int? {
    guard listener.clients[index].ignoredUntil <= now, let link = openClient(now: now) else { return nil }
    listener.update(index) { $0.link = link }
    askForHello(listener, now: now)
    return link
  }

  private func openClient(now: Instant) -> Int? {
    guard let link = engine.open(.server, now: now) else { return nil }
    guard owners.indices.contains(link) else {
      engine.close(link, now: now)
      return nil
    }
    owners[link] = .client
    clear(link)
    return link
  }
}
