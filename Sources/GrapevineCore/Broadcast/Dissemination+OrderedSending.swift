// Sending with a topic or an order.

extension Dissemination {
  /// The longest body of a message with a topic or an order.
  private func bodyLimit(_ topic: UnsafeRawBufferPointer) -> Int {
    payloadLimit - OrderedMessage.headLimit - topic.count
  }

  /// Takes a message of our own that has a topic or an order.
  ///
  /// - Returns: Its number.
  /// - Throws: `wouldBlock` or `tooLarge`, and nothing of it was sent; or `unordered` for an order that the level does
  ///   not have.
  mutating func broadcast(
    _ body: UnsafeRawBufferPointer, topic: UnsafeRawBufferPointer, order wanted: MessageOrder,
    level: DeliveryLevel, isTagged: Bool, now: Instant, counters: inout Counters
  ) throws(BroadcastError) -> UInt64 {
    guard body.count <= bodyLimit(topic) else { throw .tooLarge(limit: bodyLimit(topic)) }
    guard level == .reliable || wanted == .unordered else { throw .unordered }
    var message = OrderedMessage()
    message.order = wanted
    message.isTagged = isTagged
    message.topic = topic
    if wanted == .causal {
      try sendBarriers(
        leaving: body.count + OrderedMessage.headLimit + topic.count, now: now, counters: &counters)
    }
    guard wanted != .unordered else {
      return try send(message, body, level: level, now: now, counters: &counters)
    }
    let hash = order.topics.hash(topic)
    message.predecessor = order.tails.predecessor(of: streams[0].floor &+ 1, hash: hash, order: wanted)
    let sequence = try send(message, body, level: level, now: now, counters: &counters)
    order.tails.note(sequence, hash: hash, order: wanted)
    return sequence
  }

  /// Writes and broadcasts a message, with all dependencies for which there is room when it is causal.
  private mutating func send(
    _ message: OrderedMessage, _ body: UnsafeRawBufferPointer, level: DeliveryLevel, now: Instant,
    counters: inout Counters
  ) throws(BroadcastError) -> UInt64 {
    var writer = Writer(
      UnsafeMutableRawBufferPointer(start: order.scratch.pointer(at: 0), count: order.scratch.count))
    message.writePrefix(to: &writer)
    var named = 0
    if message.order == .causal {
      named = dependenciesFitting(in: writer.remaining - body.count)
      writer.writeVariable(UInt64(named))
      for step in 0..<named { write(order.past.dependency(order.past.count - 1 - step), to: &writer) }
    }
    let headLength = writer.count
    writer.write(body)
    let sequence = try broadcast(
      writer.written(from: 0), level: level, isTagged: true, now: now, counters: &counters)
    for _ in 0..<named { order.past.removeLast() }
    if message.order != .unordered { counters.orderBytesSent &+= UInt64(headLength - message.topicBytes) }
    return sequence
  }

  private func write(_ dependency: (place: Int, sequence: UInt64), to writer: inout Writer) {
    writer.write(streams[dependency.place].origin)
    writer.writeVariable(dependency.sequence)
  }

  private func length(_ position: Int) -> Int {
    8 + variableLength(order.past.dependency(position).sequence)
  }

  /// How many dependencies, from the last one backwards, fit into `room` bytes with their count.
  private func dependenciesFitting(in room: Int) -> Int {
    var left = room - 2
    var named = 0
    while named < order.past.count {
      left -= length(order.past.count - 1 - named)
      guard left >= 0 else { break }
      named += 1
    }
    return named
  }

  /// Sends dependencies ahead, in messages of which nothing is delivered, until one that has `used` bytes besides has
  /// room for the rest. It comes after them as after any causal message of ours, and so after what they name.
  private mutating func sendBarriers(
    leaving used: Int, now: Instant, counters: inout Counters
  ) throws(BroadcastError) {
    while dependenciesFitting(in: payloadLimit - used + 1) < order.past.count {
      var barrier = OrderedMessage()
      barrier.order = .causal
      barrier.isBarrier = true
      barrier.predecessor = order.tails.barrierPredecessor(of: streams[0].floor &+ 1)
      let none = UnsafeRawBufferPointer(start: nil, count: 0)
      let sequence = try send(barrier, none, level: .reliable, now: now, counters: &counters)
      order.tails.noteBarrier(sequence)
    }
  }
}

extension OrderedMessage {
  /// The bytes that the topic takes.
  fileprivate var topicBytes: Int { topic.isEmpty ? 0 : 1 + topic.count }
}
