// What a benchmark needs of the system: clocks, memory, other processes.

import GrapevineCore
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A failure that makes a benchmark impossible.
struct BenchmarkError: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

enum System {
  /// Prints a line at once, also into a pipe.
  static func print(_ line: String) { write(line, to: 1) }

  /// Prints a line on standard error.
  static func complain(_ line: String) { write(line, to: 2) }

  private static func write(_ line: String, to descriptor: Int32) {
    Array((line + "\n").utf8).withUnsafeBytes { bytes in
      var offset = 0
      while offset < bytes.count {
        let written = Glibc.write(descriptor, bytes.baseAddress.map { $0 + offset }, bytes.count - offset)
        guard written > 0 else { return }
        offset += written
      }
    }
  }

  /// User and system time of this process, in nanoseconds.
  static var cpuNanoseconds: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Waits.
  static func sleep(nanoseconds: UInt64) {
    var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    nanosleep(&time, nil)
  }

  /// The whole of a small file, also one of /proc.
  static func contents(of path: String) -> String? {
    let descriptor = open(path, O_RDONLY)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      guard count > 0 else { break }
      bytes.append(contentsOf: chunk[0..<count])
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Resident memory of a process in KiB, without what it shares with files.
  static func residentKiB(of process: pid_t) -> (all: Double, anonymous: Double)? {
    guard let status = contents(of: "/proc/\(process)/status") else { return nil }
    func field(_ name: String) -> Double? {
      guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(name + ":") }) else {
        return nil
      }
      return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap {
        Double(String($0))
      }
    }
    guard let all = field("VmRSS"), let anonymous = field("RssAnon") else { return nil }
    return (all, anonymous)
  }

  static func sizeOfFile(_ path: String) -> Double? {
    var info = stat()
    return stat(path, &info) == 0 ? Double(info.st_size) : nil
  }

  /// The folder of this executable, with a slash at the end.
  static var executableFolder: String {
    let path = executable
    return path.lastIndex(of: "/").map { String(path[...$0]) } ?? "./"
  }

  /// The path of this executable.
  static var executable: String {
    var buffer = [UInt8](repeating: 0, count: 4_096)
    let count = buffer.withUnsafeMutableBytes { bytes -> Int in
      guard let base = bytes.baseAddress else { return 0 }
      return readlink("/proc/self/exe", base.assumingMemoryBound(to: CChar.self), bytes.count)
    }
    guard count > 0 else { return CommandLine.arguments.first ?? "grapevine-bench" }
    return String(decoding: buffer[0..<count], as: UTF8.self)
  }

  /// The plain C programs, built by `make -C Benchmarks/floor`.
  static var floorFolder: String? {
    for folder in [
      "out/floor/", executableFolder + "../../out/floor/", executableFolder + "../../../out/floor/",
    ]
    where access(folder + "flood", X_OK) == 0 {
      return folder
    }
    return nil
  }
}
