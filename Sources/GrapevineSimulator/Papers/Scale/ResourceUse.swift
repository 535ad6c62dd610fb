// What a run costs the machine: for tables about the simulator itself, never for what it simulates.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Readings of the machine.
enum ResourceUse {
  /// Seconds of processor time that this thread has had.
  static var processorSeconds: Double {
    var time = timespec()
    guard clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0 else { return 0 }
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// Bytes that the process has resident; nil where the system does not say.
  static var residentBytes: Double? {
    #if os(Linux)
      guard let file = fopen("/proc/self/statm", "r") else { return nil }
      defer { fclose(file) }
      var line = [CChar](repeating: 0, count: 128)
      guard fgets(&line, Int32(line.count), file) != nil else { return nil }
      // The second number of the line, in pages.
      var digits = 0
      var fields = 0
      for byte in line.map({ UInt8(bitPattern: $0) }) {
        if byte == UInt8(ascii: " ") {
          fields += 1
        } else if fields == 1, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
          digits = digits &* 10 &+ Int(byte - UInt8(ascii: "0"))
        }
      }
      return Double(digits) * Double(sysconf(Int32(_SC_PAGESIZE)))
    #else
      return nil
    #endif
  }

  /// The most memory that the process has had resident so far, in bytes.
  static var peakResidentBytes: Double {
    var use = rusage()
    #if canImport(Glibc)
      guard getrusage(__rusage_who_t(0), &use) == 0 else { return 0 }
    #else
      guard getrusage(RUSAGE_SELF, &use) == 0 else { return 0 }
    #endif
    #if canImport(Darwin)
      return Double(use.ru_maxrss)
    #else
      return Double(use.ru_maxrss) * 1_024
    #endif
  }
}
