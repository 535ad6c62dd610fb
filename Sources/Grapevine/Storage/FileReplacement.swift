// Replacing a file so that at every moment, also when the machine stops, the old or the new one is there whole.
//
// The new content goes to `NAME.new`, onto the disk, and only then under the name; last the directory goes to the
// disk too, or the name might come back old.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Replaces one file of a directory. Two at once, for the same file, must not be.
struct FileReplacement: Sendable {
  /// Creates a file for writing in a directory; returns its descriptor, or -1 with `errno` set.
  typealias Creation = @Sendable (_ directory: Int32, _ name: String) -> Int32

  /// The open directory.
  let directory: Int32
  let name: String
  /// Creates the new file; another one shows what happens when the disk is full.
  var create: Creation = Self.createExclusively

  /// The name of the new file until it is complete.
  var newName: String { name + ".new" }

  /// Puts `bytes` into the place of the old file.
  ///
  /// - Throws: `FileFault`; then the old file is still there, unless only the very last step failed.
  func replace(with bytes: [UInt8]) throws(FileFault) {
    try prepare(bytes)
    try commit()
  }

  /// Writes the new file beside the old one, onto the disk.
  func prepare(_ bytes: [UInt8]) throws(FileFault) {
    // One that a crash left behind is worth nothing.
    unlinkat(directory, newName, 0)
    do throws(FileFault) {
      let opened = uninterrupted { create(directory, newName) }
      guard opened.error == 0 else { throw FileFault(call: "open", error: opened.error) }
      let file = Descriptor(raw: opened.result)
      try Self.write(bytes, to: file.raw)
      try Self.synchronize(file.raw)
      let error = file.finish()
      guard error == 0 else { throw FileFault(call: "close", error: error) }
    } catch {
      unlinkat(directory, newName, 0)
      throw error
    }
  }

  /// Gives the new file the name of the old one.
  func commit() throws(FileFault) {
    guard renameat(directory, newName, directory, name) == 0 else {
      let fault = FileFault(call: "rename", error: errno)
      unlinkat(directory, newName, 0)
      throw fault
    }
    do throws(FileFault) {
      try Self.synchronize(directory)
    } catch {
      // Some file systems have no way to do this for directories.
      guard error.error == EINVAL else { throw error }
    }
  }

  /// Finds out whether files can be created and written here, and leaves none behind.
  func probe() throws(FileFault) {
    // A page: less may fit where nothing else does.
    try prepare([UInt8](repeating: 0, count: 4_096))
    unlinkat(directory, newName, 0)
  }

  static let createExclusively: Creation = { directory, name in
    openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
  }

  private static func write(_ bytes: [UInt8], to file: Int32) throws(FileFault) {
    try bytes.withUnsafeBufferPointer { bytes throws(FileFault) -> Void in
      var rest = bytes[...]
      while !rest.isEmpty {
        let piece = UnsafeBufferPointer(rebasing: rest)
        #if canImport(Glibc)
          let written = uninterrupted { Glibc.write(file, piece.baseAddress, piece.count) }
        #elseif canImport(Musl)
          let written = uninterrupted { Musl.write(file, piece.baseAddress, piece.count) }
        #else
          let written = uninterrupted { Darwin.write(file, piece.baseAddress, piece.count) }
        #endif
        // Writing nothing without an error would go on for ever.
        guard written.result > 0 else {
          throw FileFault(call: "write", error: written.error == 0 ? EIO : written.error)
        }
        rest = rest.dropFirst(written.result)
      }
    }
  }

  /// Has the system put what was written onto the disk.
  private static func synchronize(_ file: Int32) throws(FileFault) {
    #if canImport(Darwin)
      // There `fsync` stops at the drive's own memory; where this is not known, it is all there is.
      if fcntl(file, F_FULLFSYNC) == 0 { return }
    #endif
    let error = uninterrupted { fsync(file) }.error
    guard error == 0 else { throw FileFault(call: "fsync", error: error) }
  }
}
