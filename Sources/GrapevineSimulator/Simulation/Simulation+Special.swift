// Processes that are not like the others: with a clock, an access link or a loss of their own.

import GrapevineCore

extension Simulation {
  /// What only some processes have.
  final class Special {
    var clock = VirtualClock()
    var timeOfDay = SkewedTimeOfDay()
    var bandwidth: Bandwidth?
    /// The share of what arrives that is lost.
    var inboundLoss = 0.0
    var standstill = Standstill()
  }

  func special(_ process: Int) -> Special {
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

  /// Has a process lose so much of what arrives at it, each datagram by chance and besides what the network loses;
  /// it keeps the loss over crashes and restarts.
  ///
  /// - Parameter inbound: The probability, brought between 0 and 1.
  public func setLoss(inbound: Double, of process: Int) {
    special(process).inboundLoss = min(max(inbound, 0), 1)
  }

  /// Whether a datagram that arrives at a process is lost there.
  func isLostOnArrival(at process: Int) -> Bool {
    guard hasSpecial, let loss = processes[process].special?.inboundLoss, loss > 0 else { return false }
    return generator.chance(loss)
  }
}
