// What happens next in virtual time.

import GrapevineCore

/// One thing that will happen.
struct SimulationEvent {
  enum Kind: UInt8 {
    /// The node's deadline.
    case timer
    /// A datagram arrives.
    case arrival
    /// A step of the scenario.
    case action
    /// The end of a pause or a block.
    case resume
  }

  var time: Instant
  /// Breaks ties in the order of scheduling, so that a run is a function of its seed.
  var order: UInt64
  var kind: Kind
  /// The node, or the number of the action.
  var target: Int32
  /// Arrivals: where the datagram came from, its bytes, owned by the event, and their number.
  var source: Int32 = 0
  var length: Int32 = 0
  var bytes: UnsafeMutableRawPointer?

  func precedes(_ other: SimulationEvent) -> Bool {
    time != other.time ? time < other.time : order < other.order
  }
}

/// A 4-ary heap of events, earliest first.
struct EventQueue {
  private var heap: [SimulationEvent] = []
  private var scheduled: UInt64 = 0

  var isEmpty: Bool { heap.isEmpty }
  var nextTime: Instant? { heap.first?.time }

  mutating func schedule(
    _ kind: SimulationEvent.Kind, _ target: Int, at time: Instant, source: Int = 0,
    bytes: UnsafeMutableRawPointer? = nil, length: Int = 0
  ) {
    scheduled += 1
    heap.append(
      SimulationEvent(
        time: time, order: scheduled, kind: kind, target: Int32(target), source: Int32(source),
        length: Int32(length), bytes: bytes))
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 4
      guard heap[child].precedes(heap[parent]) else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func removeFirst() -> SimulationEvent? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return first }
    heap[0] = last
    sink()
    return first
  }

  private mutating func sink() {
    var parent = 0
    while true {
      let firstChild = parent * 4 + 1
      guard firstChild < heap.count else { return }
      var best = firstChild
      for child in firstChild + 1..<min(firstChild + 4, heap.count) + 1
      where child < heap.count && heap[child].precedes(heap[best]) {
        best = child
      }
      guard heap[best].precedes(heap[parent]) else { return }
      heap.swapAt(best, parent)
      parent = best
    }
  }
}
