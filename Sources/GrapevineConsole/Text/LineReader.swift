// Lines of any length from a descriptor, in bounded memory.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Splits what a descriptor yields into lines; blocks while there is none.
package struct LineReader {
  package enum Line: Equatable {
    /// A line without its line break.
    case text([UInt8])
    /// A line that was longer than the limit, and its length; it is skipped.
    case tooLong(Int)
    /// Nothing follows.
    case end
  }

  private let descriptor: Int32
  private let limit: Int
  private var buffer: [UInt8]
  private var position = 0
  private var filled = 0
  private var hasEnded = false

  /// Creates a reader.
  ///
  /// - Parameters:
  ///   - limit: The longest line in bytes.
  ///   - bufferBytes: What is read at once. Chosen here: 16 KiB, a few hundred short lines.
  package init(descriptor: Int32, limit: Int, bufferBytes: Int = 16 << 10) {
    self.descriptor = descriptor
    self.limit = limit
    buffer = [UInt8](repeating: 0, count: bufferBytes)
  }

  /// Returns the next line; a last one without a line break counts too.
  package mutating func next() -> Line {
    var line: [UInt8] = []
    var length = 0
    while true {
      if position == filled, !fill() {
        guard length > 0 else { return .end }
        return length > limit ? .tooLong(length) : .text(line)
      }
      let rest = buffer[position..<filled]
      let stop = rest.firstIndex(of: UInt8(ascii: "\n"))
      let part = rest[..<(stop ?? filled)]
      length += part.count
      if length <= limit { line += part }
      position = stop.map { $0 + 1 } ?? filled
      if stop != nil { return length > limit ? .tooLong(length) : .text(line) }
    }
  }

  /// Reads once; returns false at the end.
  private mutating func fill() -> Bool {
    position = 0
    filled = 0
    while !hasEnded {
      let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        filled = count
        return true
      }
      if count < 0, errno == EINTR { continue }
      if count < 0, errno == EAGAIN {
        var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        poll(&wait, 1, -1)
        continue
      }
      hasEnded = true
    }
    return false
  }
}
