// Why a node could not do what it was asked.

/// Why a call of a node failed; beside what ZeroMQ, the engine and ZPL say.
public enum ZGossipNodeError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The node was closed.
  case closed
  /// A key or value has a zero byte, which other systems take for its end; or a key is longer than 255 bytes.
  case keyInvalid
  /// A value is longer than `limit` bytes, or has a zero byte.
  case valueInvalid(limit: Int)
  /// CURVE does not go over this transport.
  case curveOverInproc
  /// A file could not be read or written: its name and the error number.
  case file(String, error: Int32)
  /// What is there is a device, a pipe or a directory, and no file.
  case fileIrregular(String)
  /// A file is longer than `limit` bytes.
  case fileTooLong(String, limit: Int)
  /// A certificate lacks a key or has a wrong one.
  case certificate(String)
  /// A setting asks for what cannot be had: its line, and why.
  case setting(line: Int, String)

  /// One sentence that says what was got, and the way out.
  public var description: String {
    switch self {
    case .closed: "the node is closed: make another one"
    case .keyInvalid: "a key has 0 to 255 bytes, none of them zero"
    case .valueInvalid(let limit): "a value has up to \(limit) bytes, none of them zero"
    case .curveOverInproc: "CURVE does not go over inproc: leave the security out, or use ipc or tcp"
    case .file(let name, let error): "\(name): \(systemText(ofError: error)) (error \(error))"
    case .fileIrregular(let name): "\(name) is no regular file: name one"
    case .fileTooLong(let name, let limit): "\(name) is longer than \(limit) bytes: this is no such file"
    case .certificate(let text): text
    case .setting(let line, let text): line > 0 ? "line \(line): \(text)" : text
    }
  }
}
