// The time of day for people.

import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension WallClock {
  /// The time of day, here: hours, minutes and seconds.
  package static func text() -> String {
    var (seconds, parts) = (time(nil), tm())
    localtime_r(&seconds, &parts)
    return [parts.tm_hour, parts.tm_min, parts.tm_sec].map { $0 < 10 ? "0\($0)" : "\($0)" }
      .joined(separator: ":")
  }
}
