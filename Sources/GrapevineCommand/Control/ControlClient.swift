// One connection to a control socket, at the agent's end.

import GrapevineCore

/// What is known of a client, and its bytes on the way.
struct ControlClient {
  let descriptor: Int32
  /// The line, and after it the value, as far as it has come.
  var incoming: [UInt8] = []
  /// A request whose value is still to come, its words, and how long the value is.
  var announced: (request: ControlRequest, words: [[UInt8]], length: Int)?
  /// What it has not taken yet.
  var outgoing: [UInt8] = []
  /// How much of `outgoing` it has taken.
  var taken = 0
  /// Whoever writes the answer; nil while there is no request.
  var answer: Task<Void, Never>?
  /// Whether the answer is whole, so that the connection ends once it is sent.
  var isAnswered = false
  /// Whether the rest waits until the client takes more.
  var isBlocked = false
  /// When the client is dropped unless it has sent its request or taken some more by then.
  var deadline: Instant
  /// A long list that is being sent: its pages by number, nil behind the last.
  var pages: (@Sendable (Int) -> [UInt8]?)?
  /// The page that comes next.
  var nextPage = 0
  /// What comes behind the list.
  var later: [UInt8] = []
  /// Whoever waits for room, to be told whether the client is still there.
  var waiter: UnsafeContinuation<Bool, Never>?

  init(descriptor: Int32, deadline: Instant) {
    self.descriptor = descriptor
    self.deadline = deadline
  }

  /// Bytes that wait, without pages that are not made yet.
  var backlog: Int { outgoing.count - taken }

  /// Whether nothing is left to send.
  var isIdle: Bool { backlog == 0 && pages == nil }

  /// Whether some of its request is still to come.
  var isAsking: Bool { answer == nil && !isAnswered }

  /// What of its request has not come, if that is a value.
  var missing: String? {
    announced.map {
      "the value was announced with \($0.length) bytes, and \(incoming.count) came: nothing was done"
    }
  }

  /// Adds bytes behind everything else.
  mutating func append(_ bytes: [UInt8]) {
    if pages == nil { outgoing += bytes } else { later += bytes }
  }

  /// Makes pages until `mark` bytes wait.
  mutating func fill(upTo mark: Int) {
    while let pages, backlog < mark {
      if let page = pages(nextPage) {
        outgoing += page
        nextPage += 1
      } else {
        self.pages = nil
        outgoing += later
        later = []
      }
    }
  }

  /// Takes note of how much the client took.
  mutating func take(_ count: Int) {
    taken += count
    // Moving the rest only when it is the smaller half keeps the cost of all moves within that of all bytes.
    guard taken * 2 >= outgoing.count else { return }
    outgoing.removeFirst(taken)
    taken = 0
  }
}
