// Many nodes in one process, in virtual time, on a network that misbehaves on purpose.
//
// The nodes are the core's own, with the bytes that they would send over UDP. All chance comes from one seed
// and all order from one queue, so a run is a function of its seed and can be repeated to the byte.

import GrapevineCore

/// A discrete-event simulation of a cluster.
public final class Simulation {
  /// What the simulation hands to whoever watches it.
  public enum Observation: Sendable {
    /// A node delivered a message; its payload is in the buffer at the index given to the observer.
    case delivery(node: Int, origin: MemberID, sequence: UInt64, level: DeliveryLevel)
    /// A node reported an event.
    case event(node: Int, Event)
  }

  /// One process: a place with an address, at which nodes live one after the other.
  private final class Process {
    var node: Node?
    var armed = Instant.never
    var group = 0
    var starts: UInt64 = 0
  }

  /// The faults of the network; may be changed at any time.
  public var model: NetworkModel
  /// The present.
  public private(set) var now = Instant()
  /// Events handled so far.
  public private(set) var eventCount: UInt64 = 0
  /// A hash over everything that happened: equal for equal runs.
  public private(set) var trace: UInt64 = 0xcbf2_9ce4_8422_2325
  /// Called for every delivery and event, with the payload of a delivery.
  public var observer: ((Observation, UnsafeRawBufferPointer) -> Void)?

  private let configuration: Configuration
  private let seed: UInt64
  private var generator: Generator
  private var queue = EventQueue()
  private var processes: [Process] = []
  private var actions: [(Simulation) -> Void] = []
  private var effects: Effects

  /// Creates an empty cluster.
  ///
  /// - Throws: `ConfigurationError` when the nodes' configuration is invalid.
  public init(seed: UInt64, configuration: Configuration = .init(), model: NetworkModel = .init())
    throws(ConfigurationError)
  {
    try configuration.validate()
    self.seed = seed
    self.configuration = configuration
    self.model = model
    generator = Generator(seed: seed)
    effects = Effects(for: configuration)
  }

  deinit {
    while let event = queue.removeFirst() { event.bytes?.deallocate() }
  }
}

// Commands.
extension Simulation {
  /// The address of a process.
  public static func endpoint(of process: Int) -> Endpoint {
    Endpoint(ipv4: 0x0a00_0000 | UInt32(truncatingIfNeeded: process + 1), port: 7946)
  }

  /// The number of processes, running or not.
  public var processCount: Int { processes.count }

  /// Adds a process and starts a node in it, which joins through the processes in `contacts`.
  @discardableResult
  public func start(contacts: [Int]) -> Int {
    processes.append(Process())
    restart(processes.count - 1, contacts: contacts)
    return processes.count - 1
  }

  /// Starts a new node in a process that crashed or left: with its address and an identity of its own.
  public func restart(_ process: Int, contacts: [Int]) {
    let place = processes[process]
    place.starts += 1
    var identities = Generator(
      seed: seed &+ UInt64(process) &* 0x1_0000_0001 &+ place.starts &* 0x51_7cc1_b727)
    let identity = MemberID(identities.next())
    guard
      let node = try? Node(
        configuration: configuration, identity: identity, seed: identities.next(), receiveWindow: 512)
    else { return }
    place.node = consume node
    place.node?.join(contacts.map(Self.endpoint), now: now, into: &effects)
    settle(process)
  }

  /// Ends a process without a word.
  public func crash(_ process: Int) {
    processes[process].node = nil
    processes[process].armed = .never
  }

  /// Has a node leave gracefully.
  public func leave(_ process: Int) {
    processes[process].node?.leave(now: now, into: &effects)
    settle(process)
  }

  /// Broadcasts from a process.
  ///
  /// - Returns: The origin and sequence number, or nil when the node could not take it.
  public func broadcast(_ payload: [UInt8], from process: Int, level: DeliveryLevel = .reliable) -> (
    origin: MemberID, sequence: UInt64
  )? {
    guard let identity = processes[process].node?.identity else { return nil }
    let time = now
    let sequence = payload.withUnsafeBytes { bytes in
      try? processes[process].node?.broadcast(bytes, level: level, now: time)
    }
    settle(process)
    guard let sequence else { return nil }
    return (identity, sequence)
  }

  /// Puts every process into a group; datagrams pass only within a group.
  public func partition(_ group: (Int) -> Int) {
    for process in processes.indices { processes[process].group = group(process) }
  }

  /// Ends every partition.
  public func heal() { partition { _ in 0 } }

  /// Runs `action` at a time from now on.
  public func at(_ time: Instant, _ action: @escaping (Simulation) -> Void) {
    actions.append(action)
    queue.schedule(.action, actions.count - 1, at: max(time, now))
  }

  /// Gives a datagram to a process as if it came from `source`.
  public func inject(_ bytes: [UInt8], into process: Int, from source: Int) {
    let copy = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytes.count), alignment: 8)
    bytes.withUnsafeBytes {
      copy.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(copy), byteCount: $0.count)
    }
    queue.schedule(.arrival, process, at: now, source: source, bytes: copy, length: bytes.count)
  }
}

// Questions.
extension Simulation {
  /// Where the node of a process is in its life; nil after a crash.
  public func lifecycle(of process: Int) -> Lifecycle? { processes[process].node?.lifecycle }

  /// The identity of the node of a process; nil after a crash.
  public func identity(of process: Int) -> MemberID? { processes[process].node?.identity }

  /// The counters of the node of a process; zero after a crash.
  public func counters(of process: Int) -> Counters { processes[process].node?.counters ?? Counters() }

  /// The number of neighbours of the node of a process.
  public func neighbourCount(of process: Int) -> Int { processes[process].node?.neighbourCount ?? 0 }

