// Messages from one member to another one: each once, sent again until it is confirmed.
//
// They go straight to the other's address, which every member knows, and so need no path in the overlay and burden
// nobody else. A conversation is between two runs: what was said to a former run is never taken by the next one.

/// A message on its way, or free with `token` 0.
struct Outgoing: BitwiseCopyable {
  var token: UInt64 = 0
  var conversation: UInt32 = 0
  var saying = Saying.message
  var isTagged = false
  /// Whether anybody wants to hear what became of it.
  var isReported = false
  var attempts: UInt8 = 0
  var length: UInt16 = 0
  var number: UInt64 = 0
  var call: UInt64 = 0
  /// Questions: when the time for an answer ends.
  var answerBy = Instant.never
  var sentAt = Instant()
  var nextAt = Instant.never
  var deadline = Instant.never

  init() {}
}

/// What is said directly, and the questions and receipts that rest on it.
struct DirectMessages: ~Copyable {
  let isEnabled: Bool
  let rules: DirectRules
  let run: UInt64
  let openKey: UInt64
  let payloadLimit: Int
  let patience: Nanoseconds
  /// The time after which something is sent again while no round trip is known.
  let usualWait: Nanoseconds

  var conversations: ConversationTable
  let outgoing: FixedTable<Outgoing>
  private let payloads: FixedTable<UInt8>
  private let free: FixedTable<UInt32>
  private var freeCount = 0
  /// Slots from here on were never used.
  private(set) var slotsUsed = 0
  /// When the next message is to be sent, or given up.
  var dueAt = Instant.never
  /// Places of conversations that a confirmation is owed in.
  let owing: FixedTable<UInt32>
  var owingCount = 0
  private var lastToken: UInt64 = 0

  var calls: OpenCalls
  var receipts: Receipts
  var generator: Generator

  init(identity: MemberID, configuration: Configuration, seed: UInt64) {
    rules = configuration.direct ?? DirectRules()
    isEnabled = configuration.direct != nil && configuration.membership != nil
    run = identity.value
    openKey = Neighbourhood.openKey(clusterName: configuration.clusterName)
    payloadLimit = configuration.directLimit
    patience = rules.patience.asNanoseconds
    usualWait = 2 &* configuration.repairTimeout.asNanoseconds
    generator = Generator(seed: seed)
    let peers = isEnabled ? rules.peers : 1
    let slots = isEnabled ? rules.outgoing : 1
    conversations = ConversationTable(capacity: peers, using: &generator)
    outgoing = FixedTable(count: slots)
    payloads = FixedTable(count: slots * payloadLimit)
    free = FixedTable(count: slots)
    owing = FixedTable(count: peers)
    calls = OpenCalls(capacity: isEnabled ? rules.openCalls : 1, using: &generator)
    receipts = Receipts(
      capacity: isEnabled ? rules.openCalls : 1, links: configuration.linkSlots,
      delay: configuration.digestDelay.asNanoseconds)
  }

  /// Bytes that the tables take when all are full.
  static func bytes(_ configuration: Configuration) -> Int {
    guard let rules = configuration.direct, configuration.membership != nil else { return 0 }
    return ConversationTable.bytes(capacity: rules.peers) + rules.peers * 4
      + rules.outgoing * (MemoryLayout<Outgoing>.stride + configuration.directLimit + 4)
      + OpenCalls.bytes(capacity: rules.openCalls)
      + Receipts.bytes(capacity: rules.openCalls, links: configuration.linkSlots)
  }

  /// When there is something to do at the latest.
  var nextDeadline: Instant {
    owingCount > 0 ? Instant() : min(dueAt, receipts.nextDeadline)
  }

  func payload(_ slot: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: payloads.pointer(at: slot * payloadLimit), count: payloadLimit)
  }

  /// Messages that can still be taken.
  var freeSlots: Int { freeCount + outgoing.count - slotsUsed }

  private mutating func takeSlot() -> Int? {
    if freeCount > 0 {
      freeCount -= 1
      return Int(free[freeCount])
    }
    guard slotsUsed < outgoing.count else { return nil }
    slotsUsed += 1
    return slotsUsed - 1
  }

  mutating func release(_ slot: Int) {
    let conversation = Int(outgoing[slot].conversation)
    conversations[conversation].waiting &-= 1
    outgoing[slot] = Outgoing()
    free[freeCount] = UInt32(truncatingIfNeeded: slot)
    freeCount += 1
  }
}

// Saying.
extension DirectMessages {
  /// What is to be said, besides the payload.
  struct Utterance {
    var saying = Saying.message
    var isTagged = false
    var isReported = false
    var call: UInt64 = 0
    var answerBy = Instant.never
    /// Time for which it is put off.
    var delay: Nanoseconds = 0
  }

