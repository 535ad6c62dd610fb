// Rumour mongering: who hears of what, and when to stop telling.
//
// The engine knows rumours by origin and number, and partners by an index that its owner gives. It decides
// what is owed to whom, and judges at the end of each cycle which rumours go on; whoever owns it draws the
// partners, keeps the payloads, and says which rumours are new.

/// What a member's rumour mongering did, in numbers that wrap around.
package struct RumourCounts: Sendable, Equatable {
  /// Rumours sent to a partner of this member's choice.
  package var pushed: UInt64 = 0
  /// Rumours sent to who asked.
  package var answered: UInt64 = 0
  /// Questions sent.
  package var asked: UInt64 = 0
  /// Questions received for which there was nothing to send.
  package var declined: UInt64 = 0
  /// Rumours forgotten before their time to make room for new ones.
  package var displaced: UInt64 = 0
  /// Verdicts not sent because too many waited.
  package var verdictsDropped: UInt64 = 0

  /// Creates counts at zero.
  package init() {}
}

/// What the engine keeps of one partner.
struct RumourPartner: BitwiseCopyable {
  /// Rumours owed, and where in the table to look for the first of them.
  var owed: UInt32 = 0
  var scan: UInt32 = 0
  /// Identifiers of this partner's that are still looked up in this cycle, and questions still heard.
  var lookups: UInt32 = 0
  var questions: UInt8 = 0
  /// Verdicts waiting to be sent.
  var verdicts: UInt8 = 0
  /// Whether it is to be asked, and whether what is owed to it is an answer.
  var isAsked = false
  var isAnswer = false

  init() {}
}

/// The rumours of one member, and what it owes its partners: Demers et al., PODC 1987, §1.4.
///
/// A cycle is what lies between two calls of `beginCycle`. What a member learns in a cycle it spreads from the
/// next one on, and it counts as needed however often it comes in that cycle. Everything is bounded: rumours
/// by `capacity` (a new one takes the place of the oldest), partners by `partners`, what a partner can make us
/// look up in a cycle by twice the capacity.
package struct RumourMongering: ~Copyable {
  package let rules: RumourRules
  /// What it did so far.
  package internal(set) var counts = RumourCounts()
  /// Rumours known that are still spread.
  package private(set) var hotCount = 0

  var table: RumourTable
  let partners: FixedTable<RumourPartner>
  let verdicts: FixedTable<RumourVerdict>
  let pushCycles: UInt8
  private var generator: Generator

  /// Runs of verdicts that wait for one partner at most; more are not sent. Chosen here: a datagram of them.
  static var verdictLimit: Int { 32 }
  /// Cycles after which a rumour is not spread any more, whatever the rules say: for members whose partners
  /// never answer. Chosen here: six times what the slowest rule of Demers' tables takes for 1,000 members.
  private static var heldLimit: UInt16 { 255 }
  /// Cycles for which a rumour is named in questions after it is not spread any more. Chosen here: others
  /// still spread it for about as long as it took to grow cold.
  private static var coldLimit: UInt16 { 32 }
  /// Questions of a partner that are heard in one cycle. Chosen here: cycles of two members drift.
  private static var questionLimit: UInt8 { 2 }

  /// Creates an engine without rumours.
  ///
  /// - Parameters:
  ///   - rules: Valid rules.
  ///   - capacity: Rumours known at once; a power of two.
  ///   - partners: Partners are numbered from 0 up to this, without it; at most 64.
  ///   - seed: Decides every coin.
  package init(rules: RumourRules, capacity: Int, partners: Int, seed: UInt64) {
    precondition(partners <= 64 && capacity > 0 && capacity & (capacity - 1) == 0, "a size out of range")
    self.rules = rules
    pushCycles = rules.pushCycles
    generator = Generator(seed: seed)
    table = RumourTable(capacity: capacity, seed: generator.next())
    self.partners = FixedTable(count: partners)
    verdicts = FixedTable(count: partners * Self.verdictLimit)
    for partner in 0..<partners { forget(partner: partner) }
  }

  /// Bytes that an engine's tables take.
  static func bytes(capacity: Int, partners: Int) -> Int {
    RumourTable.bytes(capacity: capacity)
      + partners * (MemoryLayout<RumourPartner>.stride + verdictLimit * MemoryLayout<RumourVerdict>.stride)
  }
}

// Rumours.
extension RumourMongering {
  /// Takes up a rumour of this member's own.
  package mutating func start(origin: UInt64, sequence: UInt64) {
    insert(origin, sequence, age: 0, from: nil)
  }

  /// Takes note of a rumour that a partner sent.
  ///
  /// - Parameters:
  ///   - hops: The age that came with it.
  ///   - isNew: Whether this member had never heard of it.
  package mutating func heard(
    origin: UInt64, sequence: UInt64, hops: UInt8, isNew: Bool, from partner: Int
  ) {
    var isNeeded = isNew
    if isNew {
      insert(origin, sequence, age: min(hops &+ 1, GossipHeader.hopsLimit), from: partner)
    } else if let position = table.find(origin, sequence) {
      table[position].holders |= 1 << UInt64(partner)
      disown(position, partner)
      // Needed is judged by what was known when the cycle began.
      isNeeded = table[position].held == 0
    }
    if rules.answersVerdicts { addVerdict(origin, sequence, isNeeded: isNeeded, for: partner) }
  }

