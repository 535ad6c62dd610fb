// What a scenario's steps do to a simulation.

import GrapevineCore

/// The state of one run of a scenario besides the simulation itself, which holds it in its actions.
final class ScenarioRun {
  private let scenario: Scenario
  let ledger = Ledger()
  private var generator: Generator
  private var crashed: Set<Int> = []
  private var leaving: Set<Int> = []
  private var messages = 0
  /// Broadcasts that no process could make.
  private(set) var skipped = 0
  /// Times that a member took another one, which ran, to have failed.
  private(set) var flaps = 0
  /// Time from the end of the faults until all members knew each other; nil before.
  private(set) var agreement: Nanoseconds?
  /// Copies and deliveries counted by nodes that are gone.
  private var retired = (copies: UInt64(0), deliveries: UInt64(0))

  init(_ scenario: Scenario, seed: UInt64) {
    self.scenario = scenario
    generator = Generator(seed: seed ^ 0x7363_656e_6172_696f)
  }

  /// Schedules everything.
  func plan(in simulation: Simulation) {
    for step in scenario.steps {
      switch step.action {
      case .join(let amount): planJoin(amount ?? .count(rest), step, in: simulation)
      case .broadcast(let plan):
        simulation.at(Self.instant(step.from)) { [self] in broadcast(plan, at: step.from, in: $0) }
      case .partition(let groups, let isOneWay, let duration):
        let salt = generator.next()
        simulation.at(Self.instant(step.from)) { simulation in
          simulation.partition(isOneWay: isOneWay) { process in
            var draw = Generator(seed: salt &+ UInt64(process))
            return draw.below(groups)
          }
        }
        if let duration { simulation.at(Self.instant(step.from + duration)) { $0.heal() } }
      case .heal: simulation.at(Self.instant(step.from)) { $0.heal() }
      case .network(let change): simulation.at(Self.instant(step.from)) { change(&$0.model) }
      case .crash, .restart, .leave, .pause, .block, .deafen:
        simulation.at(Self.instant(step.from)) { [self] in befall(step, in: $0) }
      }
    }
    simulation.at(Self.instant(scenario.end.asNanoseconds)) { [self] in
      $0.heal()
      if membersWait != nil { watchMembers(in: $0) }
    }
  }

  /// Enters what a node did, and helps nodes on their way as a supervisor of processes would.
  func observe(
    _ observation: Simulation.Observation, _ payload: UnsafeRawBufferPointer, in simulation: Simulation
  ) {
    ledger.observe(observation, payload, in: simulation)
    switch observation {
    case .event(let process, .joinFailed):
      simulation.at(simulation.now + 1_000_000_000) { [self] in
        guard $0.lifecycle(of: process) == .disconnected else { return }
        retire(process, in: $0)
        start(process, in: $0)
      }
    case .event(let process, .lifecycle(.disconnected)) where leaving.contains(process):
      simulation.at(simulation.now) { [self] in
        retire(process, in: $0)
        $0.crash(process)
      }
    case .event(_, .member(.failed, _, let run, let endpoint)):
      guard let process = simulation.runningProcess(at: endpoint), simulation.identity(of: process) == run,
        simulation.lifecycle(of: process) == .connected
      else { return }
      flaps += 1
    case .event, .delivery: break
    }
  }

  /// Copies that all nodes received for one delivery; nil when there was none.
  func copiesPerDelivery(in simulation: Simulation) -> Double? {
    var sum = retired
    for process in 0..<simulation.processCount {
      let counters = simulation.counters(of: process)
      sum.copies &+= counters.copiesReceived
      sum.deliveries &+= counters.deliveries
    }
    return sum.deliveries > 0 ? Double(sum.copies) / Double(sum.deliveries) : nil
  }

  private static func instant(_ time: Nanoseconds) -> Instant { Instant(nanoseconds: time) }

  /// A moment of the step's interval.
  private func moment(of step: ScenarioStep) -> Instant {
    guard step.until > step.from else { return Self.instant(step.from) }
    return Self.instant(step.from + UInt64(generator.below(Int(step.until - step.from + 1))))
  }
}

// Processes come and go.
extension ScenarioRun {
  /// Processes that no line with an amount starts.
  private var rest: Int {
    scenario.steps.reduce(scenario.nodes) { left, step in
      if case .join(let amount?) = step.action {
        max(0, left - amount.resolved(of: scenario.nodes))
      } else {
        left
      }
    }
  }

  private func planJoin(_ amount: Amount, _ step: ScenarioStep, in simulation: Simulation) {
    for _ in 0..<amount.resolved(of: scenario.nodes) {
      simulation.at(moment(of: step)) { [self] in
        let process = $0.addProcess()
        if let skew = scenario.skew {
          $0.setClock(
            of: process,
            partsPerMillion: generator.below(2 * skew.partsPerMillion + 1) - skew.partsPerMillion,
            ahead: .nanoseconds(Int64(generator.below(Int(skew.offset) + 1))))
        }
        start(process, in: $0)
      }
    }
  }

