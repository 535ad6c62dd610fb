// The directory that one node keeps its members in: `members`, and `lock`, which keeps other nodes out.

import GrapevineCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What became of the members that a node kept in an earlier run.
public enum SnapshotRecovery: Sendable, Equatable {
  /// There were none: it is the first run, or the node has no data directory.
  case none
  /// They were read.
  case loaded(members: Int)
  /// The file was damaged, for this reason. It is now called `setAside`, in the same directory, and the node began
  /// with no members.
  case damaged(reason: String, setAside: String)
}

/// An open data directory; no other node can open it until this goes.
final class SnapshotDirectory: Sendable {
  static let fileName = "members"
  static let lockName = "lock"
  /// Damaged files that are kept. Chosen here: enough to see whether it happens again and again.
  static let damagedLimit = 10

  let path: String
  private let directory: Descriptor
  private let lock: Descriptor
  private let replacement: FileReplacement

  /// Opens the directory; creates it, for the owner only, where just its last part is missing.
  ///
  /// - Throws: `SnapshotError` when it cannot be used.
  init(_ path: String, create: FileReplacement.Creation? = nil) throws(SnapshotError) {
    self.path = path
    let directory = try Self.open(path)
    let locked = uninterrupted {
      openat(directory.raw, Self.lockName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
    }
    guard locked.error == 0 else {
      throw .unusable(directory: path, call: "open of \(Self.lockName)", error: locked.error)
    }
    let lock = Descriptor(raw: locked.result)
    let error = uninterrupted { flock(lock.raw, LOCK_EX | LOCK_NB) }.error
    guard error == 0 else {
      throw error == EWOULDBLOCK
        ? .inUse(directory: path) : .unusable(directory: path, call: "flock", error: error)
    }
    var replacement = FileReplacement(directory: directory.raw, name: Self.fileName)
    if let create { replacement.create = create }
    do throws(FileFault) {
      try replacement.probe()
    } catch {
      throw .unusable(directory: path, call: error.call, error: error.error)
    }
    self.replacement = replacement
    self.directory = directory
    self.lock = lock
  }

  // Closing would not do: a process that another thread is starting right now holds the file until it runs.
  deinit { flock(lock.raw, LOCK_UN) }

  private static func open(_ path: String) throws(SnapshotError) -> Descriptor {
    if mkdir(path, 0o700) != 0, errno != EEXIST {
      let error = errno
      // Where nothing can be created there may be a directory all the same.
      guard access(path, F_OK) == 0 else {
        throw error == ENOTDIR ? .notADirectory(path) : .notCreated(directory: path, error: error)
      }
    }
    #if canImport(Glibc)
      let opened = uninterrupted { Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    #elseif canImport(Musl)
      let opened = uninterrupted { Musl.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    #else
      let opened = uninterrupted { Darwin.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    #endif
    guard opened.error == 0 else {
      throw opened.error == ENOTDIR
        ? .notADirectory(path) : .unusable(directory: path, call: "open", error: opened.error)
    }
    return Descriptor(raw: opened.result)
  }

  /// Replaces the members.
  func write(_ stored: StoredSnapshot) throws(FileFault) {
    try replacement.replace(with: SnapshotFormat.encode(stored))
  }

  /// Reads the members of an earlier run; a damaged file is renamed, so that somebody can look at it.
  ///
  /// - Throws: `SnapshotError` when the file cannot be opened, or is damaged and cannot be renamed.
  func load() throws(SnapshotError) -> (stored: StoredSnapshot?, recovery: SnapshotRecovery) {
    let reason: String
    switch try read() {
    case .absent: return (nil, .none)
    case .unreadable(let why): reason = why
    case .bytes(let bytes):
      do throws(SnapshotDamage) {
        let stored = try SnapshotFormat.decode(bytes)
        return (stored, .loaded(members: stored.snapshot.members.count))
      } catch {
        reason = error.reason
      }
    }
    return (nil, .damaged(reason: reason, setAside: try setAside()))
  }

  private enum Content {
    case absent
    case unreadable(String)
    case bytes([UInt8])
  }

  private func read() throws(SnapshotError) -> Content {
    // Without waiting: a pipe of this name would never be opened.
    let opened = uninterrupted {
      openat(directory.raw, Self.fileName, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    }
    switch opened.error {
    case 0: break
    case ENOENT: return .absent
    case ELOOP: return .unreadable("it is a symbolic link")
    case ENXIO: return .unreadable("it is not a file")
    default: throw .unusable(directory: path, call: "open of \(Self.fileName)", error: opened.error)
    }
    let file = Descriptor(raw: opened.result)
    var status = stat()
    guard fstat(file.raw, &status) == 0 else {
      throw .unusable(directory: path, call: "fstat of \(Self.fileName)", error: errno)
    }
    guard status.st_mode & S_IFMT == S_IFREG else { return .unreadable("it is not a file") }
    let limit = SnapshotFormat.byteLimit
    guard status.st_size <= limit else {
      return .unreadable("it has \(status.st_size) bytes; at most \(limit) are read")
    }
    do throws(FileFault) {
      return .bytes(try Self.content(of: file.raw, count: Int(status.st_size)))
    } catch {
      return .unreadable(error.description)
    }
  }

  /// The first `count` bytes of a file; fewer when it is shorter.
  private static func content(of file: Int32, count: Int) throws(FileFault) -> [UInt8] {
    var fault: FileFault?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
      while used < count {
        let rest = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[used...])
        let found = uninterrupted { pread(file, rest.baseAddress, rest.count, off_t(used)) }
        guard found.result > 0 else {
          if found.error != 0 { fault = FileFault(call: "read", error: found.error) }
          return
        }
        used += found.result
      }
    }
    if let fault { throw fault }
    return bytes
  }

  /// Renames the damaged file.
  ///
  /// - Returns: Its new name: the first that is free, or else the last one, whose file is lost.
  private func setAside() throws(SnapshotError) -> String {
    var name = Self.fileName + ".damaged"
    var status = stat()
    for number in 1..<Self.damagedLimit {
      guard fstatat(directory.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { break }
      name = "\(Self.fileName).damaged.\(number)"
    }
    guard renameat(directory.raw, Self.fileName, directory.raw, name) == 0 else {
      throw .unusable(directory: path, call: "rename of the damaged \(Self.fileName)", error: errno)
    }
    return name
  }
}
