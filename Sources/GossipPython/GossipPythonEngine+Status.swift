// Status: who lacks what, and the way to it.
//
// A Status of ours says of each originator up to where nothing is missing. A peer that has more answers with
// messages; a peer that has less asks with a Status of its own, which names only what it lacks and so is never
// answered with another. Equal ones are not answered at all. Originals compare by the last number alone and
// answer equal ones too; what they are told is what their own clock has, so that they find nothing to answer.

import GrapevineCore
import GrapevineDialect

extension GossipPythonEngine {
  /// The index of a clock that is a part of a larger one.
  static var partIndex: Int { 1 }

  private var recordLimit: Int { max(1, configuration.statusRecords) }

  /// Sends a round of Status.
  mutating func tick(now: Instant) {
    tickAt = now + configuration.tickInterval.asNanoseconds
    for index in draw(configuration.fanout, of: peers.indices.filter { peers[$0].isReady }) {
      sendStatus(to: index, now: now)
    }
  }

  /// Sends a Status of all originators, or of the next part of them.
  mutating func sendStatus(to index: Int, now: Instant) {
    guard peers[index].kind == .sound else { return sendStatusToOriginal(index, now: now) }
    // One of which nothing came without a gap says no more than one that is not named.
    let named = origins.all.indices.filter { origins[$0].floor > 0 }
    let count = named.count
    guard count > recordLimit else {
      return send(PythonClock(records: records(of: named)), to: index, now: now)
    }
    let places = (0..<recordLimit).map { named[(clockCursor + $0) % count] }
    clockCursor = (clockCursor + recordLimit) % count
    send(PythonClock(index: Self.partIndex, records: records(of: places)), to: index, now: now)
  }

  /// Asks a peer to show that it receives what goes to its address, with a Status that says next to nothing: its
  /// acknowledgement has the number.
  mutating func probe(_ index: Int, now: Instant) {
    guard peers[index].probeAllowedAt <= now else { return }
    peers[index].probeAllowedAt = now + configuration.tickInterval.asNanoseconds
    (peers[index].probe, peers[index].wrongNumbers) = (drawNumber(), 0)
    let clock =
      peers[index].kind == .sound
      ? PythonClock(index: Self.partIndex, records: []) : clockForOriginal(index)
    enqueue(
      .status, PythonMessage.status(clock).body, to: peers[index].endpoint, sequence: peers[index].probe,
      attempts: 1, now: now)
  }

  /// Tells an original of what is in its clock, as far as is known, so that it does not take us to lack it.
  private mutating func sendStatusToOriginal(_ index: Int, now: Instant) {
    send(clockForOriginal(index), to: index, now: now)
  }

  private func clockForOriginal(_ index: Int) -> PythonClock {
    var records: [PythonRecord] = []
    for place in origins.all.indices where records.count < recordLimit {
      let origin = origins[place]
      guard peers[index].clock.contains(origin.id), origin.highest > 0 else { continue }
      records.append(PythonRecord(sequence: origin.highest, id: origin.id))
    }
    if peers[index].clock.contains([]), records.count < recordLimit {
      records.append(PythonRecord(sequence: 0, id: []))
    }
    return PythonClock(records: records)
  }

  private func records(of places: [Int]) -> [PythonRecord] {
    places.map { PythonRecord(sequence: origins[$0].floor, id: origins[$0].id) }
  }

  private mutating func send(_ clock: PythonClock, to index: Int, now: Instant) {
    enqueue(
      .status, PythonMessage.status(clock).body, to: peers[index].endpoint,
      attempts: configuration.attempts.status, now: now)
  }

  /// Status: answers with what the sender lacks, and asks for what it has and we lack.
  mutating func onStatus(_ clock: PythonClock, from index: Int, now: Instant) {
    let isSound = peers[index].kind == .sound
    let source = peers[index].endpoint
    if !isSound { peers[index].learn(clock.records.map(\.id)) }
    guard peers[index].isReady else {
      // Who writes another's address into a Status makes us send everything there.
      peers[index].owed = clock
      return
    }
    var lacked: [PythonRecord] = []
    var ahead: [(place: Int, after: Int)] = []
    var unknown: [PythonRecord] = []
    var named: Set<Int> = []
    for record in clock.records where !record.id.isEmpty {
      guard let place = origins.place(of: record.id) else {
        // A name costs nothing, so a claim enters nobody: it is asked for, and the answer does.
        guard record.sequence > 0, !isOwnName(record.id) else { continue }
        unknown.append(PythonRecord(sequence: 0, id: record.id))
        continue
      }
      guard named.insert(place).inserted else { continue }
      if origins[place].highest > record.sequence { ahead.append((place, record.sequence)) }
      guard record.sequence > origins[place].floor, !origins[place].isOwn else { continue }
      origins[place].claim(record.sequence, by: source, now: now)
      lacked.append(PythonRecord(sequence: origins[place].resume, id: record.id))
    }
    if clock.index == 0 {
      for place in origins.all.indices where !named.contains(place) && origins[place].highest > 0 {
        ahead.append((place, 0))
      }
    }
    if !ahead.isEmpty { replay(ahead, to: index, now: now) }
    if !lacked.isEmpty { repairAt = min(repairAt, now + configuration.answerInterval.asNanoseconds) }
    guard !lacked.isEmpty || !unknown.isEmpty else { return }
    ask(for: lacked + unknown, from: index, now: now)
  }

