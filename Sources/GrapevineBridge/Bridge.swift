// Carrying messages between clusters.
//
// Every message that comes out of one side goes into all others, once. No peer hands over what it spread itself, so a
// bridge alone makes no loops. Several bridges between the same clusters would: then the cluster of ours between them
// tells which of them carries (`NativePort`), and what another bridge has carried is not carried back. Without one, what
// comes out of a side with the very bytes that went into it of late is taken for another bridge's copy.
//
// A newcomer is handed what its cluster spread before it came. To carry that would be to repeat it, since a bridge that
// was there before, perhaps this one, has: so nothing is carried at first.

import GrapevineCore
import GrapevineDialect
import GrapevineTransport

/// A bridge between clusters of different systems.
public actor Bridge {
  /// What a bridge has to say.
  public enum Event: Sendable, Equatable {
    /// A message was carried from one side to another.
    case carried(BridgeMessage, from: String, to: String)
    /// A message was not, and why: another has no room for it or cannot say it.
    case refused(BridgeMessage, from: String, to: String, reason: String)
    /// This bridge begins to carry to and from a cluster, or leaves that to another bridge.
    case duty(String, isOurs: Bool)
    /// The settling time is over: messages are carried from now on.
    case carries
  }

  /// What came out of a side and went into it.
  public struct Traffic: Sendable, Equatable {
    /// Messages that came out of it.
    public var taken: UInt64 = 0
    /// Messages that went into it.
    public var given: UInt64 = 0
    /// Messages that it refused.
    public var refused: UInt64 = 0
    /// Messages that another bridge carries, or has carried, and those of the settling time.
    public var left: UInt64 = 0
  }

  /// What came and went so far, in the order of the sides.
  public private(set) var traffic: [Traffic]

  private let ports: [any BridgePort]
  private let native: Int?
  private let onEvent: @Sendable (Event) -> Void
  /// Whether this bridge carries for each side.
  private var isOnDuty: [Bool]
  private let settling: Duration
  private var startedAt: ContinuousClock.Instant?
  /// What went into each side of late, where nothing else tells another bridge's copies.
  private var given: [RecentTexts]

  /// Time for which what went into a side is known there, and how much of it. Chosen here: longer than a message is
  /// repaired for.
  private static let (echoTime, echoLimit): (Nanoseconds, Int) = (60_000_000_000, 4_096)

  /// Creates a bridge between peers that have joined their clusters.
  ///
  /// - Parameters:
  ///   - ports: The sides, two at least; one of them at most a cluster of ours.
  ///   - settling: Time at first in which nothing is carried. Default: 3 s, in which peers hand over what they have.
  ///   - onEvent: Told of every message that is carried or refused.
  public init(
    _ ports: [any BridgePort], settling: Duration = .seconds(3),
    onEvent: @escaping @Sendable (Event) -> Void = { _ in }
  ) {
    self.ports = ports
    self.settling = settling
    given = ports.map { _ in RecentTexts(lifetime: Self.echoTime, limit: Self.echoLimit) }
    self.onEvent = onEvent
    native = ports.firstIndex { $0 is NativePort }
    traffic = Array(repeating: Traffic(), count: ports.count)
    isOnDuty = Array(repeating: true, count: ports.count)
  }

  /// Carries messages until the sides have left; see `leave`.
  ///
  /// - Throws: `MemberDataError` when other bridges cannot be told of this one.
  public func run() async throws {
    if let native, let port = ports[native] as? NativePort {
      try await port.announce(ports.indices.filter { $0 != native }.map { ports[$0] })
    }
    startedAt = .now
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        try? await Task.sleep(for: self.settling)
        if !Task.isCancelled { self.onEvent(.carries) }
      }
      for side in ports.indices {
        group.addTask { await self.ports[side].read { await self.carry($0, from: side) } }
      }
    }
  }

  /// Whether this bridge, and no other, carries for the clusters of a system now.
  public func carries(for name: String) async -> Bool {
    for side in ports.indices where ports[side].name == name {
      guard await twins(of: side).isFirst else { return false }
    }
    return true
  }

  /// Leaves all clusters, after which `run` returns.
  public func leave() async {
    await withTaskGroup(of: Void.self) { group in
      for port in ports { group.addTask { await port.leave() } }
    }
  }

  private func carry(_ message: BridgeMessage, from source: Int) async {
    traffic[source].taken += 1
    guard let startedAt, startedAt.duration(to: .now) >= settling, !isEcho(message, from: source) else {
      traffic[source].left += 1
      return
    }
    if source != native {
      // Another bridge takes it, or has brought it.
      let twins = await twins(of: source)
      guard twins.isFirst, !(message.address.map { twins.addresses.contains($0) } ?? false) else {
        traffic[source].left += 1
        return
      }
    }
    for target in ports.indices where target != source { await give(message, from: source, to: target) }
  }

  /// Whether a message is a copy of what went into its side before, by another bridge between the same two clusters.
  private func isEcho(_ message: BridgeMessage, from source: Int) -> Bool {
    native == nil && given[source].contains(message.payload, now: MonotonicClock.now())
  }

  private func give(_ message: BridgeMessage, from source: Int, to target: Int) async {
    if source == native, let sender = message.sender {
      let twins = await twins(of: target)
      guard twins.isFirst, !twins.runs.contains(sender) else {
        traffic[target].left += 1
        return
      }
    }
    // Before it leaves: another bridge may be faster than this function.
    if native == nil { given[target].insert(message.payload, now: MonotonicClock.now()) }
    do {
      try await ports[target].broadcast(message.payload)
      traffic[target].given += 1
      onEvent(.carried(message, from: ports[source].name, to: ports[target].name))
    } catch {
      traffic[target].refused += 1
      let limit = await ports[target].payloadLimit()
      let reason = BridgeRefusal.text(error, length: message.payload.count, limit: limit)
      onEvent(.refused(message, from: ports[source].name, to: ports[target].name, reason: reason))
    }
  }

  private func twins(of side: Int) async -> BridgeTwins {
    guard let native, let port = ports[native] as? NativePort else { return BridgeTwins() }
    let twins = await port.twins(of: ports[side])
    if isOnDuty[side] != twins.isFirst {
      isOnDuty[side] = twins.isFirst
      onEvent(.duty(ports[side].name, isOurs: twins.isFirst))
    }
    return twins
  }
}

/// Why a cluster did not take a message.
enum BridgeRefusal {
  static func text(_ error: any Error, length: Int, limit: Int) -> String {
    switch error {
    case DialectError.payloadTooLong, BroadcastError.tooLarge:
      "it has \(length) bytes, and at most \(limit) are carried there"
    case DialectError.payloadUnfit(let reason): "\(reason)"
    case DialectError.nobodyKnown: "nobody is known there who would take it"
    case DialectError.notConnected, BroadcastError.notConnected: "the bridge is no member there any more"
    default: "\(error)"
    }
  }
}
