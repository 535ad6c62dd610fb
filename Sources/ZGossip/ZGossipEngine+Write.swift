// What goes to other nodes.

import GrapevineCore

extension ZGossipEngine {
  /// Writes the next message for a connection; to be called until there is none, for as long as the connection takes
  /// more. Nothing is kept of it.
  ///
  /// - Parameter buffer: Of at least `messageLimit` bytes.
  /// - Returns: Its length; 0 when there is none now.
  public mutating func write(
    _ slot: Int, into buffer: UnsafeMutableRawBufferPointer, now: Instant
  ) -> Int {
    guard slot >= 0, slot < links.count, buffer.count >= messageLimit else { return 0 }
    let length = next(slot, into: buffer, now: now)
    if length > 0 { counters.messagesSent &+= 1 }
    return length
  }

  private mutating func next(_ slot: Int, into buffer: UnsafeMutableRawBufferPointer, now: Instant) -> Int {
    let link = links[slot]
    if link.owesHello {
      links[slot].owesHello = false
      return head(.hello, slot, into: buffer)
    }
    if link.pongsOwed > 0 {
      links[slot].pongsOwed -= 1
      return head(.pong, slot, into: buffer)
    }
    if link.owesInvalid {
      links[slot].owesInvalid = false
      return head(.invalid, slot, into: buffer)
    }
    if link.owesPing { return ping(slot, into: buffer, now: now) }
    switch link.peer {
    case .none, .unknown, .ignored: return 0
    case .replica:
      guard ZGossipMessage.writeHead(.native, into: buffer) else { return 0 }
      let room = UnsafeMutableRawBufferPointer(rebasing: buffer[ZGossipMessage.headSize...])
      let length = replica.write(slot, into: room, now: now)
      return length > 0 ? length + ZGossipMessage.headSize : 0
    case .original:
      guard link.isReading else { return 0 }
      if link.owesProbe {
        let length = probe(slot, into: buffer, now: now)
        if length > 0 { return length }
      }
      while let (key, value) = replica.nextTuple(slot) {
        // One of ours may have a key or value that the original would cut.
        let length = ZGossipMessage.publish(key: key, value: value).write(into: buffer)
        guard length > 0 else { continue }
        counters.tuplesSent &+= 1
        return length
      }
      guard link.owesFence else { return 0 }
      links[slot].owesFence = false
      defer { links[slot].fence = links[slot].pingsSent }
      return ping(slot, into: buffer, now: now)
    }
  }

  private mutating func ping(_ slot: Int, into buffer: UnsafeMutableRawBufferPointer, now: Instant) -> Int {
    links[slot].owesPing = false
    let last = links[slot].pingedAt
    if last != .never, now.since(last) > configuration.timeout.asNanoseconds / 10 * 9 { suspect(slot) }
    links[slot].pingedAt = now
    links[slot].pingsSent &+= 1
    // 0 stands for no fence.
    if links[slot].pingsSent == 0 { (links[slot].pingsSent, links[slot].pongsReceived) = (1, 0) }
    links[slot].nextAt = now + interval(links[slot])
    return head(.ping, slot, into: buffer)
  }

  /// Notes that a server may have forgotten this node, which stood still, or did itself.
  ///
  /// It would answer PINGs all the same, and tell nothing any more.
  mutating func suspect(_ slot: Int) {
    if links[slot].peer == .original, !links[slot].isPassing { links[slot].owesProbe = true }
  }

  /// Writes a tuple that the server has: it drops it without a word, or says INVALID when it has forgotten this node.
  private mutating func probe(_ slot: Int, into buffer: UnsafeMutableRawBufferPointer, now: Instant) -> Int {
    links[slot].owesProbe = false
    if let (key, value) = replica.anyTuple() {
      let length = ZGossipMessage.publish(key: key, value: value).write(into: buffer)
      if length > 0 { return length }
    }
    // There is nothing to show it with: begin anew.
    onInvalid(slot, now: now)
    return 0
  }

  /// Writes a message without a body, but for who this node is, where properties cannot say it.
  private func head(_ kind: ZGossipKind, _ slot: Int, into buffer: UnsafeMutableRawBufferPointer) -> Int {
    guard ZGossipMessage.writeHead(kind, into: buffer) else { return 0 }
    guard links[slot].saysIdentity, kind == .hello || kind == .pong else { return ZGossipMessage.headSize }
    buffer.storeBytes(
      of: identity.value.bigEndian, toByteOffset: ZGossipMessage.headSize, as: UInt64.self)
    return ZGossipMessage.headSize + MemoryLayout<UInt64>.size
  }
}
