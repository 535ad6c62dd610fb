// Exactly once, in bounded memory.
//
// Of a reliable stream a node keeps the number up to which nothing is missing, the floor, and one bit for
// each of the next numbers. What lies further ahead than that is not taken yet. Of a best-effort stream it
// keeps the highest number and one bit for each of the last ones; older ones are taken for duplicates.

/// The bits of all streams: one window of `width` numbers each.
struct SequenceWindows: ~Copyable {
  private let words: FixedTable<UInt64>
  private let wordsPerStream: Int
  let width: UInt64

  init(streams: Int, width: Int) {
    self.width = UInt64(width)
    wordsPerStream = width / 64
    words = FixedTable(count: streams * wordsPerStream)
  }

  @inline(__always)
  private func position(_ place: Int, _ sequence: UInt64) -> (word: Int, bit: UInt64) {
    let slot = Int(truncatingIfNeeded: sequence & (width &- 1))
    return (place &* wordsPerStream &+ slot >> 6, 1 << UInt64(slot & 63))
  }

  func contains(_ sequence: UInt64, at place: Int) -> Bool {
    let (word, bit) = position(place, sequence)
    return words[word] & bit != 0
  }

  private func set(_ sequence: UInt64, at place: Int) {
    let (word, bit) = position(place, sequence)
    words[word] |= bit
  }

  private func unset(_ sequence: UInt64, at place: Int) {
    let (word, bit) = position(place, sequence)
    words[word] &= ~bit
  }

  /// Unsets the numbers from `first` up to `end`, without it, whole words at a time where it can.
  private func unset(_ first: UInt64, upTo end: UInt64, at place: Int) {
    var sequence = first
    while sequence < end {
      if sequence & 63 == 0, end &- sequence >= 64 {
        words[position(place, sequence).word] = 0
        sequence &+= 64
      } else {
        unset(sequence, at: place)
        sequence &+= 1
      }
    }
  }

  /// Forgets everything about the stream at `place`.
  func clear(_ place: Int) {
    words.clear(place * wordsPerStream..<(place + 1) * wordsPerStream)
  }

  /// Marks every number of the window at `place`.
  func fill(_ place: Int) {
    for word in place * wordsPerStream..<(place + 1) * wordsPerStream { words[word] = .max }
  }

  /// What a reliable stream makes of a number.
  enum Verdict { case new, duplicate, tooFarAhead }

  @inline(__always)
  func judge(_ sequence: UInt64, in stream: borrowing Stream, at place: Int) -> Verdict {
    if stream.level == .bestEffort { return judgeBestEffort(sequence, in: stream, at: place) }
    if sequence <= stream.floor { return .duplicate }
    if sequence &- stream.floor > width { return .tooFarAhead }
    if stream.ahead > 0, contains(sequence, at: place) { return .duplicate }
    return .new
  }

  private func judgeBestEffort(_ sequence: UInt64, in stream: borrowing Stream, at place: Int) -> Verdict {
    if sequence > stream.floor { return .new }
    return stream.floor &- sequence >= width || contains(sequence, at: place) ? .duplicate : .new
  }

  /// Marks a number that was judged new.
  @inline(__always)
  func insert(_ sequence: UInt64, in stream: inout Stream, at place: Int) {
    if stream.level == .bestEffort { return insertBestEffort(sequence, in: &stream, at: place) }
    if sequence == stream.floor &+ 1 {
      stream.floor = sequence
      if stream.ahead > 0 { raiseFloor(of: &stream, at: place) }
    } else {
      set(sequence, at: place)
      stream.ahead &+= 1
    }
  }

  private func insertBestEffort(_ sequence: UInt64, in stream: inout Stream, at place: Int) {
    if sequence > stream.floor {
      if sequence &- stream.floor >= width {
        clear(place)
      } else {
        unset(stream.floor &+ 1, upTo: sequence, at: place)
      }
      stream.floor = sequence
    }
    set(sequence, at: place)
  }

  private func raiseFloor(of stream: inout Stream, at place: Int) {
    while stream.ahead > 0, contains(stream.floor &+ 1, at: place) {
      stream.floor &+= 1
      stream.ahead &-= 1
      unset(stream.floor, at: place)
    }
  }

  /// Gives up everything missing up to `newFloor`.
  ///
  /// - Returns: How many numbers were missing.
  func skip(to newFloor: UInt64, in stream: inout Stream, at place: Int) -> UInt64 {
    guard newFloor > stream.floor else { return 0 }
    var missing = newFloor &- stream.floor
    let last = min(newFloor, stream.floor &+ width)
    var sequence = stream.floor &+ 1
    while sequence <= last, stream.ahead > 0 {
      if contains(sequence, at: place) {
        unset(sequence, at: place)
        stream.ahead &-= 1
        missing &-= 1
      }
      sequence &+= 1
    }
    stream.floor = newFloor
    raiseFloor(of: &stream, at: place)
    return missing
  }

  /// The next run of held numbers (or of missing ones) after `position`, which ends at `limit`, or nil.
  func nextRange(
    held: Bool, after position: UInt64, through limit: UInt64, in stream: borrowing Stream, at place: Int
  ) -> SequenceRange? {
    let end = min(limit, stream.floor &+ width)
    var first = max(position, stream.floor) &+ 1
    while first <= end, contains(first, at: place) != held { first &+= 1 }
    guard first <= end else { return nil }
    var last = first
    while last < end, contains(last &+ 1, at: place) == held { last &+= 1 }
    return SequenceRange(first: first, last: last)
  }
}
