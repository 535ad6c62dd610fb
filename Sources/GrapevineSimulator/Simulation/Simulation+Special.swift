// Processes that are not like the others: paused, with a clock or an access link of their own.

import GrapevineCore

extension Simulation {
  /// What only some processes have.
  final class Special {
    var clock = VirtualClock()
    var bandwidth: Bandwidth?
    /// When the pause ends; nil when there is none.
    var pauseEnd: Instant?
    /// What arrived in the pause, in the order of arrival, and its length in bytes.
    var waiting: [Waiting] = []
    var waitingBytes = 0
  }

  /// A datagram that waits for a paused process; its bytes belong to it.
  struct Waiting {
    var source: Int
    var bytes: UnsafeMutableRawPointer
    var length: Int
  }

  private func special(_ process: Int) -> Special {
    if let special = processes[process].special { return special }
    hasSpecial = true
    let special = Special()
    processes[process].special = special
    return special
  }

  /// What the clock of a process shows: virtual time, unless `setClock` changed it.
  public func clock(of process: Int) -> Instant {
    hasSpecial ? processes[process].special?.clock.reading(at: now) ?? now : now
  }

  /// Whether a process is paused.
  public func isPaused(_ process: Int) -> Bool {
    hasSpecial && processes[process].special?.pauseEnd != nil
  }

  /// Changes the clock of a process, which keeps it over crashes and restarts.
  ///
  /// - Parameters:
  ///   - partsPerMillion: What it gains from now on against virtual time, or loses when negative; brought
  ///     between -500,000 and 1,000,000.
  ///   - ahead: How far it jumps ahead first. Clocks of nodes never go backwards.
  public func setClock(of process: Int, partsPerMillion: Int, ahead: Duration = .zero) {
    special(process).clock.change(
      at: now, partsPerMillion: partsPerMillion, ahead: min(ahead.asNanoseconds, 1 << 60))
    // Deadlines of the node are now at other times.
    processes[process].armed = .never
    settle(process)
  }

  /// Gives a process an access link of its own, or with nil that of the network model again.
  public func setBandwidth(_ bandwidth: Bandwidth?, of process: Int) {
    special(process).bandwidth = bandwidth
  }

  /// Stops a process for a while, as a scheduler or a collector of garbage does: it sends nothing and handles
  /// nothing, datagrams wait in its receive buffer, and its timers fire when it goes on. A pause within a pause
  /// makes it longer. Does nothing to a process without a node.
  public func pause(_ process: Int, for duration: Duration) {
    guard processes[process].node != nil else { return }
    let end = now + max(1, duration.asNanoseconds)
    let special = special(process)
    guard special.pauseEnd.map({ $0 < end }) ?? true else { return }
    special.pauseEnd = end
    queue.schedule(.resume, process, at: end)
  }

  /// Ends a pause, unless it was made longer: what waited is handled, then what is due.
  func resume(_ process: Int) {
    guard let special = processes[process].special, special.pauseEnd == now else { return }
    special.pauseEnd = nil
    let waiting = special.waiting
    special.waiting = []
    special.waitingBytes = 0
    processes[process].armed = .never
    for (index, datagram) in waiting.enumerated() {
      receive(
        UnsafeRawBufferPointer(start: datagram.bytes, count: datagram.length), at: process,
        from: datagram.source)
      datagram.bytes.deallocate()
      // As many as a driver takes from its socket at once.
      if index % 64 == 63 { settle(process) }
    }
    settle(process)
  }

  /// Keeps a datagram for a paused process, if its receive buffer has room.
  func keep(_ bytes: UnsafeMutableRawPointer, _ length: Int, for process: Int, from source: Int) {
    let special = special(process)
    guard special.waitingBytes + length <= model.receiveBufferBytes else {
      traffic.droppedBuffer &+= 1
      bytes.deallocate()
      return
    }
    special.waitingBytes += length
    special.waiting.append(Waiting(source: source, bytes: bytes, length: length))
  }

  /// Forgets the pause of a process that ended, and what waited for it.
  func endPause(of process: Int) {
    guard let special = processes[process].special else { return }
    special.pauseEnd = nil
    traffic.droppedBuffer &+= UInt64(special.waiting.count)
    for datagram in special.waiting { datagram.bytes.deallocate() }
    special.waiting = []
    special.waitingBytes = 0
  }
}
