// When a node should not trust its own verdicts.
//
// Lifeguard (Dadgar, Phillips, Currey, arXiv 1707.00788, §IV-A) has a node that fails to hear from several
// others wait longer, since the fault may be its own. Two cases it need not guess at. A node whose timers fire
// late was itself stopped: a signal, a paused machine, no processor. And a node that hears nobody at all, where
// many should speak, is deaf. What matured meanwhile says nothing of others.

/// What a node has reason to think of itself.
struct SelfDoubt {
  /// Lifeguard's local health multiplier: 0 to 8.
  private(set) var multiplier = 0
  /// The greatest.
  static let limit = 8
  /// When a datagram of anybody's last arrived.
  private(set) var lastHeard = Instant()
  /// When the node should have been stepped at the latest.
  private var due = Instant.never
  /// Verdicts wait, because nobody is heard.
  private(set) var isDeaf = false

  /// Time that timers may fire late before the node takes itself to have been stopped.
  let patience: Nanoseconds
  /// Time in which somebody must be heard.
  let silence: Nanoseconds
  /// Members but this one without whom silence means nothing: one or two may have failed at once.
  static let leastMembers = 3
  /// Time after which even the deaf believe what they see. Chosen here: longer than any block of Lifeguard's
  /// experiments (§V), 32 s; then all the others may really be gone.
  static var deafLimit: Nanoseconds { 60_000_000_000 }

  private static var leastPatience: Nanoseconds { 100_000_000 }

  /// Creates a node's doubt.
  ///
  /// - Parameters:
  ///   - timeout: Of a probe: timers that are late by a quarter of it change verdicts; by less than a tenth of a
  ///     second, they are on every busy machine.
  ///   - period: Of probes: in one and a half, somebody probed us or answered.
  init(timeout: Nanoseconds, period: Nanoseconds) {
    patience = max(timeout / 4, Self.leastPatience)
    silence = period + period / 2
  }

  /// Somebody was heard.
  mutating func didHear(now: Instant) { lastHeard = now }

  /// The node will be stepped at `deadline`, unless something comes earlier.
  mutating func expect(_ deadline: Instant) { due = deadline }

  /// Finds out how late a step is.
  ///
  /// - Returns: The time for which the node was stopped; 0 when it was not.
  mutating func stoppedFor(now: Instant) -> Nanoseconds {
    let late = now.since(due)
    due = .never
    return late > patience ? late : 0
  }

  /// Finds out whether the node is deaf, among `others`.
  ///
  /// - Returns: Whether it was, and hears again.
  mutating func listen(others: Int, now: Instant) -> Bool {
    let wasDeaf = isDeaf
    let quiet = now.since(lastHeard)
    isDeaf = others >= Self.leastMembers && quiet > silence && quiet < Self.deafLimit
    return wasDeaf && !isDeaf && quiet <= silence
  }

  /// Doubts more or less.
  mutating func change(by step: Int) {
    multiplier = min(Self.limit, max(0, multiplier + step))
  }

  /// Trusts again, as at the start.
  mutating func reset(now: Instant) {
    multiplier = 0
    lastHeard = now
    due = .never
    isDeaf = false
  }
}
