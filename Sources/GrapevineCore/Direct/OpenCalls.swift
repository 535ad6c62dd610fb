// Questions that wait for answers: those of others here, and this node's own.

/// A question of another member, or a free place with `handle` 0.
struct Question: BitwiseCopyable {
  /// What the application answers it by.
  var handle: UInt64 = 0
  var asker: UInt64
  var run: UInt64
  /// The asker's number for it.
  var call: UInt64
  var until: Instant
  /// The time over which answers are to be put off by chance, so that not all arrive at once.
  var spread: Nanoseconds

  init(asker: UInt64, run: UInt64, call: UInt64, until: Instant, spread: Nanoseconds) {
    self.asker = asker
    self.run = run
    self.call = call
    self.until = until
    self.spread = spread
  }
}

/// A question of this node's, or a free place with `call` 0.
struct Ask: BitwiseCopyable {
  var call: UInt64 = 0
  var until = Instant.never

  init() {}
}

/// The open questions of others, and of this node.
struct OpenCalls: ~Copyable {
  private let questions: FixedTable<Question>
  private let asks: FixedTable<Ask>
  private var lastHandle: UInt64 = 0
  private var lastCall: UInt64 = 0
  /// Makes numbers that only those can know who were asked.
  private let callKey: SecretKey

  init(capacity: Int, using generator: inout Generator) {
    callKey = SecretKey(using: &generator)
    questions = FixedTable(count: capacity)
    asks = FixedTable(count: capacity)
  }

  static func bytes(capacity: Int) -> Int {
    capacity * (MemoryLayout<Question>.stride + MemoryLayout<Ask>.stride)
  }

  /// Remembers a question of another member; instead of the one whose time ends first when there is no room. One
  /// member has a quarter of the places: beyond, its next question takes the place of one of its own.
  ///
  /// - Returns: What it is answered by.
  mutating func open(_ question: Question, now: Instant, counters: inout Counters) -> UInt64 {
    var place = 0
    let isGreedy = openCount(of: question.run, now: now) >= max(1, questions.count / 4)
    for candidate in 0..<questions.count {
      if isGreedy, questions[candidate].run != question.run { continue }
      if isGreedy, questions[place].run != question.run { place = candidate }
      if questions[candidate].handle == 0 || questions[candidate].until <= now {
        place = candidate
        break
      }
      if questions[candidate].until < questions[place].until { place = candidate }
    }
    if questions[place].handle != 0, questions[place].until > now { counters.questionsDropped &+= 1 }
    lastHandle &+= 1
    var question = question
    question.handle = lastHandle
    questions[place] = question
    return lastHandle
  }

  private func openCount(of run: UInt64, now: Instant) -> Int {
    (0..<questions.count).count {
      questions[$0].run == run && questions[$0].handle != 0 && questions[$0].until > now
    }
  }

  /// The question of a handle; nil when it is answered or its time is over.
  func question(_ handle: UInt64, now: Instant) -> Question? {
    for place in 0..<questions.count where questions[place].handle == handle && handle != 0 {
      return questions[place].until > now ? questions[place] : nil
    }
    return nil
  }

  /// Forgets a question: it is answered.
  mutating func close(_ handle: UInt64) {
    for place in 0..<questions.count where questions[place].handle == handle { questions[place].handle = 0 }
  }

  /// A number for something that others are asked.
  mutating func nextCall() -> UInt64 {
    lastCall &+= 1
    var hash = SipHash(key: callKey)
    hash.add(lastCall)
    return max(1, hash.finish() >> 32)
  }

  /// Whether another question of this node's can be open.
  func canAsk(now: Instant) -> Bool { freeAsk(now: now) != nil }

  private func freeAsk(now: Instant) -> Int? {
    for place in 0..<asks.count where asks[place].call == 0 || asks[place].until <= now { return place }
    return nil
  }

  /// Begins to take answers to a question.
  mutating func ask(_ call: UInt64, until: Instant, now: Instant) {
    guard let place = freeAsk(now: now) else { return }
    asks[place].call = call
    asks[place].until = until
  }

  /// Whether answers to a question are still taken.
  func isAsked(_ call: UInt64, now: Instant) -> Bool {
    for place in 0..<asks.count where asks[place].call == call && call != 0 { return asks[place].until > now }
    return false
  }

  /// Takes no more answers to a question.
  mutating func endAsk(_ call: UInt64) {
    for place in 0..<asks.count where asks[place].call == call { asks[place] = Ask() }
  }

  mutating func removeAll() {
    for place in 0..<questions.count { questions[place].handle = 0 }
    asks.clear(0..<asks.count)
  }
}