  private mutating func insert(_ origin: UInt64, _ sequence: UInt64, age: UInt8, from partner: Int?) {
    guard table.find(origin, sequence) == nil else { return }
    if table.isFull { displaceOldest() }
    var rumour = Rumour()
    rumour.origin = origin
    rumour.sequence = sequence
    rumour.age = age
    if let partner { rumour.holders = 1 << UInt64(partner) }
    table.append(rumour)
    hotCount &+= 1
  }

  private mutating func displaceOldest() {
    let oldest = table.removeFirst()
    release(oldest)
    for partner in 0..<partners.count where partners[partner].scan > 0 { partners[partner].scan &-= 1 }
    guard !oldest.isCold else { return }
    hotCount &-= 1
    counts.displaced &+= 1
  }

  /// Takes back what is owed of a rumour.
  private func release(_ rumour: Rumour) {
    var rest = rumour.owed
    while rest != 0 {
      partners[rest.trailingZeroBitCount].owed &-= 1
      rest &= rest &- 1
    }
  }

  /// Forgets what is known of and owed to a partner: its number now means somebody else.
  package mutating func forget(partner: Int) {
    let bit: UInt64 = 1 << UInt64(partner)
    for position in 0..<table.count {
      table[position].holders &= ~bit
      table[position].owed &= ~bit
    }
    var fresh = RumourPartner()
    fresh.lookups = UInt32(truncatingIfNeeded: 2 * table.capacity)
    fresh.questions = Self.questionLimit
    partners[partner] = fresh
  }

  /// Takes note that a partner has a rumour, learned by other means.
  func markHolder(_ position: Int, _ partner: Int) {
    table[position].holders |= 1 << UInt64(partner)
    disown(position, partner)
  }

  func disown(_ position: Int, _ partner: Int) {
    guard table[position].owed & 1 << UInt64(partner) != 0 else { return }
    table[position].owed &= ~(1 << UInt64(partner))
    partners[partner].owed &-= 1
  }

  func own(_ position: Int, _ partner: Int) {
    guard table[position].owed & 1 << UInt64(partner) == 0 else { return }
    table[position].owed |= 1 << UInt64(partner)
    partners[partner].owed &+= 1
    partners[partner].scan = min(partners[partner].scan, UInt32(truncatingIfNeeded: position))
  }
}

// Cycles.
extension RumourMongering {
  /// Whether there is anything to do in a cycle: members that ask always have.
  var hasWork: Bool { rules.pulls || hotCount > 0 }

  /// Ends a cycle: judges every rumour by what it brought, and begins the next with a contact.
  ///
  /// - Parameter partner: Whom to contact; nil when there is nobody.
  package mutating func beginCycle(with partner: Int?) {
    endCycle()
    for other in 0..<partners.count {
      partners[other].lookups = UInt32(truncatingIfNeeded: 2 * table.capacity)
      partners[other].questions = Self.questionLimit
      partners[other].scan = 0
    }
    guard let partner else { return }
    if rules.pulls { partners[partner].isAsked = true }
    guard rules.exchange != .pull else { return }
    partners[partner].isAnswer = false
    for position in 0..<table.count
    where !table[position].isCold && table[position].age < pushCycles {
      offer(position, to: partner)
    }
  }

  /// Owes a rumour to a partner; one that has it is not sent it, and did not need it.
  private func offer(_ position: Int, to partner: Int) {
    if table[position].holders & 1 << UInt64(partner) != 0 {
      table[position].wasOffered = true
      table[position].wasNeedless = true
    } else {
      own(position, partner)
    }
  }

  private mutating func endCycle() {
    var isAnyForgotten = false
    for position in 0..<table.count {
      if !table[position].isCold, growsCold(position) {
        release(table[position])
        table[position].owed = 0
        table[position].isCold = true
        table[position].held = 0
        hotCount &-= 1
      }
      // The age runs from the first cycle in which it is spread.
      if table[position].held > 0, table[position].age < GossipHeader.hopsLimit { table[position].age &+= 1 }
      table[position].held &+= 1
      table[position].wasOffered = false
      table[position].wasNeeded = false
      table[position].wasNeedless = false
      if isOver(table[position]) { isAnyForgotten = true }
    }
    guard isAnyForgotten else { return }
    let rules = rules
    table.filter { !Self.isOver($0, rules) }
  }

  private func isOver(_ rumour: Rumour) -> Bool { Self.isOver(rumour, rules) }

  /// Whether a rumour need not be known any more: only questions that name what is known need cold ones.
  private static func isOver(_ rumour: Rumour, _ rules: RumourRules) -> Bool {
    rumour.isCold && (!rules.lists || rumour.held > coldLimit)
  }

  /// Whether the cycle that ends was a rumour's last one hot.
  private mutating func growsCold(_ position: Int) -> Bool {
    let rumour = table[position]
    if rumour.held >= Self.heldLimit { return true }
    // While young rumours are pushed in any case, nobody is asked whether it was needed.
    if rules.exchange == .pushThenPull, rumour.age < pushCycles { return false }
    if rules.feedback {
      if rumour.wasNeeded, !rules.keepsCounting { table[position].counter = 0 }
      guard rumour.wasNeedless, !rumour.wasNeeded else { return false }
    } else {
      guard rumour.wasOffered else { return false }
    }
    switch rules.removal {
    case .coin(let k):
      return generator.below(k) == 0
    case .counter(let k):
      table[position].counter &+= 1
      return Int(table[position].counter) >= k
    }
  }
}
