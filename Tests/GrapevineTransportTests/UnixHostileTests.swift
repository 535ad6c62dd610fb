// What somebody can do who may write to a directory of Unix sockets, or connect to one.

import GrapevineCore
import Testing

@testable import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite("Streams: hostile users of a directory", .timeLimit(.minutes(5)))
struct UnixHostileTests {
  @Test("whatever stands at a lock's path costs its number alone, and stays as it was")
  func planted() throws {
    let place = try StreamPlace(.unix, mode: 0o770)
    let path = { (name: String) in "\(place.directory)/\(name)" }
    func make(_ name: String, _ bytes: [UInt8]) {
      let file = open(path(name), O_CREAT | O_RDWR, 0o600)
      #expect(put(file, bytes) == bytes.count)
      close(file)
    }
    make("secret", [1])
    make("empty", [])
    #expect(symlink(path("secret"), path("1.lock")) == 0)
    #expect(mkdir(path("2.lock"), 0o700) == 0)
    _ = try BoundSocket(unix: path("3.lock"))
    #expect(mkfifo(path("4.lock"), 0o600) == 0)
    #expect(link(path("empty"), path("5.lock")) == 0)
    make("6.lock", [1])
    #expect(symlink("nowhere", path("7.lock")) == 0)
    let before = place.files
    defer { rmdir(path("2.lock")) }
    var transport: StreamTransport? = try place.transport()
    #expect(transport?.localEndpoint == Endpoint(unix: 8))
    for number in 1...7 as ClosedRange<UInt16> {
      #expect(throws: TransportError.addressInUse(Endpoint(unix: number))) { try place.transport(number) }
    }
    transport = nil
    #expect(place.files == before)
    for name in ["secret", "empty", "6.lock"] { #expect(place.mode(of: name) == 0o600) }
  }

  @Test("a socket gets its rights, and what took its place does not")
  func rights() throws {
    let place = try StreamPlace(.unix)
    let path = { (name: String) in "\(place.directory)/\(name)" }
    _ = try BoundSocket(unix: path("socket"))
    let own = UnixRights.give(toSocket: path("socket"), mode: 0o640, group: getegid())
    #expect(own.identity == FileIdentity(path("socket")) && own.error == 0)
    #expect(place.mode(of: "socket") == 0o640)
    close(open(path("file"), O_CREAT | O_RDWR, 0o600))
    symlink(path("file"), path("link"))
    symlink(path("socket"), path("other"))
    for name in ["file", "link", "other", "missing"] {
      let result = UnixRights.give(toSocket: path(name), mode: 0o666, group: nil)
      #expect(result.identity == nil && result.error != 0)
    }
    #expect(place.mode(of: "file") == 0o600 && place.mode(of: "socket") == 0o640)
    link(path("socket"), path("second"))
    #expect(UnixRights.give(toSocket: path("second"), mode: 0o666, group: nil).identity == nil)
    #expect(place.mode(of: "socket") == 0o640)
  }

  @Test("a number is claimed by the user whose socket has it")
  func claims() throws {
    let mine = geteuid()
    #expect(UnixRights.mayClaim(peer: mine, owner: mine) && UnixRights.mayClaim(peer: 7, owner: 7))
    #expect(!UnixRights.mayClaim(peer: mine &+ 1, owner: mine) && !UnixRights.mayClaim(peer: 0, owner: 7))
    #expect(UnixRights.mayClaim(peer: mine, owner: nil) && !UnixRights.mayClaim(peer: mine &+ 1, owner: nil))
    #expect(!UnixRights.mayClaim(peer: nil, owner: mine) && !UnixRights.mayClaim(peer: nil, owner: nil))
    let place = try StreamPlace(.unix)
    let target = try place.transport()
    let peer = RawPeer(to: target.localEndpoint, in: place)
    #expect(UnixRights.peer(of: peer.descriptor) == mine)
    #expect(UnixRights.peer(of: -1) == nil)
    let path = "\(place.directory)/1.sock"
    #expect(UnixRights.owner(ofSocket: path) == mine)
    symlink(path, "\(place.directory)/2.sock")
    #expect(UnixRights.owner(ofSocket: "\(place.directory)/2.sock") == nil)
  }

  @Test(
    "who greets as a node of another user is refused, and that node's connection stays",
    .enabled(if: geteuid() == 0))
  func greeting() throws {
    let place = try StreamPlace(.unix)
    let target = try place.transport()
    _ = try BoundSocket(unix: "\(place.directory)/9.sock")
    let bench = Bench([target])
    let node = RawPeer(to: target.localEndpoint, in: place)
    node.send(RawPeer.hello(port: 9, run: 5))
    #expect(bench.drive { target.streams.accepted == 1 })
    #expect(chown("\(place.directory)/9.sock", 12_345, 12_345) == 0)
    let thief = RawPeer(to: target.localEndpoint, in: place)
    thief.send(RawPeer.hello(port: 9, run: 6) + RawPeer.frame([1]))
    #expect(bench.drive { thief.isClosed })
    #expect(target.streams.refusedHellos == 1 && target.streams.accepted == 1)
    #expect(bench.bytes(0).isEmpty && !node.isClosed && target.isOpen(to: Endpoint(unix: 9)))
  }

  @Test("a directory that everybody may write to is root's or this user's", .enabled(if: geteuid() == 0))
  func sticky() throws {
    let place = try StreamPlace(.unix, mode: 0o1777)
    chown(place.directory, 12_345, 12_345)
    chmod(place.directory, 0o1777)
    let error = #expect(throws: TransportError.self) { try place.transport() }
    #expect(error?.description.contains("its owner, another user (12345)") == true)
    chown(place.directory, 0, 0)
  }
}

/// The system's `write`.
private func put(_ file: Int32, _ bytes: [UInt8]) -> Int {
  bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
}
