// Writing tuples.

import GrapevineCore

extension Tuples {
  /// Writes a tuple: bytes at a key. It counts here when this returns, and travels to all members.
  ///
  /// A node that is not a member may write too; others get to know when it has joined. While neighbours do not keep
  /// up with what is sent, this waits.
  ///
  /// A condition is checked against what this node knows, and nothing else: another member that writes the same key
  /// meanwhile, whose write has not come here, is not seen. Both writes succeed then, and the greater version counts in
  /// the end, so a condition saves useless writes and is safe among the tasks of one node, but is neither a lock nor
  /// an election. What needs those needs consensus, which this is not.
  ///
  /// - Parameters:
  ///   - key: Up to 255 bytes.
  ///   - value: Up to `TupleRules.valueLimit` bytes.
  ///   - lifetime: How long it lives.
  ///   - condition: What must hold for the tuple to be written, as far as this node knows; nil for nothing.
  ///   - acknowledged: When to return.
  /// - Returns: Which write it is.
  /// - Throws: `TupleError`, and nothing was written; `TupleStoreError`, and the tuple counts in the cluster but is
  ///   not yet on this node's disk, which is tried again; `CancellationError`: when it comes while this waits for room,
  ///   nothing was written, and when it waits for the disk, the tuple counts.
  @discardableResult
  public nonisolated(nonsending) func publish(
    _ key: TupleKey, _ value: [UInt8], lifetime: TupleLifetime = .permanent,
    if condition: TupleCondition? = nil,
    acknowledged: TupleAcknowledgement = .stored
  ) async throws -> TupleVersion {
    while true {
      let outcome =
        node.isDirect
        ? try node.client.publish(key, value, lifetime: lifetime, if: condition)
        : try await node.publishTuple(key, value, lifetime: lifetime, if: condition)
      switch outcome {
      case .mustWait(let epoch): try await node.waitForRoom(epoch)
      case .done(let taken):
        if acknowledged == .stored, taken.ticket > 0 { try await node.stored(taken.ticket) }
        return taken.version
      }
    }
  }

  /// Writes text, as UTF-8; see `publish` for bytes.
  @discardableResult
  public nonisolated(nonsending) func publish(
    _ key: TupleKey, _ text: String, lifetime: TupleLifetime = .permanent,
    if condition: TupleCondition? = nil,
    acknowledged: TupleAcknowledgement = .stored
  ) async throws -> TupleVersion {
    try await publish(key, Array(text.utf8), lifetime: lifetime, if: condition, acknowledged: acknowledged)
  }

  /// Writes a `Codable` value, as `BinaryCoding` encodes it; see `publish` for bytes.
  ///
  /// - Throws: also `CodingFailure` when the value cannot be encoded.
  @discardableResult
  public nonisolated(nonsending) func publish<Value: Encodable>(
    _ key: TupleKey, encoding value: Value, lifetime: TupleLifetime = .permanent,
    if condition: TupleCondition? = nil, acknowledged: TupleAcknowledgement = .stored
  ) async throws -> TupleVersion {
    try await publish(
      key, try BinaryCoding.encode(value), lifetime: lifetime, if: condition, acknowledged: acknowledged)
  }

  /// Writes bytes that expire after the given time, 1 ms to 10 years, unless written again; see `publish`.
  @discardableResult
  public nonisolated(nonsending) func publish(
    _ key: TupleKey, _ value: [UInt8], expiresAfter time: Duration, if condition: TupleCondition? = nil,
    acknowledged: TupleAcknowledgement = .stored
  ) async throws -> TupleVersion {
    try await publish(
      key, value, lifetime: .expires(after: time), if: condition, acknowledged: acknowledged)
  }

  /// Writes text that expires after the given time, 1 ms to 10 years, unless written again; see `publish`.
  @discardableResult
  public nonisolated(nonsending) func publish(
    _ key: TupleKey, _ text: String, expiresAfter time: Duration, if condition: TupleCondition? = nil,
    acknowledged: TupleAcknowledgement = .stored
  ) async throws -> TupleVersion {
    try await publish(
      key, Array(text.utf8), lifetime: .expires(after: time), if: condition, acknowledged: acknowledged)
  }

