// Where control sockets are, and what may be there already.

import Foundation
import GrapevineConsole
import Testing

@testable import GrapevineCommand

@Suite("Control socket: its place, the dead and the living", .timeLimit(.minutes(5)))
struct ControlSocketTests {
  /// A directory that is gone after the test.
  final class Folder {
    let path = "/tmp/gv-\(UInt64.random(in: 0..<(.max)))"
    let place: ControlPlace

    init() throws {
      place = ControlPlace(directory: path)
      try place.prepare()
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func mode(_ name: String = "") throws -> Int? {
      try FileManager.default.attributesOfItem(atPath: path + name)[.posixPermissions] as? Int
    }

    /// Leaves a socket behind as a process does that was killed.
    func leaveDead(_ path: String) throws {
      close(try ControlSocket(path: path).descriptor)
    }
  }

  /// What the body's failure says.
  func failure(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no failure"
    } catch {
      return "\(error)"
    }
  }

  @Test("the place is below an absolute XDG_RUNTIME_DIR, else below /tmp with the user's number")
  func place() {
    let path = { ControlPlace(runtimeDirectory: $0, user: 42).path(port: 7_946) }
    #expect(path("/run/user/42") == "/run/user/42/grapevine/7946.sock")
    #expect(path("/run/user/42//") == "/run/user/42/grapevine/7946.sock")
    #expect(path(nil) == "/tmp/grapevine-42/7946.sock")
    #expect(path("") == "/tmp/grapevine-42/7946.sock")
    #expect(path("run") == "/tmp/grapevine-42/7946.sock")
  }

  @Test("directory and socket are their user's alone")
  func modes() throws {
    let folder = try Folder()
    #expect(try folder.mode() == 0o700)
    let socket = try ControlSocket(path: folder.path + "/1.sock")
    #expect(try folder.mode("/1.sock") == 0o600)
    close(socket.descriptor)
  }

  @Test("a directory that others may write to, a link to one, and a file in its place are refused")
  func badDirectories() throws {
    let folder = try Folder()
    try FileManager.default.setAttributes([.posixPermissions: 0o770], ofItemAtPath: folder.path)
    #expect(failure { try folder.place.prepare() }.contains("others may write to the directory"))
    #expect(failure { _ = try folder.place.sockets() }.contains("others may write to the directory"))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path)
    #expect(failure { try folder.place.prepare() } == "no failure")
    let link = ControlPlace(directory: folder.path + "/link")
    try FileManager.default.createSymbolicLink(atPath: link.directory, withDestinationPath: folder.path)
    #expect(failure { try link.prepare() }.contains("is not a directory"))
    let file = ControlPlace(directory: folder.path + "/file")
    try Data().write(to: URL(filePath: file.directory))
    #expect(failure { try file.prepare() }.contains("is not a directory"))
    let missing = ControlPlace(directory: folder.path + "/no/such")
    #expect(failure { try missing.prepare() }.contains("cannot be made: No such file"))
    #expect(try missing.sockets() == [])
  }

  @Test("a dead agent's socket is replaced, a living one's and a file are not")
  func inTheWay() throws {
    let folder = try Folder()
    let path = folder.path + "/1.sock"
    try folder.leaveDead(path)
    let socket = try ControlSocket(path: path)
    #expect(failure { _ = try ControlSocket(path: path) }.contains("another process listens at \(path)"))
    #expect(!UnixSocket.isDead(path))
    socket.remove()
    #expect(!FileManager.default.fileExists(atPath: path))
    // Once another's, it is not removed.
    let next = try ControlSocket(path: path)
    socket.remove()
    #expect(FileManager.default.fileExists(atPath: path))
    for socket in [socket, next] { close(socket.descriptor) }
    try Data("text".utf8).write(to: URL(filePath: folder.path + "/2.sock"))
    #expect(failure { _ = try ControlSocket(path: folder.path + "/2.sock") }.contains("is no socket"))
    #expect(try Data(contentsOf: URL(filePath: folder.path + "/2.sock")) == Data("text".utf8))
  }

