// FORWARDJOIN and SHUFFLE: random walks over the active views.

extension HyParView {
  mutating func onMessage(
    _ kind: UInt8, from slot: Int, _ cursor: inout Cursor, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) throws(DecodeError) {
    switch kind {
    case MessageKind.forwardJoin:
      let walk = try ForwardJoin(from: &cursor)
      guard view.links[slot].payWalk(now: now) else {
        counters.droppedExcess &+= 1
        return
      }
      onForwardJoin(walk, from: slot, view: &view, now: now, counters: &counters, into: &effects)
    case MessageKind.shuffle:
      try onShuffle(from: slot, &cursor, view: &view, now: now, counters: &counters, into: &effects)
    default:
      throw .unknownKind
    }
  }

  mutating func onShuffleReply(
    _ cursor: inout Cursor, _ view: inout Neighbourhood, now: Instant, counters: inout Counters
  ) throws(DecodeError) {
    let reply = try ShuffleReply(from: &cursor)
    guard reply.nonce == shuffleNonce, shuffleNonce != 0 else {
      counters.droppedUnproven &+= 1
      return
    }
    shuffleNonce = 0
    try view.readSample(from: &cursor, now: now)
    nextConnect = min(nextConnect, now + searchPause)
  }

  /// A newcomer passes by: it stays where its walk ends, and is remembered `passiveWalk` hops before that
  /// (DSN 2007 §4.2.1, Algorithm 1).
  private mutating func onForwardJoin(
    _ walk: ForwardJoin, from slot: Int, view: inout Neighbourhood, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    let newcomer = walk.newcomer
    guard newcomer.id != view.identity, newcomer.endpoint.isUsable else { return }
    let ttl = min(walk.ttl, activeWalk)
    if ttl == 0 || view.neighbourCount <= 1 {
      adopt(walk, view: &view, now: now)
      return
    }
    if ttl == passiveWalk { view.learn(newcomer, now: now) }
    let isNeighbour = view.slot(of: newcomer.endpoint)
    let excluded: SlotMask = 1 << SlotMask(slot) | (isNeighbour.map { 1 << SlotMask($0) } ?? 0)
    guard let next = view.randomNeighbour(except: excluded) else {
      adopt(walk, view: &view, now: now)
      return
    }
    let onward = ForwardJoin(ttl: ttl - 1, newcomer: newcomer, isRescue: walk.isRescue)
    view.send(on: next, now: now, counters: &counters, into: &effects) { onward.write(to: &$1) }
  }

  /// Becomes a newcomer's neighbour; a full view gives up another when the newcomer accepts, but not too
  /// often.
  private mutating func adopt(_ walk: ForwardJoin, view: inout Neighbourhood, now: Instant) {
    let newcomer = walk.newcomer
    if view.neighbourCount + view.pendingCount >= capacity {
      guard now >= nextAdoption else {
        view.learn(newcomer, now: now)
        return
      }
    }
    // Walks can come in any number; they do not take the slots that lost neighbours are replaced with.
    guard view.adoptedCount < Self.adoptedLimit else {
      view.learn(newcomer, now: now)
      return
    }
    let slot = view.greet(newcomer.endpoint, peer: newcomer.id, need: walk.isRescue ? .high : .low, now: now)
    if let slot { view.links[slot].isAdopted = true }
  }

  /// Sends a sample of both views on a walk (DSN 2007 §4.4).
  mutating func shuffle(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    nextShuffle = now + view.jittered(view.neighbourCount < target ? shuffleInterval / 4 : shuffleInterval)
    guard let slot = view.randomNeighbour() else { return }
    shuffleNonce = view.nextNonce() | 1
    let head = Shuffle(
      hops: 0, ttl: activeWalk, nonce: shuffleNonce, origin: PeerRecord(id: view.identity, endpoint: .zero))
    let (active, all) = (shuffleActive, shuffleActive + shufflePassive)
    let endpoint = view.links[slot].endpoint
    view.send(on: slot, now: now, counters: &counters, into: &effects) { view, writer in
      head.write(to: &writer)
      view.writeSample(neighbours: active, limit: all, excluding: endpoint, to: &writer)
    }
  }

  private mutating func onShuffle(
    from slot: Int, _ cursor: inout Cursor, view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) throws(DecodeError) {
    let sender = PeerRecord(id: view.links[slot].peer, endpoint: view.links[slot].endpoint)
    let start = cursor.offset - 1
    let shuffle = try Shuffle(sender: sender, from: &cursor)
    var ahead = cursor
    let count = try ahead.read(UInt8.self)
    guard count <= PeerRecord.countLimit else { throw .outOfRange }
    for _ in 0..<count { _ = try PeerRecord(from: &ahead) }
    guard view.links[slot].payWalk(now: now) else {
      counters.droppedExcess &+= 1
      cursor = ahead
      return
    }
    let ttl = min(shuffle.ttl, activeWalk)
    let next = ttl > 0 ? view.randomNeighbour(except: 1 << SlotMask(slot)) : nil
    guard let next else {
      // Who is at the other end of a link has proven its address.
      let limit = shuffle.hops == 0 ? Int.max : ahead.offset - start
      if shuffle.hops == 0 || now >= nextAnswer {
        if shuffle.hops > 0 { nextAnswer = now + Self.answerPause }
        answer(
          shuffle, count: Int(count), limit: limit, view: &view, counters: &counters, into: &effects)
      }
      view.learn(shuffle.origin, now: now)
      try view.readSample(from: &cursor, now: now)
      nextConnect = min(nextConnect, now + searchPause)
      return
    }
    var onward = shuffle
    onward.hops = min(shuffle.hops + 1, Walk.hopsLimit)
    onward.ttl = ttl - 1
    let records = try cursor.readBytes(UInt64(ahead.offset - cursor.offset))
    view.send(on: next, now: now, counters: &counters, into: &effects) {
      onward.write(to: &$1)
      $1.write(records)
    }
  }

  /// Tells a shuffle's origin as many members as it told.
  ///
  /// - Parameter limit: The length of the shuffle in bytes: the answer is no longer than what asked for it, unless
  ///   somebody has proven that the origin is where the shuffle says.
  private func answer(
    _ shuffle: Shuffle, count: Int, limit: Int, view: inout Neighbourhood, counters: inout Counters,
    into effects: inout Effects
  ) {
    guard shuffle.origin.endpoint.isUsable, shuffle.origin.id != view.identity, effects.datagrams.hasRoom
    else { return }
    let datagram = effects.datagrams.nextDatagram()
    var writer = Writer(
      UnsafeMutableRawBufferPointer(start: datagram.baseAddress, count: min(limit, datagram.count)))
    Frame.begin(Frame.open, in: &writer)
    ShuffleReply(nonce: shuffle.nonce, sender: view.identity).write(to: &writer)
    view.writeSample(neighbours: 0, limit: count, excluding: shuffle.origin.endpoint, to: &writer)
    Frame.finish(&writer, key: view.openKey)
    effects.datagrams.commit(length: writer.count, to: shuffle.origin.endpoint)
    counters.datagramsSent &+= 1
    counters.bytesSent &+= UInt64(writer.count)
  }
}
