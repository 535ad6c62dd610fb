// The shape that the engines of all foreign wires share.
//
// A driver, a bridge and a test must not know which system's bytes they carry: they hand over datagrams, messages
// and the time, and carry out what comes back.

import GrapevineCore

/// A peer of another gossip system without sockets or clocks: bytes, messages and the time go in; datagrams and
/// deliveries come out.
///
/// One owner at a time calls it, with a time that never goes back. Nothing that `receive` is given stops it: what
/// is malformed or out of place is counted in `counters` and dropped. An engine delivers each message at most
/// once, and never its own.
public protocol DialectEngine: ~Copyable {
  /// The longest payload that `broadcast` takes, in bytes.
  var payloadLimit: Int { get }
  /// Where the peer is in its life.
  var lifecycle: Lifecycle { get }
  /// The peers it knows, without itself, in the order in which it met them.
  var members: [Endpoint] { get }
  /// What happened so far.
  var counters: DialectCounters { get }
  /// When `advance` must be called next: not later than now while datagrams wait that had no room; `Instant.never`
  /// when only input can change anything.
  var nextDeadline: Instant { get }

  /// Asks `contacts` to take it in; with none, founds a cluster.
  ///
  /// - Throws: `DialectError.alreadyJoined`; `addressUnusable` for a contact that the wire cannot name.
  mutating func join(_ contacts: [Endpoint], now: Instant) throws(DialectError)

  /// Takes a message to spread among all members.
  ///
  /// - Returns: The number that others deliver it with; where the wire has none, its number among this peer's messages,
  ///   from 1.
  /// - Throws: `DialectError`, and nothing changed.
  @discardableResult
  mutating func broadcast(_ payload: UnsafeRawBufferPointer, now: Instant) throws(DialectError) -> UInt64

  /// Takes one datagram. Answers may wait for `advance`, whatever room `effects` has.
  mutating func receive(
    _ datagram: UnsafeRawBufferPointer, from source: Endpoint, now: Instant,
    into effects: inout DialectEffects)

  /// Does what is due and writes the datagrams that wait, as far as `effects` has room.
  mutating func advance(now: Instant, into effects: inout DialectEffects)

  /// Parts from the cluster as far as the wire has words for it; `lifecycle` becomes `disconnected` once they are
  /// written.
  mutating func leave(now: Instant)
}
