// Two cores in one process, joined by handing datagrams over: the protocol without a kernel.

import GrapevineCore

/// A founder that broadcasts and a member that receives, in virtual time.
final class CorePair {
  private var sender: Node
  private var receiver: Node
  private var fromSender: Effects
  private var fromReceiver: Effects
  private var now = Instant(nanoseconds: 1)
  private let senderEndpoint = Endpoint(ipv4: 0x7f00_0001, port: 1)
  private let receiverEndpoint = Endpoint(ipv4: 0x7f00_0001, port: 2)

  /// Datagrams handed over so far.
  private(set) var datagrams = 0
  /// Bytes of these datagrams.
  private(set) var bytes = 0
  /// The length of the longest datagram from the sender since `forgetLengths`.
  private(set) var longest = 0
  /// Messages delivered so far.
  private(set) var delivered = 0

  /// Members probed so far, by both.
  var probes: UInt64 { sender.counters.probes + receiver.counters.probes }

  /// - Parameter listsMembers: Whether both keep a list of members, or cost what messages cost alone.
  init(listsMembers: Bool = false) throws {
    var configuration = Configuration()
    if !listsMembers { configuration.membership = nil }
    sender = try Node(configuration: configuration, identity: MemberID(1), seed: 1, receiveWindow: 8_192)
    receiver = try Node(configuration: configuration, identity: MemberID(2), seed: 2, receiveWindow: 8_192)
    fromSender = Effects(for: configuration)
    fromReceiver = Effects(for: configuration)
    sender.join([], now: now, into: &fromSender)
    receiver.join([senderEndpoint], now: now, into: &fromReceiver)
    for _ in 0..<1_000 where receiver.lifecycle != .connected || sender.neighbourCount == 0 {
      now = now + 1_000_000
      exchange()
    }
  }

  /// Broadcasts and carries everything until all is delivered.
  func broadcast(_ payload: [UInt8], count: Int) throws {
    let goal = delivered + count
    var sent = 0
    var idle = 0
    while delivered < goal, idle < 100_000 {
      let before = delivered
      payload.withUnsafeBytes { bytes in
        // As many as a busy application hands over between two turns of the loop.
        for _ in 0..<min(2_000, count - sent) {
          guard (try? sender.broadcast(bytes, now: now)) != nil else { return }
          sent += 1
        }
      }
      now = now + 100_000
      exchange()
      idle = delivered == before ? idle + 1 : 0
    }
    guard delivered == goal else { throw BenchmarkError("delivered \(delivered) of \(goal)") }
  }

  func forgetLengths() { longest = 0 }

  /// Lets time pass in which nothing is broadcast.
  func idle(milliseconds: Int) {
    for _ in 0..<milliseconds {
      now = now + 1_000_000
      exchange()
    }
  }

  private func exchange() {
    var more = true
    while more {
      sender.advance(now: now, into: &fromSender)
      more = sender.flush(now: now, into: &fromSender)
      for index in 0..<fromSender.datagrams.count {
        longest = max(longest, fromSender.datagrams.record(index).length)
        bytes += fromSender.datagrams.record(index).length
        receiver.receive(
          fromSender.datagrams.bytes(index).bytes, from: senderEndpoint, now: now, into: &fromReceiver)
      }
      datagrams += fromSender.datagrams.count
      fromSender.removeDatagrams()
      fromSender.removeEvents()
      delivered += fromReceiver.deliveries.count
      fromReceiver.removeDeliveries()
      receiver.advance(now: now, into: &fromReceiver)
      while receiver.flush(now: now, into: &fromReceiver) { carryBack() }
      carryBack()
    }
  }

  private func carryBack() {
    for index in 0..<fromReceiver.datagrams.count {
      bytes += fromReceiver.datagrams.record(index).length
      sender.receive(
        fromReceiver.datagrams.bytes(index).bytes, from: receiverEndpoint, now: now, into: &fromSender)
    }
    datagrams += fromReceiver.datagrams.count
    fromReceiver.removeDatagrams()
    fromReceiver.removeEvents()
  }
}
