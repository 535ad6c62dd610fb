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
    case delivery(node: Int, origin: MemberID, sequence: UInt64, level: DeliveryLevel, hops: UInt8)
    /// A node reported an event.
    case event(node: Int, Event)
  }

  /// One process: a place with an address, at which nodes live one after the other.
  ///
  /// The node is behind a pointer: reached through an optional, a value of its size would be moved out and in
  /// again with every call.
  struct Process {
    var node: UnsafeMutablePointer<Node>?
    var armed = Instant.never
    var group = 0
    var starts: UInt64 = 0
    /// When everything sent has left the access link.
    var linkFree = Instant()
    /// What only some processes have, so that the others pay eight bytes for it.
    var special: Special?

    /// Puts a node into the place, instead of one that may be there.
    mutating func start(_ next: consuming Node) {
      end()
      let place = UnsafeMutablePointer<Node>.allocate(capacity: 1)
      place.initialize(to: next)
      node = place
    }

    /// Ends the node of the place.
    mutating func end() {
      guard let node else { return }
      node.deinitialize(count: 1)
      node.deallocate()
      self.node = nil
    }
  }

  /// The delays of a model that draws them anew for each datagram, and whether it does.
  struct PlainDelays {
    let low: Nanoseconds
    let high: Nanoseconds
    let arePerDatagram: Bool
    let isLinkUnlimited: Bool

    init(_ model: NetworkModel) {
      low = model.delayLow.asDelay
      high = max(low, model.delayHigh.asDelay)
      arePerDatagram = model.latency == .perDatagram
      isLinkUnlimited = model.bandwidth == nil
    }
  }

  /// The network; may be changed at any time.
  public var model: NetworkModel {
    didSet { delays = PlainDelays(model) }
  }
  /// The present.
  public internal(set) var now = Instant()
  /// Events handled so far.
  public internal(set) var eventCount: UInt64 = 0
  /// What became of the datagrams so far.
  public internal(set) var traffic = NetworkCounters()
  /// A hash over everything that happened: equal for equal runs.
  public internal(set) var trace: UInt64 = 0xcbf2_9ce4_8422_2325
  /// Called for every delivery and event, with the payload of a delivery.
  public var observer: ((Observation, UnsafeRawBufferPointer) -> Void)?
  /// Called for every change of a tuple at a node: for those that watch, and for those that store.
  public var changeObserver: ((Int, TupleObservation) -> Void)? {
    didSet { effects.wantChanges(changeObserver != nil) }
  }
  /// Called for whatever is said to a node, and becomes of what it said. What is to follow from it is done with `at`.
  public var directObserver: ((Int, DirectObservation) -> Void)?
  /// Called for everything that becomes of a large message at a node.
  public var transferObserver: ((Int, TransferUpdate) -> Void)?
  /// The time of day at the beginning, in milliseconds since 1970; nil while nodes are not told.
  public var epoch: UInt64?

  let seed: UInt64
  /// Decides, with the two ends of a link, its delay.
  let linkSalt: UInt64
  /// What of the model is asked for each datagram: taking it out of the model costs as much as drawing.
  private(set) var delays: PlainDelays
  /// Whether any process is special; asked first, so that the others cost nothing.
  var hasSpecial = false
  let configuration: Configuration
  var generator: Generator
  var queue = EventQueue()
  var processes: [Process] = []
  var actions: [(Simulation) -> Void] = []
  var effects: Effects
  /// Whether datagrams pass from a group to those with greater numbers.
  private(set) var isPartitionOneWay = false

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
    delays = PlainDelays(model)
    var links = Generator(seed: seed ^ 0x6c69_6e6b_732e_2e2e)
    linkSalt = links.next()
    generator = Generator(seed: seed)
    effects = Effects(for: configuration)
    effects.wantChanges(false)
  }

  deinit {
    for process in processes.indices {
      endStandstill(of: process)
      processes[process].end()
    }
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
    let process = addProcess()
    restart(process, contacts: contacts)
    return process
  }

  /// Adds a process without a node; `restart` starts one in it.
  public func addProcess() -> Int {
    processes.append(Process())
    return processes.count - 1
  }

  /// Starts a new node in a process that crashed or left: with its address and an identity of its own.
  ///
  /// - Parameter recalled: What its store has kept of an earlier run.
  /// - Returns: The tuples that it refused.
  @discardableResult
  public func restart(_ process: Int, contacts: [Int], recalled: TupleStoreImage? = nil) -> [StoredTuple] {
    processes[process].starts += 1
    var identities = Generator(
      seed: seed &+ UInt64(process) &* 0x1_0000_0001 &+ processes[process].starts &* 0x51_7cc1_b727)
    let identity = MemberID(identities.next())
    guard
      let node = try? Node(
        configuration: configuration, identity: identity, seed: identities.next(), receiveWindow: 512,
        advertised: Self.endpoint(of: process))
    else { return [] }
    endStandstill(of: process)
    processes[process].start(node)
    tellTimeOfDay(process)
    let refused = recalled.map { recall($0, into: process) } ?? []
    processes[process].node?.pointee.join(
      contacts.map(Self.endpoint), now: clock(of: process), into: &effects)
    settle(process)
    return refused
  }

  /// Has a node that left, or found nobody, join again.
  public func rejoin(_ process: Int, contacts: [Int]) {
    processes[process].node?.pointee.join(
      contacts.map(Self.endpoint), now: clock(of: process), into: &effects)
    settle(process)
  }

  /// Ends a process without a word.
  public func crash(_ process: Int) {
    processes[process].end()
    processes[process].armed = .never
    endStandstill(of: process)
  }

  /// Has a node leave gracefully, unless it is paused.
  public func leave(_ process: Int) {
    guard !isPaused(process) else { return }
    processes[process].node?.pointee.leave(now: clock(of: process), into: &effects)
    settle(process)
  }

  /// Broadcasts from a process.
  ///
  /// - Returns: The origin and sequence number, or nil when the node could not take it or is paused.
  public func broadcast(_ payload: [UInt8], from process: Int, level: DeliveryLevel = .reliable) -> (
    origin: MemberID, sequence: UInt64
  )? {
    guard let identity = processes[process].node?.pointee.identity, !isPaused(process) else { return nil }
    let time = clock(of: process)
    let sequence = payload.withUnsafeBytes { bytes in
      try? processes[process].node?.pointee.broadcast(bytes, level: level, now: time)
    }
    settle(process)
    guard let sequence else { return nil }
    return (identity, sequence)
  }

  /// Puts every process into a group; datagrams pass only within a group.
  ///
  /// - Parameter isOneWay: Datagrams pass to groups with greater numbers too, but not back.
  public func partition(isOneWay: Bool = false, _ group: (Int) -> Int) {
    isPartitionOneWay = isOneWay
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
  public func lifecycle(of process: Int) -> Lifecycle? { processes[process].node?.pointee.lifecycle }

  /// The identity of the node of a process; nil after a crash.
  public func identity(of process: Int) -> MemberID? { processes[process].node?.pointee.identity }

  /// The counters of the node of a process; zero after a crash.
  public func counters(of process: Int) -> Counters {
    processes[process].node?.pointee.counters ?? Counters()
  }

  /// The number of neighbours of the node of a process.
  public func neighbourCount(of process: Int) -> Int { processes[process].node?.pointee.neighbourCount ?? 0 }

  /// The number of members that the node of a process knows besides its neighbours.
  public func knownCount(of process: Int) -> Int { processes[process].node?.pointee.knownCount ?? 0 }

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
    guard let list = processes[process].node?.pointee.neighbours else { return [] }
    return list.compactMap { neighbour in
      guard let ipv4 = neighbour.endpoint.ipv4 else { return nil }
      let index = Int(ipv4 & 0x00ff_ffff) - 1
      return processes.indices.contains(index) && processes[index].node != nil ? index : nil
    }
  }
}
