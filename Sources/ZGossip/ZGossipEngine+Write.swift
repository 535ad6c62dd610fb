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
    links[slot].pingsSent &+= 1
    // 0 stands for no fence.
    if links[slot].pingsSent == 0 { (links[slot].pingsSent, links[slot].pongsReceived) = (1, 0) }
    links[slot].nextAt = now + interval(links[slot])
    return head(.ping, slot, into: buffer)
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
