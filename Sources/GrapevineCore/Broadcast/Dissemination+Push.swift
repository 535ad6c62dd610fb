// Sending messages out: what is to be pushed, and what was asked for.

extension Dissemination {
  /// Whether the link has something to push now; moves its cursor past what it has not.
  mutating func hasPush(_ slot: Int) -> Bool {
    var cursor = max(states[slot].cursor, log.tail)
    defer { states[slot].cursor = cursor }
    while cursor < log.head {
      switch judgePush(log[cursor], on: slot) {
      case .wanted: return true
      case .blocked: return false
      case .unwanted: cursor &+= 1
      }
    }
    return false
  }

  private enum PushVerdict { case wanted, unwanted, blocked }

  /// Whether an entry is to go out on a link: not when its other end has it, not yet when it lies beyond the
  /// window that the other end can take.
  @inline(__always)
  private func judgePush(_ entry: MessageLog.Entry, on slot: Int) -> PushVerdict {
    guard entry.targets & 1 << SlotMask(slot) != 0 else { return .unwanted }
    let place = Int(entry.stream)
    guard streams[place].level == .reliable else { return .wanted }
    let floor = progress[slot &* capacity &+ place].floor
    if entry.sequence <= floor { return .unwanted }
    return floor != 0 && entry.sequence &- floor > windows.width ? .blocked : .wanted
  }

  /// Writes as many runs of messages to push as fit into the datagram.
  ///
  /// - Returns: The number of messages written.
  mutating func writePushes(_ slot: Int, to writer: inout Writer, counters: inout Counters) -> Int {
    var written = 0
    while written < messagesPerDatagram, hasPush(slot) {
      let count = writeRun(slot, from: states[slot].cursor, limit: messagesPerDatagram - written, to: &writer)
      guard count > 0 else { break }
      states[slot].cursor &+= UInt64(count)
      written += count
    }
    counters.copiesSent &+= UInt64(written)
    return written
  }

  /// Writes the longest run that begins at an entry and fits.
  ///
  /// - Returns: The number of messages written; 0 when not even one fits.
  private func writeRun(_ slot: Int, from start: UInt64, limit: Int, to writer: inout Writer) -> Int {
    let first = log[start]
    let bit: SlotMask = 1 << SlotMask(slot)
    let head = (first.hops == 0 ? 1 : 9) + variableLength(first.sequence)
    var room = writer.remaining - head
    var index = start
    var count = 0
    let end = min(log.head, start &+ UInt64(min(limit, 65_536)))
    while index < end {
      let entry = log[index]
      let size = variableLength(UInt64(entry.length)) + Int(entry.length)
      // The count takes its bytes only from the second message on.
      guard size + (count == 0 ? 0 : variableLength(UInt64(count + 1))) <= room else { break }
      guard entry.stream == first.stream, entry.sequence == first.sequence &+ UInt64(count),
        entry.hops == first.hops, entry.isTagged == first.isTagged, entry.targets & bit != 0
      else { break }
      room -= size
      count += 1
      index &+= 1
    }
    guard count > 0 else { return 0 }
    header(of: first, count: count).write(to: &writer)
    for index in start..<start &+ UInt64(count) {
      let entry = log[index]
      writer.writeVariable(UInt64(entry.length))
      writer.write(log.payload(of: entry))
    }
    return count
  }

  private func header(of entry: MessageLog.Entry, count: Int) -> GossipHeader {
    let stream = streams[Int(entry.stream)]
    return GossipHeader(
      origin: stream.origin, level: stream.level, isTagged: entry.isTagged, hops: entry.hops,
      first: entry.sequence, count: UInt64(count))
  }

  /// Writes as many of the messages that the neighbour asked for as fit.
  ///
  /// - Returns: The number of messages written.
  mutating func writeRepairs(
    _ slot: Int, to writer: inout Writer, now: Instant, counters: inout Counters
  ) -> Int {
    var written = 0
    var looked = 0
    while states[slot].repairCount > 0, written < messagesPerDatagram, looked < Self.lookupsPerDatagram {
      let position = slot * repairsPerLink + Int(states[slot].repairFirst)
      let repair = repairs[position]
      looked += 1
      if let index = log.find(stream: Int(repair.stream), sequence: repair.next), !isPending(index, on: slot)
      {
        guard writeSingle(index, hops: log[index].hops, to: &writer) else { break }
        written += 1
      }
      if repair.next < repair.last {
        repairs[position].next = repair.next &+ 1
      } else {
        states[slot].repairFirst = UInt8((Int(states[slot].repairFirst) + 1) % repairsPerLink)
        states[slot].repairCount -= 1
      }
    }
    counters.copiesSent &+= UInt64(written)
    counters.repairs &+= UInt64(written)
    return written
  }

  /// Forgets what a neighbour asked for.
  func forgetRepairs(_ slot: Int) { states[slot].repairCount = 0 }

  /// Whether an entry will be pushed on a link anyway.
  private func isPending(_ index: UInt64, on slot: Int) -> Bool {
    index >= states[slot].cursor && log[index].targets & 1 << SlotMask(slot) != 0
  }

  /// Messages looked up for one datagram at most, found or not: what an asker can make us do at a time.
  private static var lookupsPerDatagram: Int { 1_024 }

  /// Writes one message as having come `hops` hops, or for a rumour, cycles.
  func writeSingle(_ index: UInt64, hops: UInt8, to writer: inout Writer) -> Bool {
    let entry = log[index]
    let size = GossipHeader.lengthLimit + 3 + Int(entry.length)
    guard writer.remaining >= size else { return false }
    var head = header(of: entry, count: 1)
    head.hops = hops
    head.write(to: &writer)
    writer.writeVariable(UInt64(entry.length))
    writer.write(log.payload(of: entry))
    return true
  }

  /// Has our state of one stream told to one neighbour soon.
  func tell(_ place: Int, _ slot: Int, now: Instant) {
    markDirty(place, on: slot)
    states[slot].digestAt = min(states[slot].digestAt, now + reorderGrace)
  }
}
