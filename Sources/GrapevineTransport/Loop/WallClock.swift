// The time of day, by which tuples are dated and expire on all members alike.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The system's time of day: it follows corrections, and may go back.
public enum WallClock {
  /// Milliseconds since 1970 (UTC); 0 for a clock that is set to a time before.
  public static func milliseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    guard time.tv_sec >= 0 else { return 0 }
    return UInt64(time.tv_sec) &* 1_000 &+ UInt64(time.tv_nsec) / 1_000_000
  }
}
