// Which message arrived where, and when.
//
// Every message carries its number and a filler that follows from it, so that a delivery can be checked
// without trusting the agents' sequence numbers.

/// What agents have reported.
struct DemoLedger {
  private let nodes: Int
  private let messages: Int
  private let size: Int
  /// When message m was delivered by node n, at `m * nodes + n`; 0 when it was not.
  private var times: [UInt64]
  /// The node that took message m; -1 before.
  private var origins: [Int]
  private var excluded: Int?

  /// Deliveries at nodes that count.
  private(set) var delivered = 0
  /// Messages delivered by a node that had delivered them before.
  private(set) var duplicates = 0
  /// Deliveries whose bytes nobody sent, or whose sender is wrong.
  private(set) var damaged = 0

  init(nodes: Int, messages: Int, size: Int) {
    self.nodes = nodes
    self.messages = messages
    self.size = size
    times = [UInt64](repeating: 0, count: nodes * messages)
    origins = [Int](repeating: -1, count: messages)
  }

  /// The deliveries that must take place.
  var expected: Int { messages * (nodes - (excluded == nil ? 0 : 1)) }
  /// Whether all of them have.
  var isComplete: Bool { delivered == expected }

  /// Counts a node no more.
  mutating func exclude(_ node: Int) { excluded = node }

  /// The bytes of a message: its number, a space, letters.
  func payload(_ message: Int) -> [UInt8] {
    var bytes = Array("\(message) ".utf8)
    while bytes.count < size { bytes.append(UInt8(ascii: "a") + UInt8((message + bytes.count) % 26)) }
    return bytes
  }

  /// Notes that a node has a message: its origin by taking it, another by delivery.
  mutating func deliver(_ text: String?, at node: Int, from origin: Int?, time: UInt64) {
    guard let text, let space = text.firstIndex(of: " "), let message = Int(text[..<space]),
      (0..<messages).contains(message), Array(text.utf8) == payload(message), let origin,
      origins[message] < 0 || origins[message] == origin
    else {
      damaged += 1
      return
    }
    origins[message] = origin
    let place = message * nodes + node
    guard times[place] == 0 else {
      duplicates += 1
      return
    }
    times[place] = max(1, time)
    if node != excluded { delivered += 1 }
  }

  /// Milliseconds from the origin's taking a message to its delivery at a share of the nodes, for every
  /// message that got so far.
  func millisecondsTo(share: Double) -> [Double] {
    (0..<messages).compactMap { message in
      let row = message * nodes..<(message + 1) * nodes
      guard origins[message] >= 0 else { return nil }
      let start = times[row.lowerBound + origins[message]]
      let arrivals = row.filter { $0 - row.lowerBound != excluded && times[$0] != 0 }.map { times[$0] }
        .sorted()
      let counting = nodes - (excluded == nil ? 0 : 1)
      let needed = max(1, Int((share * Double(counting)).rounded(.up)))
      guard start != 0, arrivals.count >= needed else { return nil }
      let arrival = arrivals[needed - 1]
      return arrival > start ? Double(arrival - start) / 1e6 : 0
    }
  }
}
