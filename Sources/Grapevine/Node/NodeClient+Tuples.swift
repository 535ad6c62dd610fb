// Tuples, on the node's thread.

import GrapevineCore

extension NodeClient {
  /// Writes taken between two steps at most, so that a task on the node's thread which does nothing but write
  /// leaves it time for the network. Chosen here: some hundred microseconds.
  static var writesPerStep: Int { 512 }

  /// Writes a tuple, if there is room for it.
  func publish(
    _ key: TupleKey, _ value: [UInt8], lifetime: TupleLifetime, if condition: TupleCondition?
  ) throws(TupleError) -> Attempt<TakenTuple> {
    guard beginWrite() else { return .mustWait(since: room.epoch) }
    do throws(TupleError) {
      let version = try driver.publish(value, at: key, lifetime: lifetime, if: condition)
      writesSinceStep += 1
      tellChanges()
      return .done(TakenTuple(version: version, ticket: driver.tupleKeeper?.ticket ?? 0))
    } catch .wouldBlock {
      return .mustWait(since: room.epoch)
    }
  }

  /// Removes a tuple, if there is room for that; the result is nil when there is none.
  func removeTuple(
    _ key: TupleKey, if condition: TupleCondition?
  ) throws(TupleError) -> Attempt<TakenTuple?> {
    guard beginWrite() else { return .mustWait(since: room.epoch) }
    do throws(TupleError) {
      let version = try driver.removeTuple(key, if: condition)
      writesSinceStep += 1
      tellChanges()
      let ticket = driver.tupleKeeper?.ticket ?? 0
      return .done(version.map { TakenTuple(version: $0, ticket: ticket) })
    } catch .wouldBlock {
      return .mustWait(since: room.epoch)
    }
  }

  /// Takes a version from outside of the cluster, if there is room for it.
  func merge(_ stored: StoredTuple) throws(TupleError) -> Attempt<Bool> {
    guard beginWrite() else { return .mustWait(since: room.epoch) }
    do throws(TupleError) {
      let isNews = try driver.merge(stored)
      writesSinceStep += 1
      tellChanges()
      return .done(isNews)
    } catch .wouldBlock {
      return .mustWait(since: room.epoch)
    }
  }

  /// Whether a write may be tried now.
  private func beginWrite() -> Bool {
    driver.wantChanges(tuples.isRead)
    return writesSinceStep < Self.writesPerStep
  }

  /// Tells what became of tuples.
  func tellChanges() {
    guard driver.effects.changes.count > 0 else { return }
    let queues = tuples.queues
    driver.takeChanges { key, make in
      for queue in queues where queue.scope.contains(key) { queue.put(make())?() }
    }
  }

  /// The tuples now and what becomes of them from then on.
  func watchTuples(_ scope: TupleScope, renewals: Bool) -> TupleWatch {
    // What has happened already is part of the tuples, and must not be told again.
    tellChanges()
    var present: [Tuple]
    if case .key(let key) = scope {
      present = driver.tuple(at: key).map { [$0] } ?? []
    } else {
      present = driver.node.tuples(prefix: scope.start)
    }
    if driver.node.lifecycle == .destroyed { present = [] }
    let subscription = tuples.subscribe(to: scope, renewals: renewals, present: present)
    driver.wantChanges(true)
    return TupleWatch(subscription: subscription)
  }
}

/// A write that the node has taken.
struct TakenTuple: Sendable {
  var version: TupleVersion
  /// What to wait for at the store; 0 without one.
  var ticket: UInt64
}
