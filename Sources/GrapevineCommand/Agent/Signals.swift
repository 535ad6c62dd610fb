// SIGINT and SIGTERM without handlers: blocked in every thread, then waited for or asked after.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The signals that ask a program to end.
enum Signals {
  /// Blocks both in this thread and in those it starts from now on; call it before starting any.
  static func block() {
    var set = requests()
    pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  /// Waits for the next of them and returns its number.
  static func wait() -> Int32 {
    var set = requests()
    var number: Int32 = 0
    while sigwait(&set, &number) != 0 {}
    return number
  }

  /// The one that has arrived and was not waited for; nil when none has.
  static func pending() -> Int32? {
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
