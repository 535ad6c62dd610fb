// System calls on files, and what they say when they fail.

import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A system call on a file that failed.
struct FileFault: Error, Equatable, CustomStringConvertible {
  let call: String
  /// The system's error number.
  let error: Int32

  var description: String { "\(call) failed: \(SystemCalls.text(ofError: error)) (error \(error))" }
}

/// A file that is open, and closed when dropped.
struct Descriptor: ~Copyable, Sendable {
  let raw: Int32

  deinit { close(raw) }

  /// Closes the file.
  ///
  /// - Returns: 0, or the number of an error that it had kept until now.
  consuming func finish() -> Int32 {
    let raw = raw
    discard self
    return close(raw) == 0 ? 0 : errno
  }
}

/// Repeats a call for as long as signals interrupt it.
///
/// - Returns: What it returned, and the error number when that is negative.
func uninterrupted<Result: SignedInteger>(_ call: () -> Result) -> (result: Result, error: Int32) {
  while true {
    let result = call()
    guard result < 0 else { return (result, 0) }
    let error = errno
    if error != EINTR { return (result, error) }
  }
}
