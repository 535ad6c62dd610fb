// Small files, read whole.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file that cannot be read, and why in words.
package struct FileFailure: Error, Equatable {
  package var reason: String

  package init(reason: String) { self.reason = reason }
}

/// Reads a file of at most `limit` bytes; of a longer one, the first `limit` bytes and one more.
package func readFile(_ path: String, limit: Int) throws(FileFailure) -> [UInt8] {
  guard !path.utf8.contains(0) else { throw FileFailure(reason: "which is no name of a file") }
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw FileFailure(reason: reason(errno)) }
  defer { close(descriptor) }
  return try readAll(descriptor, limit: limit)
}

/// Reads a descriptor to its end: at most `limit` bytes; of more, the first `limit` bytes and one.
package func readAll(_ descriptor: Int32, limit: Int) throws(FileFailure) -> [UInt8] {
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 16 << 10)
  while bytes.count <= limit {
    let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
    if count < 0, errno == EINTR { continue }
    if count < 0, errno == EAGAIN {
      // Somebody who shares the descriptor made it non-blocking.
      var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      poll(&wait, 1, -1)
      continue
    }
    guard count >= 0 else { throw FileFailure(reason: reason(errno)) }
    guard count > 0 else { return bytes }
    bytes += buffer[..<min(count, limit + 1 - bytes.count)]
  }
  return bytes
}

/// What a file named in another one is called from here: beside the other, unless its name begins at the root.
package func path(of name: String, besides other: String) -> String {
  guard !name.hasPrefix("/"), let slash = other.lastIndex(of: "/") else { return name }
  return other[...slash] + name
}

private func reason(_ code: Int32) -> String {
  switch code {
  case ENOENT: "which does not exist"
  case EISDIR: "which is a directory"
  case EACCES, EPERM: "which may not be read"
  default: "which cannot be read: \(String(cString: strerror(code)))"
  }
}
