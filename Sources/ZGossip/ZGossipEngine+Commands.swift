// What applications say and ask.

import GrapevineCore

extension ZGossipEngine {
  /// Publishes a tuple: it counts here at once, and goes to all other nodes.
  ///
  /// The same value as before is published again only for a lifetime: originals have none, and drop it.
  ///
  /// - Parameters:
  ///   - key: 0 to 255 bytes, no NUL.
  ///   - value: Up to the limit of the configuration, no NUL.
  ///   - lifetime: How long ours hold it. Originals keep it: they know no end.
  /// - Returns: Whether it is another tuple than before.
  /// - Throws: `ZGossipError`; nothing changed.
  @discardableResult
  public mutating func publish(
    _ value: UnsafeRawBufferPointer, at key: UnsafeRawBufferPointer, lifetime: TupleLifetime = .permanent,
    if condition: TupleCondition? = nil, now: Instant, into changes: inout ChangeBuffer
  ) throws(ZGossipError) -> Bool {
    guard !key.contains(0), !value.contains(0) else { throw .containsNUL }
    if lifetime == .permanent, condition == nil, let present = replica.find(key),
      present.value.hasBytes(of: value)
    {
      return false
    }
    let before = changes.count
    do throws(TupleError) {
      _ = try replica.publish(value, at: key, lifetime: lifetime, if: condition, now: now, into: &changes)
    } catch {
      throw .tuple(error)
    }
    note(changes, from: before, source: Self.own, now: now)
    return true
  }

  /// Removes a tuple, here and at all nodes of ours; originals keep it, and what they send again of it is not taken.
  ///
  /// - Returns: Whether there was one.
  /// - Throws: `ZGossipError`; nothing changed.
  public mutating func unpublish(
    _ key: UnsafeRawBufferPointer, if condition: TupleCondition? = nil, now: Instant,
    into changes: inout ChangeBuffer
  ) throws(ZGossipError) -> Bool {
    let before = changes.count
    do throws(TupleError) {
      guard try replica.remove(key, if: condition, now: now, into: &changes) != nil else { return false }
    } catch {
      throw .tuple(error)
    }
    note(changes, from: before, source: Self.own, now: now)
    return true
  }

  /// Takes a version of another cluster of ours as it is, unless a later one is here: what bridges do.
  ///
  /// - Returns: Whether it was news.
  /// - Throws: `ZGossipError`; nothing changed.
  public mutating func merge(
    _ stored: StoredTuple, now: Instant, into changes: inout ChangeBuffer
  ) throws(ZGossipError) -> Bool {
    let before = changes.count
    let isNews: Bool
    do throws(TupleError) {
      isNews = try replica.merge(stored, now: now, into: &changes)
    } catch {
      throw .tuple(error)
    }
    note(changes, from: before, now: now)
    return isNews
  }

  /// The number of tuples: zgossip's STATUS.
  public var status: Int { replica.tupleCount }

  /// The tuple of a key; nil when there is none.
  public func tuple(at key: UnsafeRawBufferPointer) -> Tuple? { replica.tuple(at: key) }

  /// The tuple of a key, or the memory of its removal; nil when there is neither.
  public func storedTuple(at key: UnsafeRawBufferPointer) -> StoredTuple? { replica.storedTuple(at: key) }

  /// All tuples and memories of removals, in no order.
  public func storedTuples() -> [StoredTuple] { replica.storedTuples() }

  /// The tuples whose keys begin with `prefix`, in order of their keys.
  public func tuples(prefix: [UInt8] = []) -> [Tuple] { replica.tuples(prefix: prefix) }

  /// The number of removals that are remembered.
  public var tombstoneCount: Int { replica.tombstoneCount }

  /// A number that is the same on nodes of ours whose maps are.
  public var fingerprint: UInt64 { replica.fingerprint }

  /// What happened between ours.
  public var replicaCounters: Counters { replica.counters }
}

extension ZGossipEngine {
  func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var hash = SipHash(key: hashKey)
    hash.add(bytes)
    return max(1, hash.finish())
  }

  /// Remembers what became of keys.
  mutating func note(
    _ changes: borrowing ChangeBuffer, from start: Int, source: UInt8 = ZGossipEngine.elsewhere, now: Instant
  ) {
    guard start < changes.count else { return }
    for index in start..<changes.count {
      let change = changes.record(index)
      guard change.isTold else { continue }
      switch change.kind {
      case .published:
        let key = hash(changes.key(index))
        formerValues.note(key, hash(changes.value(index)), from: source, now: now)
        removedValues.forget(key)
      case .removed, .expired, .departed:
        if change.replaced != 0 { removedValues.note(hash(changes.key(index)), change.replaced) }
      case .renewed, .forgotten: break
      }
    }
  }
}
