// Starting and completing containers.
//
// A container's head holds its count, and a map's keys must be in bytewise order (RFC 8949 §4.2.1). Neither
// is known before the last item, so both are put right here, by moving bytes once.

extension CBOROutput {
  /// Writes the next pair of the map `token`: `key`, then what `write` appends.
  ///
  /// When `write` throws, the pair is taken back, so that a type may catch the error and go on.
  func pair(_ token: Token, _ key: some CodingKey, _ write: () throws -> Void) throws {
    try item(token) {
      let start = bytes.count
      append(key.stringValue)
      let level = frames.count - 1
      if pairs.count > frames[level].firstPair, let last = pairs.last, frames[level].isSorted {
        frames[level].isSorted = bytes.withUnsafeBytes { Self.order($0, last, start) < 0 }
      }
      pairs.append(start)
      try write()
    }
  }

  /// Writes the next item of the container `token`, or its single value, and counts it.
  func item(_ token: Token, _ write: () throws -> Void) throws {
    try check(token)
    let level = frames.count - 1
    let (start, pairCount, detachedCount) = (bytes.count, pairs.count, detached.count)
    let isSorted = frames[level].isSorted
    frames[level].count += 1
    do {
      try write()
    } catch {
      bytes.removeSubrange(start...)
      pairs.removeSubrange(pairCount...)
      detached.removeSubrange(detachedCount...)
      frames.removeSubrange((level + 1)...)
      frames[level].count -= 1
      frames[level].isSorted = isSorted
      throw error
    }
  }

  private func check(_ token: Token) throws {
    if let failure { throw failure }
    guard isTop(token) else {
      throw CodingFailure(.misuse("a container was written to after its value was complete, or out of turn"))
    }
    if let frame = frames.last, frame.kind == .single, frame.count > 0 {
      throw CodingFailure(.misuse("a single value was encoded twice"), path: topPath)
    }
  }

  /// An output for a container nested in the container `token`, under `key` if that is a map.
  ///
  /// Cannot throw, so a failure is kept for later.
  func detach(_ token: Token, _ key: (any CodingKey)?) -> CBOROutput {
    let level = Int(token.level)
    guard isTop(token) else {
      fail(.misuse("a container was nested in one whose value was complete, or out of turn"))
      return CBOROutput(path: [], depth: 0)
    }
    var path = path(to: level)
    path.append(key ?? PathKey(intValue: frames[level].count))
    let output = CBOROutput(path: path, depth: frames[level].depth + 1)
    detached.append(Detached(key: key?.stringValue, place: bytes.count, output: output))
    frames[level].count += 1
    return output
  }

  /// Fills in the head of the frame's value, and puts its items in order.
  func close(_ frame: Frame) throws {
    switch frame.kind {
    case .nothing where bytes.count == frame.start: append(.map, 0)
    case .nothing: break
    case .single:
      guard frame.count == 1 else {
        throw CodingFailure(.misuse("a single value was never encoded"), path: topPath)
      }
    case .array:
      try attachElements(frame)
      setHead(frame, .array)
    case .map:
      try attachPairs(frame)
      try sortPairs(frame)
      setHead(frame, .map)
      pairs.removeSubrange(frame.firstPair...)
    }
  }

  private func setHead(_ frame: Frame, _ major: CBORMajor) {
    if frame.count < 24 {
      bytes[frame.start] = major.rawValue << 5 | UInt8(frame.count)
    } else {
      let end = bytes.count
      append(major, UInt64(frame.count))
      let head = [UInt8](bytes[end...])
      bytes.removeSubrange(end...)
      bytes.replaceSubrange(frame.start...frame.start, with: head)
    }
  }
}

// MARK: - Detached containers

extension CBOROutput {
  /// Copies the elements that were encoded in outputs of their own to their places.
  private func attachElements(_ frame: Frame) throws {
    guard detached.count > frame.firstDetached else { return }
    var content: [UInt8] = []
    var copied = frame.start + 1
    for element in detached[frame.firstDetached...] {
      content.append(contentsOf: bytes[copied..<element.place])
      content.append(contentsOf: try element.output.finish())
      copied = element.place
    }
    content.append(contentsOf: bytes[copied...])
    bytes.replaceSubrange((frame.start + 1)..., with: content)
    detached.removeSubrange(frame.firstDetached...)
  }

  /// Writes the pairs that were encoded in outputs of their own.
  private func attachPairs(_ frame: Frame) throws {
    guard detached.count > frame.firstDetached else { return }
    for pair in detached[frame.firstDetached...] {
      let start = bytes.count
      append(pair.key ?? "")
      bytes.append(contentsOf: try pair.output.finish())
      if pairs.count > frame.firstPair { frames[frames.count - 1].isSorted = false }
      pairs.append(start)
    }
    detached.removeSubrange(frame.firstDetached...)
  }

  /// Completes this output's value and returns its bytes.
  private func finish() throws -> [UInt8] {
    try pop()
    return bytes
  }

  // MARK: - Order

  /// Puts the pairs of the top frame, a map, in the order of their keys; throws when two are equal.
  private func sortPairs(_ frame: Frame) throws {
    guard let isSorted = frames.last?.isSorted, !isSorted else { return }
    pairs.append(bytes.count)
    var ranges = (frame.firstPair..<pairs.count - 1).map { pairs[$0]..<pairs[$0 + 1] }
    let duplicate: Range<Int>? = bytes.withUnsafeMutableBytes { all in
      let view = UnsafeRawBufferPointer(all)
      ranges.sort { Self.order(view, $0.lowerBound, $1.lowerBound) < 0 }
      for (range, next) in zip(ranges, ranges.dropFirst())
      where Self.order(view, range.lowerBound, next.lowerBound) == 0 { return next }
      let content = UnsafeMutableRawBufferPointer(rebasing: all[(frame.start + 1)...])
      withUnsafeTemporaryAllocation(byteCount: content.count, alignment: 1) { scratch in
        var filled = 0
        for range in ranges {
          UnsafeMutableRawBufferPointer(rebasing: scratch[filled...]).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: view[range]))
          filled += range.count
        }
        content.copyMemory(from: UnsafeRawBufferPointer(scratch))
      }
      return nil
    }
    if let duplicate {
      let name = bytes.withUnsafeBytes { String(decoding: Self.key($0, duplicate.lowerBound), as: UTF8.self) }
      throw CodingFailure(.duplicateKey(name), path: topPath)
    }
  }

  /// How the keys that are encoded at two offsets sort.
  private static func order(_ bytes: UnsafeRawBufferPointer, _ first: Int, _ second: Int) -> Int {
    CBORView.order(key(bytes, first), key(bytes, second))
  }

  private static func key(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UnsafeRawBufferPointer {
    let view = CBORView(bytes: bytes)
    guard let head = view.head(at: offset) else { return view.slice(at: 0, count: 0) }
    return view.slice(at: head.next, count: head.count)
  }
}
