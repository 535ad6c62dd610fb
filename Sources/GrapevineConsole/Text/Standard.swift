// Standard output and standard error, without a library's buffer in between.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Writing to the standard descriptors, all of it, at once.
package enum Standard {
  /// Writes bytes; returns false when the reader is gone.
  package static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    bytes.withUnsafeBytes { buffer in
      var rest = buffer[...]
      while !rest.isEmpty {
        let slice = UnsafeRawBufferPointer(rebasing: rest)
        #if canImport(Glibc)
          let count = Glibc.write(descriptor, slice.baseAddress, slice.count)
        #elseif canImport(Musl)
          let count = Musl.write(descriptor, slice.baseAddress, slice.count)
        #else
          let count = Darwin.write(descriptor, slice.baseAddress, slice.count)
        #endif
        if count > 0 {
          rest = rest.dropFirst(count)
        } else if errno == EAGAIN {
          // Somebody who shares the descriptor made it non-blocking.
          var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          poll(&wait, 1, 1_000)
        } else if errno != EINTR {
          return false
        }
      }
      return true
    }
  }

  /// Writes text to standard output; returns the exit code that fits.
  @discardableResult
  package static func output(_ text: String) -> Int32 {
    write(Array(text.utf8), to: 1) ? ExitCode.success : ExitCode.failure
  }

  /// Writes text to standard error.
  package static func error(_ text: String) {
    _ = write(Array(text.utf8), to: 2)
  }

  /// Shows a line in place on a terminal; nil removes it.
  package static func showProgress(_ text: String?) {
    error("\r\u{1b}[K" + (text ?? ""))
  }

  /// Whether standard error is a terminal, so that progress can be shown in place.
  package static var hasTerminal: Bool { isatty(2) == 1 }
}
