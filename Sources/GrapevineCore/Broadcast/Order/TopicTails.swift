// What a sender remembers of the topics that it sends in: the last ordered message of each.

/// The last ordered message of a topic.
struct TopicTail: BitwiseCopyable {
  /// The topic's hash.
  var hash: UInt64 = 0
  /// Its number; 0 when the place is free.
  var sequence: UInt64 = 0
  var isCausal = false

  init() {}
}

/// The last ordered messages of many topics, in bounded memory: of topics beyond that the ones forgotten are those
/// whose last message is oldest, among the few that share a row.
struct TopicTails: ~Copyable {
  private static let rows = 256
  private static let width = 4
  private let tails = FixedTable<TopicTail>(count: TopicTails.rows * TopicTails.width)
  /// Whether a topic was forgotten that a FIFO or a causal message was the last of.
  private var hasForgottenFIFO = false
  private var hasForgottenCausal = false
  /// The last causal message of any topic; 0 before the first.
  private(set) var lastCausal: UInt64 = 0

  static let bytes = rows * width * MemoryLayout<TopicTail>.stride

  private static func row(_ hash: UInt64) -> Range<Int> {
    let first = Int(truncatingIfNeeded: hash % UInt64(rows)) * width
    return first..<first + width
  }

  /// What the next message, of number `sequence`, has to say of its predecessor; see `OrderedMessage`.
  ///
  /// A FIFO message comes after the last ordered one of its topic. A causal one comes after the last causal one of
  /// any topic, which came after all causal ones before it, and after the last one of its topic. The wire has room for
  /// one predecessor: where neither of the two follows from the other, and where it is not known, it says that the
  /// message comes after everything.
  func predecessor(of sequence: UInt64, hash: UInt64, order: MessageOrder) -> UInt64 {
    let found = Self.row(hash).first { tails[$0].sequence != 0 && tails[$0].hash == hash }
    let tail = found.map { tails[$0] } ?? TopicTail()
    if order == .causal {
      if tail.sequence == 0 && hasForgottenFIFO { return OrderedMessage.Predecessor.everything }
      if tail.sequence != 0, !tail.isCausal, lastCausal != 0 { return OrderedMessage.Predecessor.everything }
      return distance(from: max(tail.sequence, lastCausal), to: sequence)
    }
    let isUnknown = tail.sequence == 0 && (hasForgottenFIFO || hasForgottenCausal)
    return isUnknown ? OrderedMessage.Predecessor.everything : distance(from: tail.sequence, to: sequence)
  }

  /// The same of a causal message that is of no topic and that nobody delivers.
  func barrierPredecessor(of sequence: UInt64) -> UInt64 { distance(from: lastCausal, to: sequence) }

  private func distance(from earlier: UInt64, to sequence: UInt64) -> UInt64 {
    earlier == 0 ? OrderedMessage.Predecessor.none : sequence &- earlier &+ 1
  }

  /// Notes that a message was sent.
  mutating func note(_ sequence: UInt64, hash: UInt64, order: MessageOrder) {
    if order == .causal { lastCausal = sequence }
    let row = Self.row(hash)
    var chosen = row.lowerBound
    for place in row {
      if tails[place].sequence != 0, tails[place].hash == hash {
        chosen = place
        break
      }
      if tails[place].sequence < tails[chosen].sequence { chosen = place }
    }
    if tails[chosen].sequence != 0, tails[chosen].hash != hash {
      if tails[chosen].isCausal { hasForgottenCausal = true } else { hasForgottenFIFO = true }
    }
    tails[chosen].hash = hash
    tails[chosen].sequence = sequence
    tails[chosen].isCausal = order == .causal
  }

  /// Notes one.
  mutating func noteBarrier(_ sequence: UInt64) { lastCausal = sequence }
}
