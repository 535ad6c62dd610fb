// Processes that stand still for a while: paused, so that nothing of them goes on, or blocked, so that all goes on
// but their words.

import GrapevineCore

/// What keeps a process from going on, and what waits until it does.
struct Standstill {
  /// A datagram that waits; its bytes belong to it.
  struct Waiting {
    /// Where it came from, or where it goes.
    var other: Endpoint
    var bytes: UnsafeMutableRawPointer
    var length: Int
  }

  /// Datagrams in their order, up to so many bytes.
  struct Buffer {
    private(set) var datagrams: [Waiting] = []
    private var bytes = 0

    /// Takes a datagram, unless it would have more than `limit` bytes with it.
    mutating func take(_ datagram: Waiting, limit: Int) -> Bool {
      guard bytes + datagram.length <= limit else { return false }
      bytes += datagram.length
      datagrams.append(datagram)
      return true
    }

    /// Gives everything away.
    mutating func empty() -> [Waiting] {
      let all = datagrams
      self = Buffer()
      return all
    }
  }

  /// When the pause ends; nil when there is none.
  var pauseEnd: Instant?
  /// When the block ends; nil when there is none.
  var blockEnd: Instant?
  /// What arrived meanwhile.
  var arrived = Buffer()
  /// What the process sent in a block.
  var sent = Buffer()
}

extension Simulation {
  /// Whether a process is paused.
  public func isPaused(_ process: Int) -> Bool {
    hasSpecial && processes[process].special?.standstill.pauseEnd != nil
  }

  /// Whether a process is blocked.
  public func isBlocked(_ process: Int) -> Bool {
    hasSpecial && processes[process].special?.standstill.blockEnd != nil
  }

  /// Stops a process for a while, as a scheduler or a collector of garbage does: it sends nothing and handles
  /// nothing, datagrams wait in its receive buffer, and its timers fire when it goes on. A pause within a pause
  /// makes it longer. Does nothing to a process without a node.
  public func pause(_ process: Int, for duration: Duration) {
    stop(process, for: duration, \.pauseEnd)
  }

  /// Keeps a process from sending and receiving for a while, though its clock and its timers go on: what Lifeguard's
  /// authors do to a member to make it slow (Dadgar, Phillips, Currey, arXiv 1707.00788, §V).
  ///
  /// What it sends is held back, up to `NetworkModel.sendBufferBytes`, and what arrives waits in its receive buffer,
  /// up to `NetworkModel.receiveBufferBytes`. When the block ends, what was held back leaves, and then what waits is
  /// handled, both in their order. A block within a block makes it longer. In a pause the timers stop too; when a
  /// pause and a block overlap, nothing is handled or leaves before both have ended. Does nothing to a process
  /// without a node.
  public func block(_ process: Int, for duration: Duration) {
    stop(process, for: duration, \.blockEnd)
  }

  private func stop(_ process: Int, for duration: Duration, _ field: WritableKeyPath<Standstill, Instant?>) {
    guard processes[process].node != nil else { return }
    let end = now + max(1, duration.asNanoseconds)
    let special = special(process)
    guard special.standstill[keyPath: field].map({ $0 < end }) ?? true else { return }
    special.standstill[keyPath: field] = end
    queue.schedule(.resume, process, at: end)
  }

  /// Ends a pause or a block, unless it was made longer: what was held back leaves, what waited is handled, then
  /// what is due.
  func resume(_ process: Int) {
    guard let special = processes[process].special else { return }
    let (hasPauseEnded, hasBlockEnded) = (
      special.standstill.pauseEnd == now, special.standstill.blockEnd == now
    )
    guard hasPauseEnded || hasBlockEnded else { return }
    if hasPauseEnded {
      special.standstill.pauseEnd = nil
      processes[process].armed = .never
    }
    if hasBlockEnded { special.standstill.blockEnd = nil }
    if special.standstill.pauseEnd == nil, special.standstill.blockEnd == nil { release(process, special) }
    settle(process)
  }

  private func release(_ process: Int, _ special: Special) {
    for datagram in special.standstill.sent.empty() {
      forward(
        UnsafeRawBufferPointer(start: datagram.bytes, count: datagram.length), to: datagram.other,
        from: process)
      datagram.bytes.deallocate()
    }
    for (index, datagram) in special.standstill.arrived.empty().enumerated() {
      receive(
        UnsafeRawBufferPointer(start: datagram.bytes, count: datagram.length), at: process,
        from: datagram.other)
      datagram.bytes.deallocate()
      // As many as a driver takes from its socket at once.
      if index % 64 == 63 { settle(process) }
    }
  }

  /// Keeps a datagram for a process that stands still, if its receive buffer has room.
  func keep(_ bytes: UnsafeMutableRawPointer, _ length: Int, for process: Int, from source: Int) {
    let datagram = Standstill.Waiting(other: Self.endpoint(of: source), bytes: bytes, length: length)
    if special(process).standstill.arrived.take(datagram, limit: model.receiveBufferBytes) { return }
    traffic.droppedBuffer &+= 1
    bytes.deallocate()
  }

  /// Holds back a copy of what a blocked process sends, if its send buffer has room.
  func hold(_ datagram: UnsafeRawBufferPointer, to destination: Endpoint, from process: Int) {
    let bytes = UnsafeMutableRawPointer.allocate(byteCount: max(1, datagram.count), alignment: 8)
    UnsafeMutableRawBufferPointer(start: bytes, count: datagram.count).copyMemory(from: datagram)
    let waiting = Standstill.Waiting(other: destination, bytes: bytes, length: datagram.count)
    if special(process).standstill.sent.take(waiting, limit: model.sendBufferBytes) { return }
    traffic.droppedHeld &+= 1
    bytes.deallocate()
  }

  /// Forgets that a process that ended stood still, and what waited.
  func endStandstill(of process: Int) {
    guard let special = processes[process].special else { return }
    let (arrived, sent) = (special.standstill.arrived.empty(), special.standstill.sent.empty())
    traffic.droppedBuffer &+= UInt64(arrived.count)
    traffic.droppedHeld &+= UInt64(sent.count)
    for datagram in arrived + sent { datagram.bytes.deallocate() }
    special.standstill = Standstill()
  }
}