  /// Has something said to a member.
  ///
  /// - Returns: Its number, which tells what became of it.
  mutating func say(
    _ payload: UnsafeRawBufferPointer, as utterance: Utterance, to member: MemberEntry, now: Instant
  ) throws(DirectError) -> UInt64 {
    guard payload.count <= payloadLimit else { throw .tooLarge(limit: payloadLimit) }
    guard let place = place(of: member, now: now), conversations[place].waiting < Conversation.window,
      isWithinWindow(place), let slot = takeSlot()
    else { throw .wouldBlock }
    lastToken &+= 1
    var message = Outgoing()
    message.token = lastToken
    message.conversation = UInt32(truncatingIfNeeded: place)
    message.saying = utterance.saying
    message.isTagged = utterance.isTagged
    message.isReported = utterance.isReported
    message.call = utterance.call
    message.answerBy = utterance.answerBy
    message.length = UInt16(truncatingIfNeeded: payload.count)
    message.number = conversations[place].next
    message.nextAt = now + utterance.delay
    message.deadline = now + utterance.delay + patience
    conversations[place].next &+= 1
    conversations[place].waiting &+= 1
    conversations[place].lastUsed = now
    outgoing[slot] = message
    self.payload(slot).copyMemory(from: payload)
    dueAt = min(dueAt, message.nextAt)
    return lastToken
  }

  /// Whether the number to come is so near the oldest one that waits that the other end can tell them apart.
  private func isWithinWindow(_ place: Int) -> Bool {
    conversations[place].next &- oldest(of: place) < UInt64(Conversation.width)
  }

  /// The oldest number that waits for its confirmation; the number to come when none does.
  func oldest(of place: Int) -> UInt64 {
    var oldest = conversations[place].next
    guard conversations[place].waiting > 0 else { return oldest }
    for slot in 0..<slotsUsed where outgoing[slot].token != 0 && Int(outgoing[slot].conversation) == place {
      oldest = min(oldest, outgoing[slot].number)
    }
    return oldest
  }

  /// The conversation with the present run of a member, begun when there is none.
  private mutating func place(of member: MemberEntry, now: Instant) -> Int? {
    if let place = conversations.find(member.run) {
      guard conversations[place].id == member.id else { return nil }
      conversations[place].endpoint = member.endpoint
      return place
    }
    var conversation = Conversation()
    conversation.run = member.run
    conversation.id = member.id
    conversation.endpoint = member.endpoint
    return add(conversation, now: now)
  }

  mutating func add(_ conversation: Conversation, now: Instant) -> Int? {
    var conversation = conversation
    // Above every number of a conversation that was forgotten: nobody says more than one thing in 4 µs.
    conversation.next = max(1, now.nanoseconds >> 12)
    conversation.lastUsed = now
    // Twice the patience: whatever was said in it has come by then or never will.
    let idleSince = Instant(nanoseconds: now.since(Instant(nanoseconds: 2 &* patience)))
    return conversations.add(conversation, idleSince: idleSince)
  }
}

// Time.
extension DirectMessages {
  /// Gives up what has waited for too long or whose receiver is gone.
  mutating func advance(
    _ members: borrowing MemberTable, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    guard isEnabled, now >= dueAt else { return }
    dueAt = .never
    for slot in 0..<slotsUsed where outgoing[slot].token != 0 {
      let message = outgoing[slot]
      if now >= message.nextAt, let failure = failure(of: message, members, now: now) {
        giveUp(slot, failure, counters: &counters, into: &effects)
      } else {
        dueAt = min(dueAt, message.nextAt)
      }
    }
  }

  private mutating func failure(
    of message: Outgoing, _ members: borrowing MemberTable, now: Instant
  ) -> DirectFailure? {
    let conversation = conversations[Int(message.conversation)]
    guard let place = members.find(conversation.id), members[place].run == conversation.run,
      members[place].isLiving
    else { return .gone }
    // It may have moved meanwhile.
    conversations[Int(message.conversation)].endpoint = members[place].endpoint
    return now >= message.deadline ? .timedOut : nil
  }

  private mutating func giveUp(
    _ slot: Int, _ failure: DirectFailure, counters: inout Counters, into effects: inout Effects
  ) {
    counters.directFailed &+= 1
    if outgoing[slot].saying == .count { receipts.settle(outgoing[slot].token, isHeard: false) }
    if outgoing[slot].isReported { effects.outcomes.append(.failed(outgoing[slot].token, failure)) }
    release(slot)
  }

  /// Forgets everything: the node is no member any more.
  mutating func shut(into effects: inout Effects) {
    for slot in 0..<slotsUsed where outgoing[slot].token != 0 {
      if outgoing[slot].isReported { effects.outcomes.append(.failed(outgoing[slot].token, .gone)) }
      release(slot)
    }
    dueAt = .never
    calls.removeAll()
    receipts.removeAll()
  }
}
