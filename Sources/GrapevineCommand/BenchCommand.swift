// `grapevine bench`: the benchmarks are a program of their own, beside this one.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Becomes `grapevine-bench`, which was built into the same directory.
enum BenchCommand {
  /// Returns only when the benchmarks cannot be started.
  static func main(_ arguments: [String]) -> Int32 {
    guard let own = Executable.path, let slash = own.lastIndex(of: "/") else {
      Standard.error(
        "grapevine bench: the directory of this program cannot be found; run grapevine-bench itself\n")
      return ExitCode.failure
    }
    let program = own[..<slash] + "/grapevine-bench"
    var list: [UnsafeMutablePointer<CChar>?] = ([String(program)] + arguments).map { strdup($0) }
    list.append(nil)
    // Only a missing program comes back from this.
    signal(SIGPIPE, SIG_DFL)
    execv(String(program), list)
    let reason = errno
    for case let text? in list { free(text) }
    let isMissing = reason == ENOENT
    Standard.error(
      isMissing
        ? "grapevine bench: \(program) is missing; build it with 'swift build -c release' or run 'make bench'\n"
        : "grapevine bench: \(program) cannot be run: \(String(cString: strerror(reason)))\n")
    return ExitCode.failure
  }
}

/// This program's own file.
enum Executable {
  /// Its path; nil when the system does not tell.
  static var path: String? {
    var buffer = [UInt8](repeating: 0, count: 4_096)
    #if os(Linux)
      let length = buffer.withUnsafeMutableBytes { bytes -> Int in
        guard let start = bytes.baseAddress else { return 0 }
        return readlink("/proc/self/exe", start.assumingMemoryBound(to: CChar.self), bytes.count)
      }
      guard length > 0, length < buffer.count else { return nil }
      let path = String(decoding: buffer[..<length], as: UTF8.self)
      // A program that was replaced since it started can still be run through its link.
      return access(path, X_OK) == 0 ? path : "/proc/self/exe"
    #else
      var size = UInt32(buffer.count)
      let result = buffer.withUnsafeMutableBytes {
        _NSGetExecutablePath($0.baseAddress?.assumingMemoryBound(to: CChar.self), &size)
      }
      guard result == 0 else { return nil }
      return String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self)
    #endif
  }
}
