// Probing, for this node and for others.

/// The probe of the present period.
struct Probe {
  var isActive = false
  var place = 0
  var id: UInt64 = 0
  var run: UInt64 = 0
  var incarnation: UInt32 = 0
  var number: UInt32 = 0
  var sentAt = Instant()
  /// When others are asked.
  var askAt = Instant.never
  var hasAsked = false
  /// Members asked, and those that got no answer either.
  var nacksExpected = 0
  var nacks = 0

  init() {}
}

extension Membership {
  /// Carries on the present period's probe, and ends the period when its time is over.
  mutating func advanceProbes(now: Instant, counters: inout Counters, into effects: inout Effects) {
    if probe.isActive, !probe.hasAsked, now >= probe.askAt {
      askOthers(counters: &counters, into: &effects)
    }
    while var call = calls.takeOverdue(now: now) {
      guard call.reason == .relay, !call.hasNacked else { continue }
      // Whoever asked goes on waiting until its period ends, so a late answer is passed on all the same.
      call.hasNacked = true
      call.deadline = now + period
      _ = calls.add(call)
      counters.nacksSent &+= 1
      send(
        MessageKind.pingInVain, number: call.requesterNumber, to: call.requester, run: call.requesterRun,
        counters: &counters, into: &effects)
    }
    guard now >= periodAt else { return }
    if probe.isActive { probeFailed(now: now, counters: &counters, into: &effects) }
    beginPeriod(now: now, counters: &counters, into: &effects)
  }

  /// How many times longer than usual this node takes, since it doubts itself.
  private var patience: UInt64 {
    ablations.contains(.localHealth) ? 1 : UInt64(doubt.multiplier + 1)
  }

  /// The time for an answer: twice what 99 of 100 took, as soon as that is known.
  private var timeout: Nanoseconds {
    let configured = rules.probeTimeout.asNanoseconds
    guard !ablations.contains(.measuredTimeouts), let late = roundTrips.late else { return configured }
    return min(max(2 &* late, period / 50), max(configured, period / 2))
  }

  private mutating func beginPeriod(now: Instant, counters: inout Counters, into effects: inout Effects) {
    let length = period &* patience
    // From the time when the period should have begun, so that timers which fire late do not add up.
    periodAt = now.since(periodAt) < period / 4 ? periodAt + length : now + length
    probe = Probe()
    guard let place = nextTarget() else { return }
    let entry = table[place]
    probe.isActive = true
    probe.place = place
    probe.id = entry.id
    probe.run = entry.run
    probe.incarnation = entry.incarnation
    probe.number = nextNumber()
    probe.sentAt = now
    probe.askAt = now + timeout &* patience
    counters.probes &+= 1
    ping(place, number: probe.number, counters: &counters, into: &effects)
  }

  private mutating func nextTarget() -> Int? {
    ablations.contains(.roundRobin)
      ? table.random(using: &generator) : order.take(from: table, using: &generator)
  }

  /// PING-REQ: others may reach whom this node does not.
  private mutating func askOthers(counters: inout Counters, into effects: inout Effects) {
    probe.hasAsked = true
    var asked = PlaceSet()
    asked.insert(probe.place)
    for _ in 0..<rules.indirectProbes {
      guard let helper = table.random(using: &generator, alive: true, except: asked) else { break }
      asked.insert(helper)
      counters.indirectProbes &+= 1
      probe.nacksExpected += 1
      request(helper, number: probe.number, id: probe.id, counters: &counters, into: &effects)
    }
  }

  /// Nobody got an answer in this period.
  private mutating func probeFailed(now: Instant, counters: inout Counters, into effects: inout Effects) {
    probe.isActive = false
    let heardNobody =
      doubt.lastHeard <= probe.sentAt && others >= SelfDoubt.leastMembers
      && now.since(doubt.lastHeard) < SelfDoubt.deafLimit
    if heardNobody, !ablations.contains(.selfDoubt) {
      // Not even one of those who were asked for help: it is us.
      counters.verdictsDiscarded &+= 1
      doubt.change(by: 1)
      return
    }
    counters.probesFailed &+= 1
    // Lifeguard: who was asked and says nothing may not have been heard by us.
    // Whom this node has never heard may never have been there, which is no fault of its own.
    let entry = table[probe.place]
    if entry.hasAnswered { doubt.change(by: probe.nacksExpected > 0 ? probe.nacksExpected - probe.nacks : 1) }
    // Whoever has announced itself since lives.
    guard entry.id == probe.id, entry.run == probe.run, entry.incarnation == probe.incarnation,
      entry.isLiving
    else { return }
    counters.suspicions &+= 1
    suspect(
      probe.place, incarnation: entry.incarnation, by: ownID, from: nil, now: now, into: &effects)
  }

  /// ACK: a member lives.
  mutating func onAnswer(
    _ number: UInt32, from sender: Sender, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    if probe.isActive, probe.number == number {
      // What waited here while this node was stopped says nothing of the network.
      let roundTrip = now.since(probe.sentAt)
      if sender.run == probe.run, roundTrip < period { roundTrips.add(roundTrip) }
      probe.isActive = false
      doubt.change(by: -1)
      return
    }
    if onClaimAnswer(number, from: sender) { return }
    guard let call = calls.take(number, run: sender.run) else {
      counters.droppedUnproven &+= 1
      return
    }
    // Two members with one name: this run is the lesser.
    if call.reason == .rival, sender.id == ownID { conflict = call.requester }
    guard call.reason == .relay else { return }
    send(
      MessageKind.pingAnswer, number: call.requesterNumber, to: call.requester, run: call.requesterRun,
      counters: &counters, into: &effects)
  }

  /// PING-REQ of somebody else: probes for it a member that both know.
  mutating func relay(
    _ number: UInt32, _ id: UInt64, for sender: Sender, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    guard sender.isKnown, let place = table.find(id), place != MemberTable.own, table[place].isLiving else {
      counters.droppedExcess &+= 1
      return
    }
    var call = Call()
    call.reason = .relay
    call.number = nextNumber()
    call.run = table[place].run
    // Lifeguard: the NACK must be there before the period of the asker ends.
    call.deadline = now + timeout &* 4 / 5
    call.requester = sender.endpoint
    call.requesterRun = sender.run
    call.requesterNumber = number
    guard calls.hasRoomForOthers, calls.add(call) else {
      counters.droppedExcess &+= 1
      return
    }
    ping(place, number: call.number, counters: &counters, into: &effects)
  }
}
