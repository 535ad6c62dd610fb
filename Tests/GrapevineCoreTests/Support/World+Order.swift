// Topics and order in the small world.

@testable import GrapevineCore

extension World {
  /// Broadcasts a text in a topic, or in none.
  @discardableResult
  func broadcast(
    _ text: String, from member: Member, topic: String, order: MessageOrder, level: DeliveryLevel = .reliable,
    isTagged: Bool = false
  ) throws -> UInt64 {
    defer { settle(member) }
    let (text, topic) = (Array(text.utf8), Array(topic.utf8))
    let time = now
    return try text.withUnsafeBytes { text in
      try topic.withUnsafeBytes { topic in
        try member.node.broadcast(
          text, topic: topic, order: order, level: level, isTagged: isTagged, now: time)
      }
    }
  }

  func subscribe(_ topics: String..., by members: Member...) throws {
    for topic in topics {
      let bytes = Array(topic.utf8)
      for member in members { try bytes.withUnsafeBytes { try member.node.subscribe($0) } }
    }
  }

  func unsubscribe(_ topic: String, by member: Member) {
    let bytes = Array(topic.utf8)
    bytes.withUnsafeBytes { member.node.unsubscribe($0) }
  }

  /// What the bytes of a broadcast say.
  static func parse(_ bytes: [UInt8], sequence: UInt64) throws -> (order: MessageOrder, body: Int) {
    try bytes.withUnsafeBytes { bytes in
      let message = try OrderedMessage(bytes, sequence: sequence)
      return (message.order, message.body.count)
    }
  }
}

extension Member {
  /// The gaps in the order that it reported, as the message that went on and what it did not wait for.
  var orderGaps: [[UInt64]] {
    events.compactMap { event in
      guard case .orderGap(let origin, let sequence, let missing, let missed) = event else { return nil }
      return [origin.value, sequence, missing.value, missed]
    }
  }
}
