// Large messages in tests.

@testable import GrapevineCore

extension World {
  /// Bytes that no two places of a message share.
  static func bytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var generator = Generator(seed: seed)
    var bytes = [UInt8](repeating: 0, count: count)
    for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: generator.next() >> 24) }
    return bytes
  }

  /// Broadcasts a large message.
  @discardableResult
  func broadcast(
    large bytes: [UInt8], from member: Member, topic: String = "", order: MessageOrder = .unordered,
    isTagged: Bool = false
  ) throws -> TransferID {
    defer { settle(member) }
    guard let content = bytes.withUnsafeBytes({ LargeContent(copying: $0) }) else {
      throw BroadcastError.wouldBlock
    }
    let (topic, time) = (Array(topic.utf8), now)
    return try topic.withUnsafeBytes { topic in
      try member.node.broadcast(
        large: content, topic: topic, order: order, isTagged: isTagged, now: time, into: &member.effects)
    }
  }

  @discardableResult
  func cancel(_ id: TransferID, by member: Member) -> Bool {
    defer { settle(member) }
    return member.node.cancelTransfer(id, now: now, into: &member.effects)
  }
}

extension Member {
  /// What became of large messages here.
  var updates: [TransferUpdate] { effects.transfers }

  /// Fragments that came although they were here, for each fragment of a message of so many bytes.
  func wasted(of length: Int) -> Double {
    let size = TransferHead(
      origin: 1, number: 1, length: UInt32(length),
      unit: TransferHead.unit(datagramLimit: node.configuration.datagramLimit))
    return Double(counters.fragmentsDuplicate + counters.fragmentsUnwanted) / Double(size.count)
  }
}
