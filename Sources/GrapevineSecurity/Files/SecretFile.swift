// Files that hold secrets: who may own them, who may read them, and how they are replaced.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file of secrets by its name.
struct SecretFile {
  let path: String

  /// Reads the whole file, after a look at what was opened: a file itself and no link, of the user that runs the
  /// program, which nobody else may touch.
  func read() throws(SecurityError) -> SecretText {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { throw fault("cannot be opened", errno) }
    defer { close(descriptor) }
    try examine(descriptor)
    var text = try SecretText()
    while text.room.count > 0 {
      let count = systemRead(descriptor, text.room)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw fault("cannot be read", errno) }
      if count == 0 { return text }
      text.extend(by: count)
    }
    throw SecurityError(
      .fileContent, "\(path) has \(SecretText.limit) bytes or more: it cannot be a file of keys")
  }

  private func examine(_ descriptor: Int32) throws(SecurityError) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw fault("cannot be looked at", errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw SecurityError(.fileNotPrivate, "\(path) is not a file: name one")
    }
    guard status.st_uid == geteuid() else {
      throw SecurityError(
        .fileNotPrivate,
        "\(path) belongs to user \(status.st_uid) and the program runs as \(geteuid()): "
          + "run 'chown \(geteuid()) \(path)', or run it as that user")
    }
    // 0600 or less: nothing for the group and others, and nothing to execute.
    let mode = status.st_mode & 0o7777
    guard mode & ~0o600 == 0 else {
      throw SecurityError(
        .fileNotPrivate,
        "\(path) has mode \(octal(UInt32(mode))), so that others may use its secrets: run 'chmod 600 \(path)', "
          + "and change what is in it if others can have read it")
    }
  }

  private func octal(_ mode: UInt32) -> String {
    let digits = String(mode, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }

  /// Puts text in place of the file, which is never there by halves and never readable to others.
  ///
  /// The new file is written as `NAME.new` beside it, is safe on the disk, and takes the name in one step.
  ///
  /// - Parameter replacing: Whether there may be a file of that name.
  func write(_ text: borrowing SecretText, replacing: Bool) throws(SecurityError) {
    try examineTarget()
    let new = path + ".new"
    // What a program that was stopped has left behind.
    if unlink(new) != 0, errno != ENOENT { throw fault("cannot be replaced", errno) }
    let descriptor = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw fault("cannot be written", errno) }
    var error: Int32 = 0
    var written = 0
    while written < text.count, error == 0 {
      let count = systemWrite(descriptor, UnsafeRawBufferPointer(rebasing: text.written[written...]))
      if count >= 0 { written += count } else if errno != EINTR { error = errno }
    }
    if error == 0, fsync(descriptor) != 0 { error = errno }
    if close(descriptor) != 0, error == 0 { error = errno }
    if error == 0, (replacing ? rename(new, path) : link(new, path)) != 0 { error = errno }
    if !replacing || error != 0 { unlink(new) }
    guard error == 0 else {
      throw fault("cannot be written", error)
    }
    syncDirectory()
  }

  /// What is there already must be a file: a link would be replaced, and not what it points to.
  private func examineTarget() throws(SecurityError) {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      guard errno == ENOENT else { throw fault("cannot be written", errno) }
      return
    }
    if status.st_mode & S_IFMT == S_IFLNK { throw fault("cannot be written", ELOOP) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw SecurityError(.fileNotPrivate, "\(path) is not a file: name one")
    }
  }

  /// Makes the new name last over a power failure. Where a directory cannot be synced, the file is there all the same.
  private func syncDirectory() {
    let parent = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let descriptor = open(parent, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }

  private func fault(_ what: String, _ error: Int32) -> SecurityError {
    let (reason, advice): (SecurityError.Reason, String) =
      switch error {
      case ENOENT: (.fileMissing, "create it, or name another file")
      case ELOOP: (.fileNotPrivate, "that is a symbolic link: name the file itself")
      case EEXIST: (.fileSystem, "it may hold keys that are in use, so name another file")
      case EACCES, EPERM, EROFS: (.fileSystem, "let the user that runs the program read and write it")
      case ENOSPC, EDQUOT: (.fileSystem, "make room on its disk")
      case EISDIR, ENOTDIR: (.fileSystem, "name a file in a directory that exists")
      default: (.fileSystem, "name another file")
      }
    return SecurityError(reason, "\(path) \(what): \(String(cString: strerror(error))); \(advice)")
  }
}

private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutableRawBufferPointer) -> Int {
  read(descriptor, bytes.baseAddress, bytes.count)
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
  write(descriptor, bytes.baseAddress, bytes.count)
}
