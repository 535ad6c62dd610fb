// Places among Unix sockets: who gets which number, who may be there, and what stays behind.

import GrapevineCore
import Synchronization
import Testing

@testable import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite("Streams: Unix sockets in a directory", .timeLimit(.minutes(5)))
struct UnixStreamTests {
  @Test("a node without a number gets the lowest that is free, and gives it back with all its files")
  func numbers() throws {
    let place = try StreamPlace(.unix)
    let first = try place.transport()
    var second: StreamTransport? = try place.transport()
    let chosen = try place.transport(700)
    #expect(first.localEndpoint.text == "unix:1" && second?.localEndpoint.text == "unix:2")
    #expect(chosen.localEndpoint == Endpoint(unix: 700))
    #expect(place.files == ["1.sock", "1.lock", "2.sock", "2.lock", "700.sock", "700.lock"])
    second = nil
    #expect(place.files == ["1.sock", "1.lock", "700.sock", "700.lock"])
    second = try place.transport()
    #expect(second?.localEndpoint == Endpoint(unix: 2))
    // Given back before the transport goes, as a node does that leaves.
    second?.seat?.release()
    let third = try place.transport(2)
    second = nil
    #expect(place.files.isSuperset(of: ["2.sock", "2.lock"]) && third.localEndpoint == Endpoint(unix: 2))
  }