  @Test("a path that is too long, empty or in no directory is refused in words")
  func badPaths() throws {
    let long = "/tmp/" + String(repeating: "x", count: UnixSocket.pathLimit - 4)
    #expect(
      failure { _ = try ControlSocket(path: long) }.hasSuffix(
        "has \(UnixSocket.pathLimit + 1) bytes; a socket's path has at most \(UnixSocket.pathLimit)"))
    #expect(failure { _ = try ControlSocket(path: "") } == "\"\" is no name of a file")
    #expect(failure { _ = try ControlSocket(path: "/no/such/1.sock") }.contains("No such file"))
    let folder = try Folder()
    let longest =
      folder.path + "/" + String(repeating: "x", count: UnixSocket.pathLimit - 1 - folder.path.utf8.count)
    close(try ControlSocket(path: longest).descriptor)
    #expect(FileManager.default.fileExists(atPath: longest))
  }

  @Test("without --agent the only living socket is found; none and several say what to do")
  func onlySocket() throws {
    let folder = try Folder()
    let place = folder.place
    try folder.leaveDead(place.path(port: 1))
    try Data().write(to: URL(filePath: folder.path + "/other.sock"))
    #expect(failure { _ = try place.onlySocket() }.contains("start one with 'grapevine agent'"))
    let first = try ControlSocket(path: place.path(port: 20))
    #expect(try place.onlySocket() == first.path)
    #expect(try MembersCommand.path(of: "", in: place) == first.path)
    #expect(try MembersCommand.path(of: "20", in: place) == first.path)
    #expect(try MembersCommand.path(of: "./20", in: place) == "./20")
    let second = try ControlSocket(path: place.path(port: 3))
    let text = failure { _ = try place.onlySocket() }
    #expect(
      text == "2 agents run here: choose one with --agent\n  --agent \(second.path)\n  --agent \(first.path)")
    for socket in [first, second] { close(socket.descriptor) }
  }

  @Test("an agent of another user is asked nothing, and the failure says what to do")
  func strangers() throws {
    let folder = try Folder()
    let socket = try ControlSocket(path: folder.place.path(number: 1))
    defer { close(socket.descriptor) }
    func ask(_ trusted: [uid_t]) -> String {
      failure { _ = try ControlConnection(path: socket.path, request: "members", trusted: trusted) }
    }
    #expect(ask([geteuid(), 0]) == "no failure")
    let text = ask([geteuid() &+ 1])
    #expect(text.contains("another user (\(geteuid())) listens at \(socket.path), and was asked nothing"))
    #expect(text.contains("sudo -u '#\(geteuid())'") && text.contains("--agent"))
    // Of both connections only the first has brought something.
    var bytes = [UInt8](repeating: 0, count: 64)
    for expected in ["members\n", ""] {
      let client = UnixSocket.accept(socket.descriptor)
      #expect(client >= 0)
      let count = read(client, &bytes, bytes.count)
      #expect(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self) == expected)
      close(client)
    }
  }

  @Test("what is put where a control socket was is neither changed nor removed")
  func replaced() throws {
    let folder = try Folder()
    let socket = try ControlSocket(path: folder.path + "/1.sock")
    defer { close(socket.descriptor) }
    let (files, file) = (FileManager.default, folder.path + "/file")
    try Data("text".utf8).write(to: URL(filePath: file))
    try files.setAttributes([.posixPermissions: 0o640], ofItemAtPath: file)
    try files.removeItem(atPath: socket.path)
    try files.createSymbolicLink(atPath: socket.path, withDestinationPath: file)
    #expect(failure { _ = try ControlSocket(path: socket.path) }.contains("is no socket"))
    socket.remove()
    #expect(try files.destinationOfSymbolicLink(atPath: socket.path) == file)
    #expect(try folder.mode("/file") == 0o640)
  }
}
