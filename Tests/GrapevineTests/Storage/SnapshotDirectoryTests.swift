import Foundation
import GrapevineCore
import Testing

@testable import Grapevine

@Suite("The directory that members are kept in", .timeLimit(.minutes(5)))
struct SnapshotDirectoryTests {
  let temporary: TemporaryDirectory

  init() throws { temporary = try TemporaryDirectory() }

  @Test("the members of one run are those of the next; only the owner may read them")
  func roundTrip() throws {
    let path = temporary.path("data")
    do {
      let directory = try SnapshotDirectory(path)
      #expect(try directory.load() == (nil, .none))
      try directory.write(storedSnapshot(2))
      try directory.write(storedSnapshot(5))
    }
    let loaded = try SnapshotDirectory(path).load()
    #expect(loaded.stored == storedSnapshot(5))
    #expect(loaded.recovery == .loaded(members: 5))
    #expect(try temporary.mode("data") == 0o700)
    #expect(try temporary.mode("data/members") == 0o600)
    #expect(try FileManager.default.contentsOfDirectory(atPath: path).sorted() == ["lock", "members"])
  }

  @Test("a crash after the new file was written and before it got its name leaves the old one")
  func crash() throws {
    let directory = try SnapshotDirectory(temporary.path)
    try directory.write(storedSnapshot(2))
    let descriptor = Descriptor(raw: open(temporary.path, O_RDONLY | O_DIRECTORY))
    let replacement = FileReplacement(directory: descriptor.raw, name: "members")
    try replacement.prepare(SnapshotFormat.encode(storedSnapshot(5)))
    #expect(try temporary.names == ["lock", "members", "members.new"])
    #expect(try directory.load().stored == storedSnapshot(2))
    // Neither this nor half a file is in the way of the next one.
    try temporary.write([1, 2, 3], to: "members.new")
    try directory.write(storedSnapshot(4))
    #expect(try directory.load().stored == storedSnapshot(4))
    #expect(try temporary.names == ["lock", "members"])
  }

  @Test("a damaged file is set aside and survived; not more than ten are kept")
  func damaged() throws {
    let directory = try SnapshotDirectory(temporary.path)
    for round in 0..<12 {
      try temporary.write([UInt8(round)], to: "members")
      let loaded = try directory.load()
      #expect(loaded.stored == nil)
      guard case .damaged(let reason, let name) = loaded.recovery else {
        Issue.record("\(loaded.recovery)")
        return
      }
      #expect(reason == "it does not begin as a snapshot does")
      #expect(name == (round == 0 ? "members.damaged" : "members.damaged.\(min(round, 9))"))
      #expect(try temporary.read(name) == [UInt8(round)])
      #expect(try directory.load() == (nil, .none))
    }
    #expect(try temporary.names.count == 11)
    try directory.write(storedSnapshot(1))
    #expect(try directory.load().recovery == .loaded(members: 1))
  }

  @Test(
    "what is no file, or too long a one, is set aside without being read",
    arguments: ["pipe", "directory", "link", "long"])
  func strange(kind: String) throws {
    let path = temporary.path("members")
    switch kind {
    case "pipe": #expect(mkfifo(path, 0o600) == 0)
    case "directory": #expect(mkdir(path, 0o700) == 0)
    case "link": #expect(symlink("/dev/zero", path) == 0)
    default:
      try temporary.write([], to: "members")
      #expect(truncate(path, off_t(SnapshotFormat.byteLimit + 1)) == 0)
    }
    let directory = try SnapshotDirectory(temporary.path)
    let loaded = try directory.load()
    guard case .damaged(_, "members.damaged") = loaded.recovery else {
      Issue.record("\(loaded.recovery)")
      return
    }
    try directory.write(storedSnapshot(3))
    #expect(try directory.load().stored == storedSnapshot(3))
  }