  /// Writes several tuples of one lifetime in order, for less than one by one.
  ///
  /// - Returns: Which writes they are, in the same order.
  /// - Throws: As `publish`; at the first error it stops, and the tuples before that one were written.
  @discardableResult
  public nonisolated(nonsending) func publish(
    contentsOf tuples: [(key: TupleKey, value: [UInt8])], lifetime: TupleLifetime = .permanent,
    acknowledged: TupleAcknowledgement = .stored
  ) async throws -> [TupleVersion] {
    var versions: [TupleVersion] = []
    versions.reserveCapacity(tuples.count)
    var ticket: UInt64 = 0
    while versions.count < tuples.count {
      let (taken, epoch) = try await node.publishTuples(tuples, from: versions.count, lifetime: lifetime)
      versions += taken.map(\.version)
      ticket = taken.last?.ticket ?? ticket
      if let epoch { try await node.waitForRoom(epoch) }
    }
    if acknowledged == .stored, ticket > 0 { try await node.stored(ticket) }
    return versions
  }

  /// Removes a tuple; that travels to all members as a write does.
  ///
  /// - Returns: Which write the removal is; nil when this node knows no such tuple, and nothing was removed.
  /// - Throws: As `publish`.
  @discardableResult
  public nonisolated(nonsending) func remove(
    _ key: TupleKey, if condition: TupleCondition? = nil, acknowledged: TupleAcknowledgement = .stored
  ) async throws -> TupleVersion? {
    while true {
      switch try await node.removeTuple(key, if: condition) {
      case .mustWait(let epoch): try await node.waitForRoom(epoch)
      case .done(nil): return nil
      case .done(let taken?):
        if acknowledged == .stored, taken.ticket > 0 { try await node.stored(taken.ticket) }
        return taken.version
      }
    }
  }

  /// Takes a version from outside of the cluster as it is, unless a later one is here; it travels to all members.
  ///
  /// For bridges: clusters that merge what they have of each other end with the same map, removals and lifetimes among
  /// them, whoever carries it and how often.
  ///
  /// - Returns: Whether it was news.
  /// - Throws: As `publish`; `TupleError.lifetimeOutOfRange` for one that ends before it was written.
  @discardableResult
  public nonisolated(nonsending) func merge(_ stored: StoredTuple) async throws -> Bool {
    while true {
      switch try await node.mergeTuple(stored) {
      case .mustWait(let epoch): try await node.waitForRoom(epoch)
      case .done(let isNews): return isNews
      }
    }
  }
}

// On the node's thread.
extension GossipNode {
  func tuple(at key: TupleKey) -> Tuple? { client.driver.tuple(at: key) }
  func storedTuple(at key: TupleKey) -> StoredTuple? {
    key.bytes.withUnsafeBytes { client.driver.node.storedTuple(at: $0) }
  }
  func tuples(prefix: TupleKey) -> [Tuple] { client.driver.node.tuples(prefix: prefix.bytes) }
  var tupleCount: Int { client.driver.node.tupleCount }

  func watchTuples(_ scope: TupleScope, renewals: Bool) -> TupleWatch {
    client.watchTuples(scope, renewals: renewals)
  }

  func publishTuple(
    _ key: TupleKey, _ value: [UInt8], lifetime: TupleLifetime, if condition: TupleCondition?
  ) throws(TupleError) -> Attempt<TakenTuple> {
    try client.publish(key, value, lifetime: lifetime, if: condition)
  }

  /// Writes tuples until there is no room; then the epoch of `NodeRoom` to wait for comes with those written.
  func publishTuples(
    _ tuples: [(key: TupleKey, value: [UInt8])], from start: Int, lifetime: TupleLifetime
  ) throws(TupleError) -> (taken: [TakenTuple], epoch: UInt64?) {
    var taken: [TakenTuple] = []
    for (key, value) in tuples[start...] {
      switch try client.publish(key, value, lifetime: lifetime, if: nil) {
      case .mustWait(let epoch): return (taken, epoch)
      case .done(let tuple): taken.append(tuple)
      }
    }
    return (taken, nil)
  }

  func removeTuple(
    _ key: TupleKey, if condition: TupleCondition?
  ) throws(TupleError) -> Attempt<TakenTuple?> {
    try client.removeTuple(key, if: condition)
  }

  func mergeTuple(_ stored: StoredTuple) throws(TupleError) -> Attempt<Bool> {
    try client.merge(stored)
  }

  /// Waits until the store has the write of the given ticket.
  nonisolated(nonsending) func stored(_ ticket: UInt64) async throws {
    try await tupleWriter?.written(ticket)
  }

  /// Waits until the given epoch of `NodeRoom` is over.
  nonisolated(nonsending) func waitForRoom(_ epoch: UInt64) async throws {
    await client.room.wait(epoch)
    try Task.checkCancellation()
  }
}
