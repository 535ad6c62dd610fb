// Two cores with tuples in one process, joined by handing datagrams over: the protocol without a kernel.

import GrapevineCore
import GrapevineTransport

/// Two members in virtual time. A datagram takes `delay` from one to the other.
final class TuplePair {
  private(set) var first: Node
  private(set) var second: Node
  private var fromFirst: Effects
  private var fromSecond: Effects
  private(set) var now = Instant(nanoseconds: 1)
  /// Nanoseconds that a datagram is on its way.
  private let delay: Nanoseconds
  private let firstEndpoint = Endpoint(ipv4: 0x7f00_0001, port: 1)
  private let secondEndpoint = Endpoint(ipv4: 0x7f00_0001, port: 2)
  /// Nanoseconds of real time that the second spent with what arrived.
  private(set) var receiving: UInt64 = 0

  /// The time of day at the beginning, in milliseconds since 1970.
  static let epoch: UInt64 = 1_767_225_600_000

  init(_ configuration: Configuration, delay: Nanoseconds) throws {
    first = try Node(configuration: configuration, identity: MemberID(1), seed: 1, receiveWindow: 8_192)
    second = try Node(configuration: configuration, identity: MemberID(2), seed: 2, receiveWindow: 8_192)
    fromFirst = Effects(for: configuration)
    fromSecond = Effects(for: configuration)
    fromFirst.wantChanges(false)
    fromSecond.wantChanges(false)
    self.delay = delay
    first.setTimeOfDay(milliseconds: Self.epoch, now: now)
    second.setTimeOfDay(milliseconds: Self.epoch, now: now)
  }

  /// Whether both have the same tuples.
  var isEqual: Bool {
    first.tupleCount == second.tupleCount && first.tupleFingerprint == second.tupleFingerprint
  }

  var isLinked: Bool { first.neighbourCount > 0 && second.lifecycle == .connected }

  /// Gives both the same tuple, before they join.
  func recall(_ tuple: Tuple) -> Bool {
    first.recallTuple(StoredTuple(tuple), now: now, into: &fromFirst)
      && second.recallTuple(StoredTuple(tuple), now: now, into: &fromSecond)
  }

  /// Writes a tuple on one of both.
  func publish(_ key: [UInt8], _ value: [UInt8], onFirst: Bool) throws(TupleError) {
    // Not `withUnsafeBytes`, which forgets what is thrown.
    try key.withUnsafeBufferPointer { key throws(TupleError) in
      try value.withUnsafeBufferPointer { value throws(TupleError) in
        let (key, value) = (UnsafeRawBufferPointer(key), UnsafeRawBufferPointer(value))
        if onFirst {
          _ = try first.publish(value, at: key, now: now, into: &fromFirst)
        } else {
          _ = try second.publish(value, at: key, now: now, into: &fromSecond)
        }
      }
    }
  }

  /// Has the first found a cluster and the second join it.
  func join() {
    first.join([], now: now, into: &fromFirst)
    second.join([firstEndpoint], now: now, into: &fromSecond)
  }

  /// Has both leave, each for itself.
  func part() {
    first.leave(now: now, into: &fromFirst)
    second.leave(now: now, into: &fromSecond)
    for _ in 0..<10_000 where first.lifecycle != .disconnected || second.lifecycle != .disconnected { step() }
  }

  /// Lets both do what is due, and takes to each what the other sent, which takes `delay`.
  ///
  /// What goes on by itself, without a datagram, takes no virtual time.
  func step() {
    settle(&first, &fromFirst)
    settle(&second, &fromSecond)
    now = now + delay
    for index in 0..<fromSecond.datagrams.count {
      first.receive(
        fromSecond.datagrams.bytes(index).bytes, from: secondEndpoint, now: now, into: &fromFirst)
    }
    fromSecond.removeDatagrams()
    fromSecond.removeEvents()
    if fromFirst.datagrams.count > 0 { receive() }
  }

  private func receive() {
    let start = MonotonicClock.now()
    for index in 0..<fromFirst.datagrams.count {
      second.receive(
        fromFirst.datagrams.bytes(index).bytes, from: firstEndpoint, now: now, into: &fromSecond)
    }
    receiving += MonotonicClock.now().since(start)
    fromFirst.removeDatagrams()
    fromFirst.removeEvents()
  }

  private func settle(_ node: inout Node, _ effects: inout Effects) {
    for _ in 0..<100_000 {
      node.advance(now: now, into: &effects)
      guard !node.flush(now: now, into: &effects), node.nextDeadline <= now else { return }
    }
  }
}
