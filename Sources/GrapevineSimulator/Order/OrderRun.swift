// One run of the campaign: who talks, what fails, and how all ends.

import GrapevineCore

/// A run that is going on.
final class OrderRun {
  let schedule: OrderSchedule
  let simulation: Simulation
  let ledger = OrderLedger()
  private var generator: Generator
  /// When processes start again, in ticks.
  private var returns: [Int?]
  private var partitionEnd: Int?
  private var lastNumbers: [MemberID: UInt64] = [:]
  private var causal = 0
  private var causalBytes: UInt64 = 0
  private var faults = 0
  private var heldBack: UInt64 = 0
  private var orderGaps: UInt64 = 0
  private var forgotten: UInt64 = 0
  private var lost: UInt64 = 0
  private var hasEnded = false

  private static let ticksPerSecond = 10
  private static let tick: Nanoseconds = 1_000_000_000 / UInt64(ticksPerSecond)

  init(_ schedule: OrderSchedule, _ simulation: Simulation, _ generator: Generator) {
    self.schedule = schedule
    self.simulation = simulation
    self.generator = generator
    returns = Array(repeating: nil, count: schedule.nodes)
  }

  private var running: [Int] { (0..<simulation.processCount).filter { ledger.run(of: $0) != nil } }

  private func name(_ topic: Int) -> [UInt8] { topic == schedule.topics ? [] : Array("topic \(topic)".utf8) }

  private func step() { simulation.run(until: simulation.now + Self.tick) }
}

// The time of faults.
extension OrderRun {
  /// Runs until the faults end.
  func talk() {
    for _ in 0..<schedule.nodes { _ = simulation.addProcess() }
    let quiet = schedule.quiet * Self.ticksPerSecond
    for tick in 0..<quiet + schedule.duration * Self.ticksPerSecond {
      if tick < schedule.nodes { start(tick) }
      comeBack(tick)
      guard tick >= quiet else {
        step()
        continue
      }
      if tick > max(quiet, 3 * Self.ticksPerSecond) { fail(tick) }
      while generator.chance(schedule.sends) { sendSomething() }
      if generator.chance(schedule.changes) { changeTopics() }
      step()
    }
  }

  private func start(_ process: Int) {
    // Members only: who joins through others that are still joining may make a cluster with these alone.
    let contacts = (0..<schedule.nodes).filter { simulation.lifecycle(of: $0) == .connected }
    let topics = (0..<schedule.topics).filter { _ in generator.chance(0.6) }
    ledger.log?("start \(process), hearing \(topics)")
    simulation.restart(process, contacts: contacts)
    guard let identity = simulation.identity(of: process) else { return }
    ledger.start(process, identity, topics: schedule.topics)
    if simulation.lifecycle(of: process) == .connected { ledger.didConnect(process, at: simulation.now) }
    for topic in topics { hear(topic, at: process) }
  }

  private func hear(_ topic: Int, at process: Int) {
    guard simulation.subscribe(name(topic), at: process) else { return }
    ledger.hear(topic, at: process, since: simulation.now)
  }

  private func changeTopics() {
    guard let process = anybody() else { return }
    let topic = generator.below(schedule.topics)
    if ledger.isHeard(topic, at: process) {
      simulation.unsubscribe(name(topic), at: process)
      ledger.hear(topic, at: process, since: nil)
    } else {
      hear(topic, at: process)
    }
  }

  private func anybody() -> Int? {
    let all = running
    return all.isEmpty ? nil : all[generator.below(all.count)]
  }

  private func comeBack(_ tick: Int) {
    for process in returns.indices {
      guard let time = returns[process], tick >= time else { continue }
      returns[process] = nil
      start(process)
    }
    for process in running where simulation.lifecycle(of: process) == .disconnected {
      if returns[process] == nil { end(process, andReturnAt: tick + 1) }
    }
    if let end = partitionEnd, tick >= end {
      partitionEnd = nil
      ledger.log?("partition ends")
      simulation.heal()
    }
  }

  private func fail(_ tick: Int) {
    if generator.chance(schedule.partitions), partitionEnd == nil {
      let groups = 2 + generator.below(2)
      let places = (0..<schedule.nodes).map { _ in generator.below(groups) }
      let isOneWay = generator.chance(0.2)
      ledger.log?("partition \(places)\(isOneWay ? " one-way" : "")")
      simulation.partition(isOneWay: isOneWay) { places[$0] }
      partitionEnd = tick + 5 + generator.below(60)
      faults += 1
    }
    guard generator.chance(schedule.crashes), running.count > 1, let process = anybody() else { return }
    faults += 1
    if generator.chance(0.3) {
      ledger.log?("leave \(process)")
      simulation.leave(process)
    } else {
      end(process, andReturnAt: tick + 1 + generator.below(40))
    }
  }

  private func end(_ process: Int, andReturnAt tick: Int) {
    ledger.log?("end \(process)")
    collect(process)
    simulation.crash(process)
    ledger.end(process)
    returns[process] = tick
  }