  @Test("nodes that start at the same moment get numbers of their own", arguments: 0..<4)
  func race(round: Int) async throws {
    let place = try StreamPlace(.unix)
    let directory = place.directory
    // What the dead left makes it harder.
    for number in 1...(4 * round + 1) { _ = try BoundSocket(unix: "\(directory)/\(number).sock") }
    let endpoints = try await withThrowingTaskGroup(of: [Endpoint].self) { group in
      for _ in 0..<8 {
        group.addTask {
          var mine: [Endpoint] = []
          var kept: [StreamTransport] = []
          for turn in 0..<16 {
            let transport = try StreamTransport(directory: directory)
            // Some go at once, so that numbers and lock files come and go meanwhile.
            if turn % 2 == 0 { kept.append(transport) }
          }
          mine = kept.map(\.localEndpoint)
          // Nobody else has them as long as these are here.
          for endpoint in mine {
            #expect(throws: TransportError.addressInUse(endpoint)) {
              _ = try StreamTransport(directory: directory, number: endpoint.port)
            }
          }
          Self.kept.withLock { $0 += kept.map(KeptTransport.init) }
          return mine
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    #expect(endpoints.count == 64 && Set(endpoints).count == 64)
    Self.kept.withLock { $0.removeAll() }
    #expect(place.files.allSatisfy { !$0.hasSuffix(".lock") })
  }

  /// Transports that outlive the task that made them.
  private struct KeptTransport: @unchecked Sendable {
    let transport: StreamTransport
    init(_ transport: StreamTransport) { self.transport = transport }
  }
  private static let kept = Mutex<[KeptTransport]>([])

  @Test("what a dead process left is taken over; what lives, and what is no socket, is not")
  func takeOver() throws {
    let place = try StreamPlace(.unix)
    // A socket nobody listens at, and a lock nobody holds.
    _ = try BoundSocket(unix: "\(place.directory)/1.sock")
    close(open("\(place.directory)/1.lock", O_CREAT | O_RDWR, 0o600))
    let heir = try place.transport(1)
    #expect(heir.localEndpoint == Endpoint(unix: 1))
    #expect(throws: TransportError.addressInUse(Endpoint(unix: 1))) { try place.transport(1) }
    // Somebody removes the lock of the living.
    unlink("\(place.directory)/1.lock")
    #expect(throws: TransportError.addressInUse(Endpoint(unix: 1))) { try place.transport(1) }
    close(open("\(place.directory)/2.sock", O_CREAT | O_RDWR, 0o600))
    #expect(throws: TransportError.addressInUse(Endpoint(unix: 2))) { try place.transport(2) }
    symlink("/dev/null", "\(place.directory)/3.lock")
    #expect(throws: TransportError.self) { try place.transport(3) }
    let next = try #require(try? place.transport(4))
    // The heir still serves.
    next.send([[5]], to: heir.localEndpoint)
    let bench = Bench([heir, next])
    #expect(bench.drive { bench.bytes(0) == [[5]] && bench.arrived[0].first?.source == Endpoint(unix: 4) })
  }

  @Test("the directory's owner and mode say who may be there")
  func modes() throws {
    for (mode, file) in [(0o700, 0o600), (0o750, 0o600), (0o770, 0o660), (0o1777, 0o666)]
      as [(mode_t, mode_t)]
    {
      let place = try StreamPlace(.unix, mode: mode)
      let transport = try place.transport()
      #expect(place.mode(of: "1.sock") == file && place.mode(of: "1.lock") == file)
      #expect(transport.localEndpoint.port == 1)
    }
    for mode in [0o777, 0o707, 0o722] as [mode_t] {
      let place = try StreamPlace(.unix, mode: mode)
      let error = #expect(throws: TransportError.self) { try place.transport() }
      #expect(error?.description.contains("chmod 700") == true)
      #expect(place.files.isEmpty)
    }
    guard geteuid() == 0 else { return }
    let place = try StreamPlace(.unix)
    chown(place.directory, 12_345, 12_345)
    let error = #expect(throws: TransportError.self) { try place.transport() }
    #expect(error?.description.contains("another user (12345)") == true)
    chown(place.directory, 0, 0)
  }

  @Test("a directory is made where its last part is missing; others are refused, with what to do")
  func directories() throws {
    let place = try StreamPlace(.unix)
    let fresh = place.directory + "/fresh"
    var transport: StreamTransport? = try StreamTransport(bind: "unix:\(fresh)")
    #expect(place.mode(of: "fresh") == 0o700 && transport?.localEndpoint.port == 1)
    transport = nil
    rmdir(fresh)
    func reason(_ path: String) -> String {
      let error = #expect(throws: TransportError.self) { try StreamTransport(directory: path) }
      return error?.description ?? ""
    }
    #expect(reason(place.directory + "/a/b").contains("cannot be made"))
    close(open("\(place.directory)/file", O_CREAT | O_RDWR, 0o600))
    #expect(reason(place.directory + "/file").contains("no directory"))
    // One byte too long, and just short enough, by a link.
    let room = UnixPath.limit - "/65535.sock".utf8.count - place.directory.utf8.count - 1
    let long = place.directory + "/" + String(repeating: "x", count: room + 1)
    #expect(reason(long).contains("1 bytes too long") && reason(long).contains("symbolic link"))
    #expect(mkdir(long, 0o700) == 0)
    let short = place.directory + "/" + String(repeating: "x", count: room)
    #expect(symlink(long, short) == 0)
    transport = try StreamTransport(directory: short, number: 65_535)
    #expect(transport?.localEndpoint == Endpoint(unix: 65_535))
    #expect(transport?.seat?.isIn(long) == true && transport?.seat?.isIn(place.directory) == false)
    transport = nil
    rmdir(long)
  }

  @Test("endpoints of the other kind are counted drops on both sides")
  func otherKind() throws {
    let place = try StreamPlace(.unix)
    let unix = try place.transport()
    let tcp = try StreamTransport(bind: "127.0.0.1:0")
    unix.send([[1], [2]], to: tcp.localEndpoint)
    tcp.send([[1], [2]], to: unix.localEndpoint)
    for transport in [unix, tcp] {
      #expect(transport.streams.dropsUnreachable == 2 && transport.streams.connections == 0)
    }
    let udp = try UDPTransport(bind: "127.0.0.1:0")
    #expect(throws: TransportError.address(.otherKind(text: "unix:1"))) { try UDPTransport(bind: "unix:1") }
    #expect(throws: TransportError.self) { try UDPTransport(bind: "unix:\(place.directory)") }
    #expect(throws: TransportError.address(.otherKind(text: "unix:1"))) {
      try StreamTransport(bind: unix.localEndpoint)
    }
    udp.send([[1]], to: unix.localEndpoint)
  }

  @Test(
    "places are written and read",
    arguments: [
      ("unix:/run/gv", UnixAddress(directory: "/run/gv")),
      ("unix:/run/gv//", UnixAddress(directory: "/run/gv")),
      ("unix:/run/gv/7", UnixAddress(directory: "/run/gv", number: 7)),
      ("unix:/run/7/", UnixAddress(directory: "/run/7")), ("unix:/", UnixAddress(directory: "/")),
      ("unix:/3", UnixAddress(directory: "/", number: 3)), ("unix:here", UnixAddress(directory: "here")),
      ("unix:a b/ü/65535", UnixAddress(directory: "a b/ü", number: 65_535)),
      ("unix:./4", UnixAddress(directory: ".", number: 4)),
    ])
  func texts(text: String, address: UnixAddress) throws {
    #expect(try UnixAddress(text) == address)
    #expect(try UnixAddress(address.text) == address)
    #expect(throws: AddressError.unixInvalid(text: text)) { try Endpoint(text) }
    #expect(throws: TransportError.self) { try UDPTransport(bind: text) }
  }

  @Test("a number alone is an endpoint, and what is no place is refused")
  func endpoints() throws {
    #expect(try Endpoint("unix:5") == Endpoint(unix: 5))
    #expect(try Endpoint.resolve("unix:5") == [Endpoint(unix: 5)])
    #expect(Endpoint(unix: 5).text == "unix:5" && Endpoint(unix: 5).isUsable && !Endpoint(unix: 0).isUsable)
    #expect(try Endpoint(Endpoint(unix: 9).multiaddress) == Endpoint(unix: 9))
    #expect(try Endpoint("[100::6776:756e:6978]:9") == Endpoint(unix: 9))
    #expect(Endpoint(ipv4: 0x7f00_0001, port: 5).unixNumber == nil)
    for text in ["unix:", "unix:70000", "unix:/a/123456", "unix:a\0b", "unix:/a\n"] {
      let error = #expect(throws: AddressError.self) { try UnixAddress(text) }
      #expect((error?.description.utf8.count ?? 0) > 20)
      #expect(throws: AddressError.self) { try Endpoint(text) }
    }
  }
}
