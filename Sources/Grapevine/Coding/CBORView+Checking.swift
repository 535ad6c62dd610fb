// Checking a whole document before a type sees any of it.
//
// One pass over the heads, without recursion: a stack of at most `depthMax` counters holds how many items
// each open array or map still lacks. After it, every length is known to be within the bytes, every text to
// be UTF-8 and the nesting to be bounded, whatever the type then asks for.

extension CBORView {
  /// The first thing wrong with these bytes as one document; nil when they are well-formed.
  func findFault() -> CodingFailure? {
    guard bytes.count <= BinaryCoding.documentBytesMax else {
      return CodingFailure(.tooLarge(bytes: bytes.count, limit: BinaryCoding.documentBytesMax))
    }
    var missing = InlineArray<64, Int>(repeating: 0)
    var depth = 0
    var offset = 0
    while true {
      guard let head = head(at: offset) else { return fault(at: offset) }
      let start = offset
      offset = head.next
      var opened: Int?
      switch head.major {
      case .unsigned, .negative, .simple: break
      case .bytes: offset += head.count
      case .text:
        guard isText(at: offset, count: head.count) else { return CodingFailure(.invalidText, offset: start) }
        offset += head.count
      case .array: opened = head.count
      case .map: opened = 2 * head.count
      case .tag: continue  // The item it tags stands for both.
      }
      if let opened {
        guard depth < missing.count else {
          return CodingFailure(.tooDeep(limit: BinaryCoding.depthMax), offset: start)
        }
        missing[depth] = opened
        depth += 1
      } else if depth > 0 {
        missing[depth - 1] -= 1
      }
      // A container that lacks nothing more is itself one item of the container around it.
      while depth > 0, missing[depth - 1] == 0 {
        depth -= 1
        if depth > 0 { missing[depth - 1] -= 1 }
      }
      if depth == 0 { break }
    }
    guard offset == bytes.count else {
      return CodingFailure(.trailingBytes(count: bytes.count - offset), offset: offset)
    }
    return nil
  }

  /// Why `head(at: offset)` is nil.
  func fault(at offset: Int) -> CodingFailure {
    guard offset >= 0, offset < bytes.count else {
      return CodingFailure(.truncated(needed: 1, available: 0), offset: offset)
    }
    let initial = bytes[offset]
    let (major, info, left) = (initial >> 5, initial & 31, bytes.count - offset - 1)
    guard info < 24 || left >= 1 << Int(min(info, 27) - 24) || info > 27 else {
      return CodingFailure(.truncated(needed: 1 << UInt64(info - 24), available: left), offset: offset)
    }
    if info == 31, (2...5).contains(major) { return CodingFailure(.indefiniteLength, offset: offset) }
    guard info < 28, major != CBORMajor.simple.rawValue else {
      return CodingFailure(.reserved(initialByte: initial), offset: offset)
    }
    let width = info < 24 ? 0 : 1 << Int(info - 24)
    var argument = info < 24 ? UInt64(info) : 0
    for index in 0..<width { argument = argument << 8 | UInt64(bytes[offset + 1 + index]) }
    let needed =
      switch major {
      case CBORMajor.map.rawValue: argument > UInt64.max / 2 ? UInt64.max : 2 * argument
      case CBORMajor.tag.rawValue: UInt64(1)
      default: argument
      }
    return CodingFailure(.truncated(needed: needed, available: left - width), offset: offset)
  }

  private func isText(at offset: Int, count: Int) -> Bool {
    let content = slice(at: offset, count: count)
    return content.withMemoryRebound(to: UInt8.self) { buffer in
      (try? UTF8Span(validating: buffer.span)) != nil
    }
  }
}
