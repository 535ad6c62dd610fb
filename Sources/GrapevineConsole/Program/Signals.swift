// SIGINT and SIGTERM without handlers: blocked in every thread, then waited for or asked after.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The signals that ask a program to end.
package enum Signals {
  /// Blocks both in this thread and in those it starts from now on; call it before starting any.
  package static func block() {
    var set = requests()
    pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  /// Waits for the next of them and returns its number.
  package static func wait() -> Int32 {
    var set = requests()
    var number: Int32 = 0
    while sigwait(&set, &number) != 0 {}
    return number
  }

  /// Waits for the next of them for a limited time; nil when none came. Without a limit where the system has none.
  package static func wait(limit: Duration) -> Int32? {
    #if os(Linux)
      var set = requests()
      var time = timespec(tv_sec: Int(limit.components.seconds), tv_nsec: 0)
      while true {
        let number = sigtimedwait(&set, nil, &time)
        if number > 0 { return number }
        if errno != EINTR { return nil }
      }
    #else
      return wait()
    #endif
  }

  /// The one that has arrived and was not waited for; nil when none has.
  package static func pending() -> Int32? {
    var set = sigset_t()
    guard sigpending(&set) == 0 else { return nil }
    return [SIGINT, SIGTERM].first { sigismember(&set, $0) == 1 }
  }

  private static func requests() -> sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGINT)
    sigaddset(&set, SIGTERM)
    return set
  }
}