  /// Starts a node, which joins through the first process and another one that runs.
  private func start(_ process: Int, in simulation: Simulation) {
    crashed.remove(process)
    var contacts = process == 0 ? [] : [0]
    for _ in 0..<8 where simulation.processCount > 1 {
      let other = generator.below(simulation.processCount)
      guard other != process, other != 0, simulation.lifecycle(of: other) == .connected else { continue }
      contacts.append(other)
      break
    }
    simulation.restart(process, contacts: contacts)
  }

  private func retire(_ process: Int, in simulation: Simulation) {
    let counters = simulation.counters(of: process)
    retired.copies &+= counters.copiesReceived
    retired.deliveries &+= counters.deliveries
    ledger.forget(process)
  }

  /// Picks the processes that a step is about and has it happen to each at its moment.
  private func befall(_ step: ScenarioStep, in simulation: Simulation) {
    let all = 0..<simulation.processCount
    // Others join through the first process, so it stays; but it may stand still.
    let running = all.filter { simulation.lifecycle(of: $0) == .connected && !leaving.contains($0) }
    switch step.action {
    case .crash(let amount, let duration):
      each(amount, of: running.filter { $0 != 0 }, step, in: simulation) { [self] in
        crash($0, for: duration, in: $1)
      }
    case .restart(let amount):
      each(amount, of: crashed.sorted(), step, in: simulation) { [self] in
        if crashed.contains($0) { start($0, in: $1) }
      }
    case .leave(let amount):
      each(amount, of: running.filter { $0 != 0 }, step, in: simulation) { [self] in
        // Who stands still cannot say goodbye.
        guard $1.lifecycle(of: $0) == .connected, !$1.isPaused($0) else { return }
        leaving.insert($0)
        ledger.excuse($0)
        $1.leave($0)
      }
    case .pause(let amount, let duration):
      each(amount, of: running, step, in: simulation) {
        $1.pause($0, for: .nanoseconds(Int64(clamping: duration)))
      }
    case .block(let amount, let duration):
      each(amount, of: running, step, in: simulation) {
        $1.block($0, for: .nanoseconds(Int64(clamping: duration)))
      }
    case .deafen(let amount, let loss, let duration):
      each(amount, of: running, step, in: simulation) { process, simulation in
        simulation.setLoss(inbound: loss, of: process)
        guard let duration else { return }
        simulation.at(simulation.now + duration) { $0.setLoss(inbound: 0, of: process) }
      }
    case .join, .broadcast, .partition, .heal, .network: break
    }
  }

  private func each(
    _ amount: Amount, of candidates: [Int], _ step: ScenarioStep, in simulation: Simulation,
    _ body: @escaping (Int, Simulation) -> Void
  ) {
    for process in picked(amount.resolved(of: candidates.count), of: candidates) {
      simulation.at(moment(of: step)) { body(process, $0) }
    }
  }

  /// So many different ones of the candidates.
  private func picked(_ count: Int, of candidates: [Int]) -> ArraySlice<Int> {
    var candidates = candidates
    for index in 0..<min(count, candidates.count) {
      candidates.swapAt(index, index + generator.below(candidates.count - index))
    }
    return candidates.prefix(count)
  }

  private func crash(_ process: Int, for duration: Nanoseconds?, in simulation: Simulation) {
    guard simulation.lifecycle(of: process) != nil, !leaving.contains(process) else { return }
    retire(process, in: simulation)
    simulation.crash(process)
    crashed.insert(process)
    guard let duration else { return }
    simulation.at(simulation.now + duration) { [self] in
      if crashed.contains(process) { start(process, in: $0) }
    }
  }
}

// Messages.
extension ScenarioRun {
  private func broadcast(_ plan: BroadcastPlan, at start: Nanoseconds, in simulation: Simulation) {
    let connected = (0..<simulation.processCount).filter { simulation.lifecycle(of: $0) == .connected }
    let senders = Array(picked(plan.senders, of: connected))
    for index in 0..<plan.count {
      // Even distances without a product that could overflow.
      let share = UInt128(plan.duration) * UInt128(index) / UInt128(plan.count)
      let bytes = plan.sizes.lowerBound + generator.below(plan.sizes.count)
      simulation.at(Self.instant(start) + UInt64(clamping: share)) { [self] simulation in
        // Whose turn it is may have crashed or be paused: then the next one.
        let order = senders.indices.map { senders[(index + $0) % senders.count] }
        let hasSent = order.contains {
          ledger.broadcast(messages, bytes: bytes, plan.level, from: $0, in: simulation)
        }
        if hasSent { messages += 1 } else { skipped += 1 }
      }
    }
  }
}

// Members.
extension ScenarioRun {
  /// How long after the end of the faults members may take to know each other; nil when nobody asks.
  private var membersWait: Nanoseconds? { scenario.expectations.first { $0.measure == .members }?.time }

  /// Whether members may still come to know each other in the time that is expected.
  func isWaitingForMembers(at now: Instant) -> Bool {
    guard agreement == nil, let membersWait else { return false }
    return now < Self.instant(scenario.end.asNanoseconds) + membersWait
  }

  /// Looks four times a second.
  private func watchMembers(in simulation: Simulation) {
    if simulation.isMembershipComplete() {
      agreement = simulation.now.since(Self.instant(scenario.end.asNanoseconds))
    } else if isWaitingForMembers(at: simulation.now) {
      simulation.at(simulation.now + 250_000_000) { [self] in watchMembers(in: $0) }
    }
  }
}
