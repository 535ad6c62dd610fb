// A file that appears whole or not at all, and says before the work whether it can.

import GrapevineConsole

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Why a report cannot be written.
struct ReportFileError: Error, Equatable {
  /// The file and the reason.
  var text: String
}

/// A file that is written beside its place and then moved there.
struct ReportFile: Sendable {
  private let path: String
  private let temporary: String

  /// Makes sure that the file can be written, by creating its temporary neighbour.
  ///
  /// - Throws: `ReportFileError` when it cannot, and when the place is taken by what is no regular file, which
  ///   moving a file there would replace.
  init(_ path: String) throws(ReportFileError) {
    self.path = path
    temporary = "\(path).\(getpid()).tmp"
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
      throw ReportFileError(text: "--report is \(quoted(path)), which is no regular file")
    }
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw Self.failure(path) }
    close(descriptor)
  }

  /// Writes the file and moves it to its place; on failure nothing is left behind.
  ///
  /// - Throws: `ReportFileError` with the system's reason.
  func finish(_ text: String) throws(ReportFileError) {
    let descriptor = open(temporary, O_WRONLY | O_TRUNC | O_CLOEXEC)
    guard descriptor >= 0 else { throw Self.failure(path) }
    let isWritten = Standard.write(Array(text.utf8), to: descriptor) && fsync(descriptor) == 0
    let reason = errno
    guard close(descriptor) == 0, isWritten, rename(temporary, path) == 0 else {
      let error = isWritten ? Self.failure(path) : Self.failure(path, reason)
      remove()
      throw error
    }
  }

  /// Removes the temporary neighbour.
  func remove() { unlink(temporary) }

  private static func failure(_ path: String, _ reason: Int32 = errno) -> ReportFileError {
    ReportFileError(
      text: "the report \(quoted(path)) cannot be written: \(String(cString: strerror(reason)))")
  }
}
