// Where the running program is, for what lies beside it.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// This program's own file.
package enum Executable {
  /// Its path; nil when the system does not tell.
  package static var path: String? {
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
