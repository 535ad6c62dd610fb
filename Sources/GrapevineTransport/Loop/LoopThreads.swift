// Threads without a library's help.

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

/// A number that no other running thread has; never 0.
func currentThread() -> UInt {
  #if canImport(Glibc)
    return pthread_self()
  #else
    return UInt(bitPattern: pthread_self())
  #endif
}

/// What a new thread is given.
private final class ThreadStart {
  let name: String
  let body: @Sendable () -> Void

  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }

  func run() {
    #if os(Linux)
      gv_thread_name(String(decoding: name.utf8.prefix(15), as: UTF8.self))
    #else
      pthread_setname_np(name)
    #endif
    body()
  }
}

/// Starts a detached thread that runs `body` and ends; returns 0 or the error number, and then `body` never
/// runs.
///
/// - Parameter stackBytes: Raised to the system's least stack and to whole pages.
package func startThread(name: String, stackBytes: Int, _ body: @escaping @Sendable () -> Void) -> Int32 {
  var attributes = pthread_attr_t()
  let error = pthread_attr_init(&attributes)
  guard error == 0 else { return error }
  defer { pthread_attr_destroy(&attributes) }
  pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
  // 64 KiB: above the least stack of every system, and a whole number of pages of every size.
  let unit = 64 << 10
  let stack = (min(max(stackBytes, unit), 1 << 30) + unit - 1) / unit * unit
  pthread_attr_setstacksize(&attributes, stack)
  let start = Unmanaged.passRetained(ThreadStart(name: name, body: body))
  #if canImport(Darwin)
    var thread: pthread_t?
    let result = pthread_create(&thread, &attributes, { run(UnsafeMutableRawPointer($0)) }, start.toOpaque())
  #else
    var thread = pthread_t()
    let result = pthread_create(&thread, &attributes, { run($0) }, start.toOpaque())
  #endif
  if result != 0 { start.release() }
  return result
}

private func run(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument else { return nil }
  Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue().run()
  return nil
}
