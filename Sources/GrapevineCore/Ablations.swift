// Rules that can be broken on purpose, to show that the figures of the simulator would tell.

/// Rules of the protocols that a node leaves out. For tests of the simulator; no cluster works well without them.
package struct Ablations: OptionSet, Sendable, Equatable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// HyParView: a newcomer's FORWARDJOIN is not sent.
  package static let walks = Ablations(rawValue: 1)
  /// HyParView: once it has joined, a node looks for no more neighbours.
  package static let replacement = Ablations(rawValue: 2)
  /// Plumtree: no link is made lazy.
  package static let prunes = Ablations(rawValue: 4)
  /// Plumtree: what is asked for makes no link eager.
  package static let grafts = Ablations(rawValue: 8)
  /// SWIM: whom to probe next is drawn anew each time.
  package static let roundRobin = Ablations(rawValue: 1 << 4)
  /// Lifeguard: a node's doubt about itself changes no timeout.
  package static let localHealth = Ablations(rawValue: 1 << 5)
  /// Lifeguard: every suspicion has the least time.
  package static let confirmations = Ablations(rawValue: 1 << 6)
  /// Lifeguard: suspects are not told first.
  package static let buddy = Ablations(rawValue: 1 << 7)
  /// Probes have the configured timeout, whatever was measured.
  package static let measuredTimeouts = Ablations(rawValue: 1 << 8)
  /// Verdicts count that matured while this node was stopped or heard nobody.
  package static let selfDoubt = Ablations(rawValue: 1 << 9)
  /// SWIM: nobody can refute a suspicion.
  package static let refutation = Ablations(rawValue: 1 << 10)
  /// A failure counts at once, whoever says so.
  package static let surprise = Ablations(rawValue: 1 << 11)
  /// Tuples: memories of removals are given up at once.
  package static let tombstones = Ablations(rawValue: 1 << 12)
  /// Tuples: who was away for long brings back what was removed meanwhile.
  package static let yielding = Ablations(rawValue: 1 << 13)
  /// Tuples: the version that came last counts, whenever it was written.
  package static let versionOrder = Ablations(rawValue: 1 << 14)
  /// Order: messages are delivered as they come.
  package static let order = Ablations(rawValue: 1 << 15)
  /// Large messages: fragments go on only once all have come.
  package static let pipelining = Ablations(rawValue: 1 << 16)
  /// Large messages: no parity is sent.
  package static let parity = Ablations(rawValue: 1 << 17)

  /// SWIM as in the paper of 2002, without Lifeguard and what came after it.
  package static let plainSWIM: Ablations = [
    .localHealth, .confirmations, .buddy, .measuredTimeouts, .selfDoubt, .surprise,
  ]
}
