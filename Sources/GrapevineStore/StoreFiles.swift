// The files of a store, apart from what is in them.

import Grapevine

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A lock beside the file, held for as long as this lives; another node cannot have it meanwhile.
struct StoreLock: ~Copyable {
  private let descriptor: Int32

  /// Takes the lock.
  ///
  /// - Throws: `TupleStoreError` when another node has it, or its file cannot be created.
  init(for path: String) throws(TupleStoreError) {
    guard !path.isEmpty else { throw TupleStoreError(.other, "the store of tuples has no name: give it one") }
    let descriptor = open(path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
    guard descriptor >= 0 else { throw StoreFiles.error(path, "cannot be locked", errno) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let error = errno
      close(descriptor)
      guard error == EWOULDBLOCK else { throw StoreFiles.error(path, "cannot be locked", error) }
      throw TupleStoreError(
        .inUse,
        "the store \(path) is in use by another node: stop that one, or give each node a file of its own")
    }
    self.descriptor = descriptor
  }

  deinit {
    // Closing would not do: a process that another thread is starting right now holds the file until it runs.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}

/// The files of a store.
enum StoreFiles {
  /// What the files are called that SQLite has beside `NAME`.
  static let companions = ["", "-wal", "-shm", "-journal"]
  /// "GVTP", which tells the file from those of other programs.
  static let applicationID: UInt32 = 0x4756_5450
  /// The version of what is in the file. A program refuses what is newer.
  static let version: UInt32 = 1

  /// Looks at the file before SQLite does, which might change it; creates it for the owner only when it is missing.
  ///
  /// The places are those of the header of every file of SQLite (https://sqlite.org/fileformat2.html, §1.3).
  ///
  /// - Throws: `StoreFault` when it cannot be used, or is not ours.
  static func examine(_ path: String) throws(StoreFault) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o600)
    guard descriptor >= 0 else { throw fault("cannot be opened", errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw fault("cannot be looked at", errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw StoreFault(code: 0, "is not a file: name another one", reason: .other)
    }
    var header = [UInt8](repeating: 0, count: 100)
    // A shorter file has no header, as a new one, or a damaged one, which SQLite finds out.
    guard pread(descriptor, &header, header.count, 0) == header.count,
      header.starts(with: "SQLite format 3\0".utf8)
    else { return }
    try check(version: number(header[60..<64]), applicationID: number(header[68..<72]))
  }

  /// Whether what such a file says of itself is what we write, or what a file says that has just been created.
  static func check(version: UInt32, applicationID: UInt32) throws(StoreFault) {
    guard applicationID == self.applicationID || applicationID == 0 && version == 0 else {
      throw StoreFault(
        code: 0, "belongs to another program: name another file, which will be created", reason: .foreign)
    }
    guard version <= self.version else {
      throw StoreFault(
        code: 0,
        "was written by a newer version of this program (its format is \(version), this program knows "
          + "\(self.version)): use that version, or name another file; nothing was changed",
        reason: .newerVersion)
    }
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// Renames a damaged file and what belongs to it.
  ///
  /// - Returns: Its new name, without the directory.
  static func setAside(_ path: String) throws(TupleStoreError) -> String {
    var status = stat()
    let stem = "\(path).damaged-\(timestamp())"
    var target = stem
    // Several in one second only when something else is wrong; the last takes the place of the one before.
    for number in 1..<100 where lstat(target, &status) == 0 { target = "\(stem).\(number)" }
    for companion in companions {
      guard rename(path + companion, target + companion) != 0, errno != ENOENT else { continue }
      throw error(path, "is damaged and cannot be renamed", errno)
    }
    return String(target.split(separator: "/").last ?? "")
  }

  /// The time of day as `20261122T010203Z`.
  private static func timestamp() -> String {
    var now = time(nil)
    var parts = tm()
    gmtime_r(&now, &parts)
    func digits(_ number: Int32, _ count: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, count - text.count)) + text
    }
    return digits(parts.tm_year + 1_900, 4) + digits(parts.tm_mon + 1, 2) + digits(parts.tm_mday, 2) + "T"
      + digits(parts.tm_hour, 2) + digits(parts.tm_min, 2) + digits(parts.tm_sec, 2) + "Z"
  }

  /// A system call that failed, and the way out.
  static func error(_ path: String, _ what: String, _ error: Int32) -> TupleStoreError {
    let fault = fault(what, error)
    return TupleStoreError(fault.reason ?? .other, "the store \(path) \(fault.text)")
  }

  private static func fault(_ what: String, _ error: Int32) -> StoreFault {
    let (reason, advice): (TupleStoreError.Reason, String) =
      switch error {
      case EACCES, EPERM, EROFS: (.notPermitted, "let the program write there, or name another file")
      case ENOSPC, EDQUOT, EFBIG: (.full, "make room on its disk, or name another file")
      case ENOENT, ENOTDIR: (.other, "create its directory first, or name another file")
      case EISDIR: (.other, "that is a directory: name a file in it")
      case ELOOP: (.other, "that is a symbolic link: name the file itself")
      case EMFILE, ENFILE: (.other, "allow more open files")
      default: (.other, "name another file")
      }
    return StoreFault(
      code: 0, "\(what): \(String(cString: strerror(error))) (error \(error)); \(advice)", reason: reason)
  }
}