  @Test("a second node is refused as long as the first is there")
  func lock() throws {
    var first: SnapshotDirectory? = try SnapshotDirectory(temporary.path)
    #expect(throws: SnapshotError.inUse(directory: temporary.path)) { try SnapshotDirectory(temporary.path) }
    #expect(try first?.load().recovery == SnapshotRecovery.none)
    first = nil
    _ = try SnapshotDirectory(temporary.path)
  }

  #if os(Linux)
    @Test("whoever leaves frees it at once, although a process that was just started still has its file")
    func inherited() throws {
      var first: SnapshotDirectory? = try SnapshotDirectory(temporary.path)
      let lock = temporary.path + "/" + SnapshotDirectory.lockName
      let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").first {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == lock
      }
      // As a child has it between its start and its program.
      let copy = dup(try #require(open.flatMap { Int32($0) }))
      defer { close(copy) }
      #expect(try first?.load().recovery == SnapshotRecovery.none)
      first = nil
      _ = try SnapshotDirectory(temporary.path)
    }
  #endif

  @Test("a directory that cannot be is an error that says why and what to do")
  func unusable() throws {
    let missing = temporary.path("a/b")
    #expect(throws: SnapshotError.notCreated(directory: missing, error: ENOENT)) {
      try SnapshotDirectory(missing)
    }
    try temporary.write([], to: "file")
    for path in [temporary.path("file"), temporary.path("file/below")] {
      #expect(throws: SnapshotError.notADirectory(path)) { try SnapshotDirectory(path) }
    }
    let obstacle = try Obstacle(in: temporary)
    #expect(throws: SnapshotError.unusable(directory: temporary.path, call: "open", error: EEXIST)) {
      try SnapshotDirectory(temporary.path)
    }
    try obstacle.remove()
    _ = try SnapshotDirectory(temporary.path)
  }

  @Test("a directory that must not be written to is an error", .enabled(if: geteuid() != 0))
  func readOnly() throws {
    #expect(chmod(temporary.path, 0o500) == 0)
    #expect(throws: SnapshotError.unusable(directory: temporary.path, call: "open of lock", error: EACCES)) {
      try SnapshotDirectory(temporary.path)
    }
    chmod(temporary.path, 0o700)
  }

  @Test("errors are sentences with a way out")
  func texts() {
    let directory = "/data"
    let texts: [(SnapshotError, String)] = [
      (.notCreated(directory: directory, error: ENOENT), "create its parent directory first"),
      (.notCreated(directory: directory, error: EACCES), "let the program write there"),
      (.notADirectory(directory), "name another one"),
      (.inUse(directory: directory), "a directory of its own"),
      (.unusable(directory: directory, call: "write", error: ENOSPC), "make room there"),
    ]
    for (error, advice) in texts {
      #expect(error.description.contains(directory) && error.description.contains(advice))
    }
  }

  #if os(Linux)
    /// Creates every new file on a disk that is full.
    static let onFullDisk: FileReplacement.Creation = { _, _ in open("/dev/full", O_WRONLY | O_CLOEXEC) }

    @Test("a full disk at the start is an error, and the directory is free again")
    func fullAtStart() throws {
      #expect(throws: SnapshotError.unusable(directory: temporary.path, call: "write", error: ENOSPC)) {
        try SnapshotDirectory(temporary.path, create: Self.onFullDisk)
      }
      _ = try SnapshotDirectory(temporary.path)
    }

    @Test("a disk that is full when the file is replaced leaves the old file, and nothing else")
    func fullLater() throws {
      let directory = try SnapshotDirectory(temporary.path)
      try directory.write(storedSnapshot(2))
      let descriptor = Descriptor(raw: open(temporary.path, O_RDONLY | O_DIRECTORY))
      let replacement = FileReplacement(
        directory: descriptor.raw, name: "members", create: Self.onFullDisk)
      #expect(throws: FileFault(call: "write", error: ENOSPC)) {
        try replacement.replace(with: SnapshotFormat.encode(storedSnapshot(5)))
      }
      #expect(try directory.load().stored == storedSnapshot(2))
      #expect(try temporary.names == ["lock", "members"])
    }
  #endif
}
