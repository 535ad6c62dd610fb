// A descriptor that is readable while something waits, for queues that have none of their own.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif
#if os(Linux)
  import CLinux
#endif

/// A flag that an event loop can watch: an eventfd on Linux, a pipe elsewhere. Its holder guards it with a
/// lock.
struct Readiness: ~Copyable, @unchecked Sendable {
  /// Readable while the flag is set.
  let descriptor: Int32
  private let writer: Int32
  private var isSet = false

  init() throws(TransportError) {
    #if os(Linux)
      descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
      writer = descriptor
      guard descriptor >= 0 else { throw .system(call: "eventfd", error: errno) }
    #else
      var ends: [Int32] = [-1, -1]
      let result = pipe(&ends)
      descriptor = ends[0]
      writer = ends[1]
      guard result == 0 else { throw .system(call: "pipe", error: errno) }
      guard SystemCalls.prepare(descriptor), SystemCalls.prepare(writer) else {
        throw .system(call: "fcntl", error: errno)
      }
    #endif
  }

  deinit {
    if writer != descriptor, writer >= 0 { close(writer) }
    if descriptor >= 0 { close(descriptor) }
  }

  /// Sets or clears the flag; only a change costs a system call.
  mutating func set(_ wanted: Bool) {
    guard wanted != isSet else { return }
    isSet = wanted
    var word: UInt64 = 1
    if wanted {
      write(writer, &word, MemoryLayout<UInt64>.size)
    } else {
      read(descriptor, &word, MemoryLayout<UInt64>.size)
    }
  }
}
