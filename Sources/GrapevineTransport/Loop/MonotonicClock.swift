// The clock that drivers read, so that the core never has to.

import GrapevineCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The system's monotonic clock: it never goes back and does not follow corrections of the wall clock.
public enum MonotonicClock {
  /// The time since an origin that stays the same while the machine runs, usually its start.
  public static func now() -> Instant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(nanoseconds: UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec))
  }
}