  /// The number of members that the node of a process knows besides its neighbours.
  public func knownCount(of process: Int) -> Int { processes[process].node?.knownCount ?? 0 }

  /// Whether links connect all running nodes with each other by some path.
  public func isConnected() -> Bool {
    let running = processes.indices.filter { processes[$0].node != nil }
    guard let first = running.first else { return true }
    var seen = Set([first])
    var frontier = [first]
    while let process = frontier.popLast() {
      for neighbour in neighbours(of: process) where seen.insert(neighbour).inserted {
        frontier.append(neighbour)
      }
    }
    return seen.count == running.count
  }

  /// The processes of a node's neighbours, those that run.
  public func neighbours(of process: Int) -> [Int] {
    guard let list = processes[process].node?.neighbours else { return [] }
    return list.compactMap { neighbour in
      guard let ipv4 = neighbour.endpoint.ipv4 else { return nil }
      let index = Int(ipv4 & 0x00ff_ffff) - 1
      return processes.indices.contains(index) && processes[index].node != nil ? index : nil
    }
  }
}

// The run.
extension Simulation {
  /// Handles everything that happens up to `time`.
  public func run(until time: Instant) {
    while let next = queue.nextTime, next <= time, let event = queue.removeFirst() {
      now = event.time
      eventCount += 1
      handle(event)
    }
    now = max(now, time)
  }

  private func handle(_ event: SimulationEvent) {
    let target = Int(event.target)
    mix(event.time.nanoseconds)
    mix(UInt64(event.kind.rawValue) << 32 | UInt64(UInt32(bitPattern: event.target)))
    switch event.kind {
    case .action:
      actions[target](self)
    case .timer:
      guard processes[target].armed == event.time else { return }
      processes[target].armed = .never
      settle(target)
    case .arrival:
      guard let bytes = event.bytes else { return }
      defer { bytes.deallocate() }
      guard processes[target].node != nil else { return }
      let datagram = UnsafeRawBufferPointer(start: bytes, count: Int(event.length))
      mixBytes(datagram)
      processes[target].node?.receive(
        datagram.bytes, from: Self.endpoint(of: Int(event.source)), now: now, into: &effects)
      settle(target)
    }
  }

  /// Does what a driver does after each input: advance, flush, send, deliver, arm the one timer.
  private func settle(_ process: Int) {
    guard processes[process].node != nil else { return }
    processes[process].node?.advance(now: now, into: &effects)
    var more = true
    while more {
      more = processes[process].node?.flush(now: now, into: &effects) ?? false
      for index in 0..<effects.datagrams.count {
        transmit(effects.datagrams.record(index), index, from: process)
      }
      effects.removeDatagrams()
    }
    report(process)
    arm(process)
  }

  private func report(_ process: Int) {
    for index in 0..<effects.deliveries.count {
      let record = effects.deliveries.record(index)
      mix(record.origin.value ^ record.sequence)
      observer?(
        .delivery(
          node: process, origin: record.origin, sequence: record.sequence, level: record.level),
        effects.deliveries.payload(index))
    }
    effects.removeDeliveries()
    for event in effects.events {
      observer?(.event(node: process, event), UnsafeRawBufferPointer(start: nil, count: 0))
    }
    effects.removeEvents()
  }

  private func arm(_ process: Int) {
    guard let deadline = processes[process].node?.nextDeadline, deadline != .never else { return }
    // A deadline that has come already is handled one nanosecond later: virtual time must move on.
    let time = max(deadline, now + 1)
    guard time < processes[process].armed else { return }
    processes[process].armed = time
    queue.schedule(.timer, process, at: time)
  }

  private func transmit(_ record: DatagramBuffer.Record, _ index: Int, from source: Int) {
    guard let ipv4 = record.destination.ipv4 else { return }
    let target = Int(ipv4 & 0x00ff_ffff) - 1
    guard processes.indices.contains(target), processes[target].group == processes[source].group else {
      return
    }
    if model.loss > 0, generator.chance(model.loss) { return }
    let copies = model.duplication > 0 && generator.chance(model.duplication) ? 2 : 1
    for _ in 0..<copies {
      let bytes = UnsafeMutableRawPointer.allocate(byteCount: record.length, alignment: 8)
      UnsafeMutableRawBufferPointer(start: bytes, count: record.length).copyMemory(
        from: effects.datagrams.bytes(index))
      if model.corruption > 0, generator.chance(model.corruption) { damage(bytes, record.length) }
      queue.schedule(
        .arrival, target, at: now + delay(), source: source, bytes: bytes, length: record.length)
    }
  }

  private func damage(_ bytes: UnsafeMutableRawPointer, _ length: Int) {
    for _ in 0...generator.below(4) {
      let position = generator.below(length)
      let bit = UInt8(1) << UInt8(generator.below(8))
      let byte = bytes.load(fromByteOffset: position, as: UInt8.self)
      bytes.storeBytes(of: byte ^ bit, toByteOffset: position, as: UInt8.self)
    }
  }

  private func delay() -> Nanoseconds {
    let low = model.delayLow.asNanoseconds
    let high = max(low, model.delayHigh.asNanoseconds)
    let usual = low + UInt64(generator.below(Int(high - low + 1)))
    guard model.reordering > 0, generator.chance(model.reordering) else { return usual }
    return usual + UInt64(generator.below(Int(high * 10)))
  }

  private func mix(_ value: UInt64) {
    trace = (trace ^ value) &* 0x0000_0100_0000_01b3
    trace ^= trace >> 29
  }

  private func mixBytes(_ bytes: UnsafeRawBufferPointer) {
    mix(UInt64(bytes.count))
    for byte in bytes { trace = (trace ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
  }
}
