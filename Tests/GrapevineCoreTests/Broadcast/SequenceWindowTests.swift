import Testing

@testable import GrapevineCore

/// What a window is to do, without bounds on memory.
private struct Model {
  let level: DeliveryLevel
  let width: UInt64
  var floor: UInt64 = 0
  var held: Set<UInt64> = []

  func judge(_ sequence: UInt64) -> SequenceWindows.Verdict {
    switch level {
    case .reliable:
      if sequence <= floor || held.contains(sequence) { return .duplicate }
      return sequence > floor + width ? .tooFarAhead : .new
    case .bestEffort:
      if sequence > floor { return .new }
      return floor - sequence >= width || held.contains(sequence) ? .duplicate : .new
    }
  }

  mutating func insert(_ sequence: UInt64) {
    held.insert(sequence)
    switch level {
    case .reliable: raise()
    case .bestEffort: floor = max(floor, sequence)
    }
  }

  mutating func raise() {
    while held.remove(floor + 1) != nil { floor += 1 }
  }

  mutating func skip(to newFloor: UInt64) -> UInt64 {
    guard newFloor > floor else { return 0 }
    let had = held.filter { $0 <= newFloor }
    let missing = newFloor - floor - UInt64(had.count)
    held.subtract(had)
    floor = newFloor
    raise()
    return missing
  }

  /// The first run after `position` of numbers held, or of numbers missing.
  func nextRange(held wanted: Bool, after position: UInt64, through limit: UInt64) -> SequenceRange? {
    let end = min(limit, floor + width)
    var first = max(position, floor) + 1
    while first <= end, held.contains(first) != wanted { first += 1 }
    guard first <= end else { return nil }
    var last = first
    while last < end, held.contains(last + 1) == wanted { last += 1 }
    return SequenceRange(first: first, last: last)
  }
}

@Suite("Sequence windows: exactly once, against a plain set")
struct SequenceWindowTests {
  private static let steps = 100_000

  /// A number near the window, mostly inside, sometimes behind or beyond.
  private static func draw(near floor: UInt64, width: Int, _ generator: inout Generator) -> UInt64 {
    let reach = generator.chance(0.7) ? 8 : width * 2
    let offset = Int(floor) - reach / 2 + generator.below(reach + reach / 2)
    return UInt64(max(1, offset))
  }

  @Test("a window agrees with the model", arguments: [64, 128, 1_024], DeliveryLevel.allCases)
  func model(width: Int, level: DeliveryLevel) {
    var generator = Generator(seed: UInt64(width) + UInt64(level.rawValue))
    let windows = SequenceWindows(streams: 3, width: width)
    var stream = Stream()
    stream.level = level
    var model = Model(level: level, width: UInt64(width))
    var verdicts: [SequenceWindows.Verdict: Int] = [:]
    for step in 0..<Self.steps {
      let sequence = Self.draw(near: stream.floor, width: width, &generator)
      let verdict = windows.judge(sequence, in: stream, at: 1)
      verdicts[verdict, default: 0] += 1
      guard verdict == model.judge(sequence) else {
        Issue.record("step \(step): \(sequence) at floor \(stream.floor) was judged \(verdict)")
        return
      }
      if verdict == .new {
        windows.insert(sequence, in: &stream, at: 1)
        model.insert(sequence)
      } else if level == .reliable, generator.chance(0.002) {
        let newFloor = stream.floor + UInt64(generator.below(width * 2))
        #expect(windows.skip(to: newFloor, in: &stream, at: 1) == model.skip(to: newFloor))
      }
      guard stream.floor == model.floor else {
        Issue.record("step \(step): the floor is \(stream.floor), the model's \(model.floor)")
        return
      }
      if level == .reliable, stream.ahead != UInt32(model.held.count) {
        Issue.record("step \(step): \(stream.ahead) ahead, the model has \(model.held.count)")
        return
      }
    }
    #expect(verdicts[.new, default: 0] > 1_000 && verdicts[.duplicate, default: 0] > 1_000)
    #expect(level == .bestEffort || verdicts[.tooFarAhead, default: 0] > 100)
  }

  @Test("runs of held and of missing numbers agree with the model", arguments: [64, 256])
  func ranges(width: Int) {
    var generator = Generator(seed: 9)
    let windows = SequenceWindows(streams: 1, width: width)
    var stream = Stream()
    var model = Model(level: .reliable, width: UInt64(width))
    for _ in 0..<4_000 {
      let sequence = Self.draw(near: stream.floor, width: width, &generator)
      if windows.judge(sequence, in: stream, at: 0) == .new {
        windows.insert(sequence, in: &stream, at: 0)
        model.insert(sequence)
      }
      let position = stream.floor + UInt64(generator.below(width + 10))
      let limit = stream.floor + UInt64(generator.below(width * 2))
      for held in [true, false] {
        let range = windows.nextRange(held: held, after: position, through: limit, in: stream, at: 0)
        #expect(range == model.nextRange(held: held, after: position, through: limit))
      }
    }
  }

  @Test("streams do not touch each other's windows, and a cleared one begins anew")
  func separate() {
    let windows = SequenceWindows(streams: 3, width: 64)
    var streams = [Stream(), Stream(), Stream()]
    for place in 0..<3 {
      for sequence in UInt64(2)...65 where windows.judge(sequence, in: streams[place], at: place) == .new {
        windows.insert(sequence, in: &streams[place], at: place)
      }
    }
    windows.clear(1)
    let held = (0..<3).map { place in (2...64).filter { windows.contains($0, at: place) }.count }
    #expect(held == [63, 0, 63])
    #expect(streams.map(\.ahead) == [63, 63, 63])
  }

  @Test("a window works up to the end of the numbers", arguments: DeliveryLevel.allCases)
  func end(level: DeliveryLevel) {
    let windows = SequenceWindows(streams: 1, width: 64)
    let last = UInt64.max / 2
    var stream = Stream()
    stream.level = level
    stream.floor = last - 3
    for sequence in [last, last - 2, last - 1] {
      #expect(windows.judge(sequence, in: stream, at: 0) == .new)
      windows.insert(sequence, in: &stream, at: 0)
      #expect(windows.judge(sequence, in: stream, at: 0) == .duplicate)
    }
    #expect(stream.floor == last && stream.ahead == 0)
  }

  @Test("best effort takes what is late, but not what is older than the window")
  func late() {
    let windows = SequenceWindows(streams: 1, width: 64)
    var stream = Stream()
    stream.level = .bestEffort
    windows.insert(100, in: &stream, at: 0)
    #expect(windows.judge(37, in: stream, at: 0) == .new)
    #expect(windows.judge(36, in: stream, at: 0) == .duplicate)
    windows.insert(1_000, in: &stream, at: 0)
    // The window jumped: what stands in the bits now must not be taken for the old numbers.
    #expect(windows.judge(1_000 - 63, in: stream, at: 0) == .new)
    #expect(windows.judge(1_000, in: stream, at: 0) == .duplicate)
  }
}
