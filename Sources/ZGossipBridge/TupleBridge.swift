// Tuples of a network of zgossip in a cluster of ours, and the other way round.
//
// Both sides date writes in the same way, so a tuple crosses as the version that it is, and so does the memory of its
// removal: each side keeps the greater. What came from a side is no news there, so nothing goes round, however many
// bridges there are. Nodes of CZMQ behind the zgossip side get values; what they publish is dated by the first of ours
// that hears it.

import Grapevine
import GrapevineCore
import ZGossipNode

/// A bridge of tuples between a cluster of ours and a network of zgossip.
public actor TupleBridge {
  /// What a bridge has to say.
  public enum Event: Sendable, Equatable {
    /// A tuple, or its removal, was carried to a side.
    case carried(key: [UInt8], to: Side)
    /// It was refused there.
    case refused(key: [UInt8], by: Side, reason: String)
  }

  /// One of the two sides.
  public enum Side: String, Sendable {
    /// The cluster of ours.
    case grapevine
    /// The network of zgossip.
    case zgossip
  }

  /// What went into a side.
  public struct Traffic: Sendable, Equatable {
    /// Versions that were news there.
    public var given: UInt64 = 0
    /// Versions that were known there, or older than what is.
    public var known: UInt64 = 0
    /// Versions that were refused.
    public var refused: UInt64 = 0
  }

  /// What went into the cluster of ours.
  public private(set) var toGrapevine = Traffic()
  /// What went into the network of zgossip.
  public private(set) var toZGossip = Traffic()

  private let native: GossipNode
  private let zgossip: ZGossipNode
  private let onEvent: @Sendable (Event) -> Void

  /// The time for which a tuple that is bound to its writer's membership lasts on the other side, where nobody knows that
  /// member, after the bridge is gone. Chosen here.
  private static var ephemeralTime: Duration { .seconds(30) }

  /// Time between comparisons of the two maps: the longer, the longer they brought nothing. Chosen here.
  private static var shortestPause: Duration { .seconds(1) }
  private static var longestPause: Duration { .seconds(60) }

  /// Creates a bridge between two nodes, which have joined and connected already or do later.
  public init(
    _ native: GossipNode, _ zgossip: ZGossipNode, onEvent: @escaping @Sendable (Event) -> Void = { _ in }
  ) {
    (self.native, self.zgossip, self.onEvent) = (native, zgossip, onEvent)
  }

  /// Carries tuples until one of the nodes has ended or the task is cancelled.
  public func run() async {
    // Before anything is looked at, so that nothing is missed.
    let deliveries = zgossip.deliveries
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.carryToZGossip() }
      group.addTask { await self.carryToGrapevine(deliveries) }
      group.addTask { await self.sweepAgainAndAgain() }
      await group.next()
      group.cancelAll()
    }
  }

  // MARK: To zgossip

  private func carryToZGossip() async {
    for await news in await native.tuples.watch(.everything, renewals: true) {
      guard !Task.isCancelled else { return }
      switch news {
      case .upToDate: break
      case .present(let tuple): await giveZGossip(tuple)
      case .changed(let change): await carry(change)
      }
    }
  }

  private func carry(_ change: TupleChange) async {
    switch change.kind {
    case .published, .renewed: await giveZGossip(change.tuple)
    case .removed: await giveZGossip(StoredTuple(change.tuple, isTombstone: true))
    // Each side ends it by itself.
    case .expired, .forgotten: break
    case .departed:
      await give(change.tuple.key, to: .zgossip) { try await zgossip.unpublish(change.tuple.key) }
    }
  }

  private func giveZGossip(_ tuple: Tuple) async {
    guard tuple.isEphemeral else { return await giveZGossip(StoredTuple(tuple)) }
    guard await zgossip.tuple(at: tuple.key)?.value != tuple.value else { return }
    await give(tuple.key, to: .zgossip) {
      try await zgossip.publish(tuple.key, tuple.value, lifetime: .renewed(every: Self.ephemeralTime))
      return true
    }
  }

  private func giveZGossip(_ stored: StoredTuple) async {
    await give(stored.tuple.key, to: .zgossip) { try await zgossip.merge(stored) }
  }

  // MARK: To Grapevine

  private func carryToGrapevine(_ deliveries: ZGossipDeliveries) async {
    for await batch in deliveries {
      guard !Task.isCancelled else { return }
      if batch.lost > 0 { await sweep() }
      for delivery in batch {
        let tuple = Tuple(
          key: delivery.key, value: delivery.value, version: delivery.version, expiresAt: delivery.expiresAt)
        switch delivery.kind {
        case .published, .renewed: await giveGrapevine(StoredTuple(tuple))
        case .removed: await giveGrapevine(StoredTuple(tuple, isTombstone: true))
        case .expired, .departed, .forgotten: break
        }
      }
    }
  }

  private func giveGrapevine(_ stored: StoredTuple) async {
    let key = TupleKey(stored.tuple.key)
    let present = await native.tuples.stored(key)
    // The copy that a bridge keeps up of a tuple that is bound to its writer must not take its place.
    if let present, present.tuple.isEphemeral, !present.isTombstone,
      stored.isTombstone || present.tuple.value == stored.tuple.value
    {
      toGrapevine.known += 1
      return
    }
    await give(stored.tuple.key, to: .grapevine) { try await native.tuples.merge(stored) }
  }

  // MARK: What nobody tells

  /// Compares the two maps now and then: what was removed while no bridge was there is told to nobody who never had it.
  private func sweepAgainAndAgain() async {
    var pause = Self.shortestPause
    while (try? await Task.sleep(for: pause)) != nil {
      let before = toGrapevine.given + toZGossip.given
      await sweep()
      let hasCarried = toGrapevine.given + toZGossip.given != before
      pause = hasCarried ? Self.shortestPause : min(pause * 2, Self.longestPause)
    }
  }

  private func sweep() async {
    for tuple in await native.tuples.all() where !tuple.isEphemeral {
      guard !Task.isCancelled else { return }
      let other = await zgossip.storedTuple(at: tuple.key)
      guard let other else { await giveZGossip(tuple); continue }
      if other.tuple.version > tuple.version { await giveGrapevine(other) }
    }
    for tuple in await zgossip.snapshot() {
      guard !Task.isCancelled else { return }
      let other = await native.tuples.stored(TupleKey(tuple.key))
      guard let other else { await giveGrapevine(StoredTuple(tuple)); continue }
      if other.tuple.version > tuple.version, !other.tuple.isEphemeral { await giveZGossip(other) }
    }
  }

  /// Gives a side something and counts what became of it.
  private func give(
    _ key: [UInt8], to side: Side, _ body: @Sendable () async throws -> Bool
  ) async {
    do {
      let isNews = try await body()
      count(side) { if isNews { $0.given += 1 } else { $0.known += 1 } }
      if isNews { onEvent(.carried(key: key, to: side)) }
    } catch is CancellationError {
      return
    } catch {
      count(side) { $0.refused += 1 }
      onEvent(.refused(key: key, by: side, reason: "\(error)"))
    }
  }

  private func count(_ side: Side, _ body: (inout Traffic) -> Void) {
    switch side {
    case .grapevine: body(&toGrapevine)
    case .zgossip: body(&toZGossip)
    }
  }
}