  private func collect(_ process: Int) {
    let counters = simulation.counters(of: process)
    heldBack += counters.heldBack
    orderGaps += counters.orderGaps
    forgotten += counters.orderForgotten
    lost += counters.messagesLost
  }
}

// What is said.
extension OrderRun {
  private func sendSomething() {
    guard let process = anybody() else { return }
    let order: MessageOrder = [.unordered, .fifo, .fifo, .causal, .causal, .causal][generator.below(6)]
    for _ in 0...(generator.chance(0.2) ? generator.below(8) : 0) {
      send(order, in: generator.below(schedule.topics + 1), from: process)
    }
  }

  private func send(_ order: MessageOrder, in topic: Int, from process: Int) {
    guard simulation.lifecycle(of: process) == .connected, let identity = simulation.identity(of: process)
    else { return }
    let before = simulation.counters(of: process).orderBytesSent
    let isLarge = generator.chance(0.02)
    guard
      let sequence = isLarge
        ? sendLarge(order, in: topic, from: process) : sendSmall(order, in: topic, from: process)
    else { return }
    let ahead = sequence - lastNumbers[identity, default: 0] - 1
    lastNumbers[identity] = sequence
    ledger.didSend(
      sequence, ahead: ahead, topic: topic, order: order, isLarge: isLarge, from: process,
      members: running.count, at: simulation.now)
    guard order == .causal else { return }
    causal += 1
    causalBytes += simulation.counters(of: process).orderBytesSent - before
  }

  private func sendSmall(_ order: MessageOrder, in topic: Int, from process: Int) -> UInt64? {
    // Now and then there is no room for dependencies in the message itself.
    let length =
      generator.chance(0.1)
      ? simulation.configuration.orderedPayloadLimit(topicLength: name(topic).count) : generator.below(40)
    let payload = [UInt8](repeating: 7, count: length)
    return simulation.broadcast(payload, topic: name(topic), order: order, from: process)?.sequence
  }

  /// Sends a message of some fragments, whose place in the order is that of its announcement.
  private func sendLarge(_ order: MessageOrder, in topic: Int, from process: Int) -> UInt64? {
    let payload = [UInt8](repeating: 7, count: 2_000 + generator.below(14_000))
    guard let content = payload.withUnsafeBytes({ LargeContent(copying: $0) }) else { return nil }
    return simulation.broadcast(large: content, topic: name(topic), order: order, from: process)?.sequence
  }

  /// Enters what a node did, and has some messages answered.
  func observe(_ observation: Simulation.Observation, _ payload: UnsafeRawBufferPointer) {
    switch observation {
    case .event(let process, let event):
      ledger.didReport(event, at: process, time: simulation.now)
    case .delivery(let process, let origin, let sequence, _, _):
      ledger.log?("\(process) delivers \(sequence) of \(origin)")
      guard ledger.didDeliver(origin, sequence, at: process, time: simulation.now) != nil, !hasEnded,
        generator.chance(schedule.answers)
      else { return }
      let topic = generator.below(schedule.topics + 1)
      let delay = UInt64(generator.below(20_000_000))
      simulation.at(simulation.now + delay) { [weak self] _ in self?.send(.causal, in: topic, from: process) }
    }
  }
}

// The end.
extension OrderRun {
  /// Ends all faults, and waits until all is delivered.
  func heal() {
    ledger.log?("all faults end")
    hasEnded = true
    simulation.heal()
    simulation.model = .hostile(loss: 0.02)
    for process in returns.indices where returns[process] != nil {
      returns[process] = nil
      start(process)
    }
    var missing: String?
    for tick in 0..<180 * Self.ticksPerSecond {
      step()
      comeBack(tick)
      guard tick % Self.ticksPerSecond == 0, running.allSatisfy({ simulation.heldBackCount(at: $0) == 0 })
      else {
        continue
      }
      missing = ledger.firstMissing()
      if missing == nil, returns.allSatisfy({ $0 == nil }) { return }
    }
    for process in running where simulation.heldBackCount(at: process) > 0 {
      ledger.fail("\(process) holds \(simulation.heldBackCount(at: process)) messages back in the end")
    }
    if let missing { ledger.fail("\(missing) in the end") }
  }

  func report() -> OrderCampaignReport {
    let (announced, historic) = ledger.judge()
    let judged = ledger.judgedDeliveries
    for process in running { collect(process) }
    var report = OrderCampaignReport()
    report.failures = ledger.failures
    report.nodes = schedule.nodes
    report.messages = ledger.sent.count
    report.causal = causal
    report.deliveries = ledger.deliveries
    report.judged = judged
    report.announced = announced
    report.historic = historic
    report.heldBack = heldBack
    report.orderGaps = orderGaps
    report.forgotten = forgotten
    report.lost = lost
    report.causalBytes = causalBytes
    report.vectorBytes = ledger.vectorBytes
    report.longestDelay = Double(ledger.longestDelay) / 1e9
    report.faults = faults
    report.events = simulation.eventCount
    report.trace = simulation.trace
    return report
  }
}
