// The run: one event after the other.

import GrapevineCore

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
    case .resume:
      resume(target)
    case .arrival:
      guard let bytes = event.bytes else { return }
      arrive(bytes, Int(event.length), at: target, from: Int(event.source))
    }
  }

  private func arrive(_ bytes: UnsafeMutableRawPointer, _ length: Int, at target: Int, from source: Int) {
    guard processes[target].node != nil else {
      traffic.droppedAbsent &+= 1
      bytes.deallocate()
      return
    }
    if isLostOnArrival(at: target) {
      traffic.droppedLoss &+= 1
      bytes.deallocate()
      return
    }
    let datagram = UnsafeRawBufferPointer(start: bytes, count: length)
    mixBytes(datagram)
    if isPaused(target) || isBlocked(target) { return keep(bytes, length, for: target, from: source) }
    receive(datagram, at: target, from: Self.endpoint(of: source))
    bytes.deallocate()
    settle(target)
  }

  /// Gives a datagram to the node.
  func receive(_ datagram: UnsafeRawBufferPointer, at target: Int, from source: Endpoint) {
    traffic.arrived &+= 1
    traffic.bytesArrived &+= UInt64(datagram.count)
    tellTimeOfDay(target)
    processes[target].node?.pointee.receive(
      datagram.bytes, from: source, now: clock(of: target), into: &effects)
  }

  /// Does what a driver does after each input: advance, flush, send, deliver, arm the one timer.
  func settle(_ process: Int) {
    guard let node = processes[process].node, !isPaused(process) else { return }
    let now = clock(of: process)
    tellTimeOfDay(process)
    node.pointee.advance(now: now, into: &effects)
    var more = true
    while more {
      more = node.pointee.flush(now: now, into: &effects)
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
          node: process, origin: record.origin, sequence: record.sequence, level: record.level,
          hops: record.hops),
        effects.deliveries.payload(index))
    }
    effects.removeDeliveries()
    reportChanges(process)
    reportDirect(process)
    reportTransfers(process)
    for event in effects.events {
      observer?(.event(node: process, event), UnsafeRawBufferPointer(start: nil, count: 0))
    }
    effects.removeEvents()
  }

  private func arm(_ process: Int) {
    guard let node = processes[process].node else { return }
    var deadline = node.pointee.nextDeadline
    guard deadline != .never else { return }
    if hasSpecial, let special = processes[process].special { deadline = special.clock.time(of: deadline) }
    // A deadline that has come already is handled one nanosecond later: virtual time must move on.
    let time = max(deadline, now + 1)
    guard time < processes[process].armed else { return }
    processes[process].armed = time
    queue.schedule(.timer, process, at: time)
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
