// What can be wrong with the directory that a node keeps its members in, said so that the reader knows what to do.

import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Why a node cannot keep its members in the directory it was given.
public enum SnapshotError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The directory does not exist and cannot be created; its parent must exist.
  case notCreated(directory: String, error: Int32)
  /// There is something of this name that is not a directory.
  case notADirectory(String)
  /// Another node, perhaps of another program, keeps its members there.
  case inUse(directory: String)
  /// Files cannot be created, written, read or renamed there.
  case unusable(directory: String, call: String, error: Int32)

  /// One sentence that says what was got and the way out.
  public var description: String {
    switch self {
    case .notCreated(let directory, let error):
      "the data directory \(directory) cannot be created: \(Self.text(error)); "
        + (error == ENOENT ? "create its parent directory first, or name another" : Self.advice(error))
    case .notADirectory(let path):
      "\(path) is not a directory: name another one to keep members in"
    case .inUse(let directory):
      "the data directory \(directory) is in use by another node: stop that one, or give each node a directory of "
        + "its own"
    case .unusable(let directory, let call, let error):
      "the data directory \(directory) cannot be used: \(call) failed: \(Self.text(error)); \(Self.advice(error))"
    }
  }

  private static func text(_ error: Int32) -> String {
    "\(SystemCalls.text(ofError: error)) (error \(error))"
  }

  private static func advice(_ error: Int32) -> String {
    switch error {
    case EACCES, EPERM, EROFS: "let the program write there, or name another directory"
    case ENOSPC, EDQUOT, EFBIG: "make room there, or name another directory"
    case EMFILE, ENFILE: "allow more open files"
    default: "name another directory"
    }
  }
}