  /// Sends messages from the log, in order and not too many.
  private mutating func replay(_ ahead: [(place: Int, after: Int)], to index: Int, now: Instant) {
    guard peers[index].replayAllowedAt <= now else { return }
    peers[index].replayAllowedAt = now + answerInterval(of: index)
    var left = configuration.replayLimit
    for (place, after) in ahead {
      var last = after
      while left > 0, let next = origins[place].nextLogged(after: last) {
        guard let payload = origins[place].payload(next) else { break }
        let body = PythonMessage.data(PythonRecord(sequence: next, id: origins[place].id), payload).body
        let isMarked =
          peers[index].kind == .sound && next > last + 1 && origins[place].hasEvicted(before: next)
        sendData(body, of: place, to: index, isReplay: true, isMarked: isMarked, now: now)
        last = next
        left -= 1
      }
    }
  }

  /// An original gets one answer in a round.
  private func answerInterval(of index: Int) -> Nanoseconds {
    peers[index].kind == .sound
      ? configuration.answerInterval.asNanoseconds : configuration.tickInterval.asNanoseconds
  }

  /// Asks a peer for what is missing, with a Status that names nothing else.
  ///
  /// - Returns: Whether it was asked; not when it was only just.
  @discardableResult
  private mutating func ask(for wanted: [PythonRecord], from index: Int, now: Instant) -> Bool {
    guard peers[index].statusAllowedAt <= now else { return false }
    peers[index].statusAllowedAt = now + answerInterval(of: index)
    guard peers[index].kind == .sound else {
      sendStatusToOriginal(index, now: now)
      return true
    }
    send(PythonClock(index: Self.partIndex, records: Array(wanted.prefix(recordLimit))), to: index, now: now)
    return true
  }

  /// A message came and an earlier one did not: it may still be on its way.
  mutating func missSomething(of place: Int, from source: Endpoint, now: Instant) {
    if origins[place].claimant == nil { origins[place].claimant = source }
    repairAt = min(repairAt, now + configuration.answerInterval.asNanoseconds)
  }

  /// Asks for what is missing those who said that they have it, then others; gives up what nobody has.
  mutating func repair(now: Instant) {
    repairAt = .never
    var places: [Endpoint: [Int]] = [:]
    var order: [Endpoint] = []
    let ready = peers.indices.filter { peers[$0].isReady && peers[$0].kind == .sound }
    for place in origins.all.indices where origins[place].isBehind && !origins[place].isOwn {
      if now.since(origins[place].missingSince) >= configuration.gapPatience.asNanoseconds {
        origins[place].giveUp(now: now)
        guard origins[place].isBehind else { continue }
      }
      let isVain = origins[place].vainAsks > 0
      let claimant = origins[place].claimant.flatMap { self.place(of: $0) }
        .flatMap { peers[$0].isReady ? $0 : nil }
      let drawn = ready.isEmpty ? nil : ready[generator.below(ready.count)]
      guard let index = (isVain ? drawn ?? claimant : claimant ?? drawn) else { continue }
      origins[place].vainAsks += 1
      let endpoint = peers[index].endpoint
      if places[endpoint] == nil { order.append(endpoint) }
      places[endpoint, default: []].append(place)
    }
    var isMissing = false
    var patience = 0
    for endpoint in order {
      guard let wanted = places[endpoint], let index = self.place(of: endpoint) else { continue }
      let records = wanted.map { PythonRecord(sequence: origins[$0].resume, id: origins[$0].id) }
      ask(for: records, from: index, now: now)
      isMissing = true
      patience = max(patience, wanted.map { origins[$0].vainAsks }.min() ?? 0)
    }
    let stillMissing = origins.all.contains { $0.isBehind && !$0.isOwn }
    guard isMissing || stillMissing else { return }
    // Ever more rarely, up to a round.
    let interval = configuration.answerInterval.asNanoseconds << UInt64(min(patience, 3))
    repairAt = now + min(interval, max(configuration.tickInterval.asNanoseconds, 1_000_000))
  }
}
