// Rules that can be broken on purpose, to show that the figures of the simulator would tell.

/// Rules of the protocols that a node leaves out. For tests of the simulator; no cluster works well without them.
package struct Ablations: OptionSet, Sendable, Equatable {
  package let rawValue: UInt8

  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// HyParView: a newcomer's FORWARDJOIN is not sent.
  package static let walks = Ablations(rawValue: 1)
  /// HyParView: once it has joined, a node looks for no more neighbours.
  package static let replacement = Ablations(rawValue: 2)
  /// Plumtree: no link is made lazy.
  package static let prunes = Ablations(rawValue: 4)
  /// Plumtree: what is asked for makes no link eager.
  package static let grafts = Ablations(rawValue: 8)
}
