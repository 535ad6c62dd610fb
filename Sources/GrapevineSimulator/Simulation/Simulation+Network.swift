// What the network does to a datagram on its way.

import GrapevineCore

extension Simulation {
  /// Takes a datagram of the node's, which is sent on its way unless the process is blocked.
  func transmit(_ record: DatagramBuffer.Record, _ index: Int, from source: Int) {
    guard record.destination.ipv4 != nil else { return }
    traffic.sent &+= 1
    traffic.bytesSent &+= UInt64(record.length)
    let datagram = effects.datagrams.bytes(index)
    if isBlocked(source) { return hold(datagram, to: record.destination, from: source) }
    forward(datagram, to: record.destination, from: source)
  }

  /// Takes a datagram to where it goes, if it gets there.
  func forward(_ datagram: UnsafeRawBufferPointer, to destination: Endpoint, from source: Int) {
    guard let ipv4 = destination.ipv4 else { return }
    guard let departure = departure(of: datagram.count, from: source) else {
      traffic.droppedQueue &+= 1
      return
    }
    let target = Int(ipv4 & 0x00ff_ffff) - 1
    guard processes.indices.contains(target) else {
      traffic.droppedAbsent &+= 1
      return
    }
    guard isPassable(from: source, to: target) else {
      traffic.droppedPartition &+= 1
      return
    }
    if model.loss > 0, generator.chance(model.loss) {
      traffic.droppedLoss &+= 1
      return
    }
    let copies = model.duplication > 0 && generator.chance(model.duplication) ? 2 : 1
    if copies > 1 { traffic.duplicated &+= 1 }
    for _ in 0..<copies {
      let bytes = UnsafeMutableRawPointer.allocate(byteCount: datagram.count, alignment: 8)
      UnsafeMutableRawBufferPointer(start: bytes, count: datagram.count).copyMemory(from: datagram)
      if model.corruption > 0, generator.chance(model.corruption) {
        damage(bytes, datagram.count)
        traffic.corrupted &+= 1
      }
      queue.schedule(
        .arrival, target, at: departure + delay(from: source, to: target), source: source, bytes: bytes,
        length: datagram.count)
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

  private func isPassable(from source: Int, to target: Int) -> Bool {
    let (from, to) = (processes[source].group, processes[target].group)
    return from == to || isPartitionOneWay && from < to
  }

  /// When a datagram has left the access link of its sender; nil when there is no room in the queue.
  private func departure(of length: Int, from source: Int) -> Instant? {
    if delays.isLinkUnlimited && !hasSpecial { return now }
    guard let link = processes[source].special?.bandwidth ?? model.bandwidth else { return now }
    guard let departure = link.departure(of: length, now: now, free: processes[source].linkFree) else {
      return nil
    }
    processes[source].linkFree = departure
    return departure
  }

  func delay(from source: Int, to target: Int) -> Nanoseconds {
    if delays.arePerDatagram { return delay() }
    var link = Generator(seed: linkSalt ^ (UInt64(UInt32(source)) << 32 | UInt64(UInt32(target))))
    let usual = model.latency.delay(from: source, to: target, draw: link.next())
    let jitter = Int(Double(usual) * min(max(model.jitter, 0), 100))
    let delay = jitter > 0 ? usual + UInt64(generator.below(jitter + 1)) : usual
    guard model.reordering > 0, generator.chance(model.reordering) else { return delay }
    return delay + UInt64(generator.below(Int(usual * 10)))
  }

  private func delay() -> Nanoseconds {
    let usual = delays.low + UInt64(generator.below(Int(delays.high - delays.low + 1)))
    guard model.reordering > 0, generator.chance(model.reordering) else { return usual }
    return usual + UInt64(generator.below(Int(delays.high * 10)))
  }
}
