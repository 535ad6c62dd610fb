// What a node has delivered since its last causal message, as little of it as says everything.
//
// A causal message names its direct dependencies only (Prakash, Raynal, Singhal, "An Adaptive Causal Ordering
// Algorithm Suited to Mobile Computing Environments", JPDC 41(2), 1997, §4: the causal barrier): of what its sender
// delivered since its last causal message the messages that no other one of these came after. Since every member
// holds each causal message back until the ones it names are delivered, what those name need not be named again. Of
// one origin only the last counts, as its messages follow each other anyway; and a message of the sender's own names
// its own last one, which stands for all that was delivered before that.

/// The messages to be named as dependencies: at most one of each stream.
struct CausalPast: ~Copyable {
  /// By the place of the stream: the number of the message; 0 for none.
  private let sequences: FixedTable<UInt64>
  /// The places that have one, and by place where it stands among these.
  private let places: FixedTable<UInt32>
  private let positions: FixedTable<UInt32>
  private(set) var count = 0

  init(streams: Int) {
    sequences = FixedTable(count: streams)
    places = FixedTable(count: streams)
    positions = FixedTable(count: streams)
  }

  static func bytes(streams: Int) -> Int { streams * (8 + 4 + 4) }

  /// The place of the stream at a position below `count`, and the number of its message.
  func dependency(_ position: Int) -> (place: Int, sequence: UInt64) {
    let place = Int(places[position])
    return (place, sequences[place])
  }

  /// Notes a message that was delivered.
  mutating func note(_ sequence: UInt64, at place: Int) {
    if sequences[place] == 0 {
      places[count] = UInt32(truncatingIfNeeded: place)
      positions[place] = UInt32(truncatingIfNeeded: count)
      count += 1
    }
    sequences[place] = max(sequences[place], sequence)
  }

  /// Forgets the message of a stream when it is none after `sequence`: another one stands for it.
  mutating func discard(_ sequence: UInt64, at place: Int) {
    guard sequences[place] != 0, sequences[place] <= sequence else { return }
    count -= 1
    let position = Int(positions[place])
    places[position] = places[count]
    positions[Int(places[position])] = UInt32(truncatingIfNeeded: position)
    sequences[place] = 0
  }

  /// Forgets a stream.
  mutating func forget(_ place: Int) { discard(.max, at: place) }

  /// Forgets the last one.
  mutating func removeLast() {
    guard count > 0 else { return }
    forget(Int(places[count - 1]))
  }
}
