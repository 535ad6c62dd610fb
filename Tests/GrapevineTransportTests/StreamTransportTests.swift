import GrapevineCore
import Testing

@testable import GrapevineTransport

@Suite("Streams: datagrams over TCP and Unix sockets", .timeLimit(.minutes(5)))
struct StreamTransportTests {
  @Test(
    "a thousand datagrams arrive whole and in order, both ways over one connection",
    arguments: loopbacks + ["unix"])
  func thousand(address: String) throws {
    let place = try StreamPlace(.unix)
    let first = try StreamTransport(bind: address == "unix" ? "unix:\(place.directory)" : address)
    let second = try StreamTransport(bind: address == "unix" ? "unix:\(place.directory)/" : address)
    let bench = Bench([first, second])
    first.send([content(0)], to: second.localEndpoint)
    #expect(bench.drive { bench.arrived[1].count == 1 })
    for start in stride(from: 1, to: 1_000, by: 37) {
      let numbers = start..<min(start + 37, 1_000)
      first.send(numbers.map(content), to: second.localEndpoint)
      second.send(numbers.map(content), to: first.localEndpoint)
      bench.step()
    }
    #expect(bench.drive { bench.arrived[1].count == 1_000 && bench.arrived[0].count == 999 })
    #expect(bench.bytes(1) == (0..<1_000).map(content))
    #expect(bench.bytes(0) == (1..<1_000).map(content))
    #expect(bench.arrived[1].allSatisfy { $0.source == first.localEndpoint })
    #expect(bench.arrived[0].allSatisfy { $0.source == second.localEndpoint })
    #expect(first.streams.opened == 1 && first.streams.accepted == 0 && first.streams.connections == 1)
    #expect(second.streams.opened == 0 && second.streams.accepted == 1 && second.streams.connections == 1)
    #expect(first.counters.datagramsSent == 1_000 && first.counters.datagramsReceived == 999)
    #expect(first.counters.bytesSent == second.counters.bytesReceived)
  }

  @Test(
    "its descriptor is readable as long as datagrams wait, also those received ahead",
    arguments: StreamKind.allCases)
  func readiness(kind: StreamKind) throws {
    let place = try StreamPlace(kind)
    let first = try place.transport()
    let second = try place.transport()
    first.send(Array(repeating: [1], count: 200), to: second.localEndpoint)
    var taken = 0
    let limit = MonotonicClock.now() + 60_000_000_000
    while taken < 200, MonotonicClock.now() < limit {
      _ = first.receive()
      guard isReadable(second.fileDescriptor) else { break }
      let count = second.receive()
      #expect(count <= 64)
      taken += count
    }
    #expect(taken == 200)
    _ = second.receive()
    #expect(!isReadable(second.fileDescriptor, milliseconds: 0))
  }

  @Test(
    "two that connect to each other at once keep one connection and lose nothing",
    arguments: 0..<8, StreamKind.allCases)
  func simultaneous(round: Int, kind: StreamKind) throws {
    let place = try StreamPlace(kind)
    let first = try place.transport()
    let second = try place.transport()
    let bench = Bench([first, second])
    for number in 0..<20 {
      first.send([content(number)], to: second.localEndpoint)
      second.send([content(number)], to: first.localEndpoint)
      if number % 5 == round % 5 { bench.step() }
    }
    #expect(
      bench.drive {
        bench.arrived[0].count == 20 && bench.arrived[1].count == 20 && first.streams.connections == 1
          && second.streams.connections == 1
      })
    // Over two connections the order is not that of sending.
    let expected = Set((0..<20).map(content))
    #expect(Set(bench.bytes(0)) == expected && Set(bench.bytes(1)) == expected)
    first.send([[9]], to: second.localEndpoint)
    second.send([[9]], to: first.localEndpoint)
    #expect(bench.drive { bench.arrived[0].count == 21 && bench.arrived[1].count == 21 })
    #expect(first.streams.connections == 1 && second.streams.connections == 1)
  }

  @Test("a node's own datagrams come back to it", arguments: StreamKind.allCases)
  func own(kind: StreamKind) throws {
    let place = try StreamPlace(kind)
    let alone = try place.transport()
    let bench = Bench([alone])
    alone.send([[1], [2]], to: alone.localEndpoint)
    #expect(bench.drive { bench.bytes(0) == [[1], [2]] })
    #expect(bench.arrived[0].allSatisfy { $0.source == alone.localEndpoint })
  }

  @Test(
    "a peer that does not read fills its own queue alone; the rest is dropped and counted",
    arguments: StreamKind.allCases)
  func fullQueue(kind: StreamKind) throws {
    let place = try StreamPlace(kind)
    var configuration = StreamConfiguration()
    configuration.queueBytes = 16 << 10
    let sender = try place.transport { $0 = configuration }
    let deaf = try place.transport()
    let good = try place.transport()
    let bench = Bench([sender, good])
    let large = [UInt8](repeating: 3, count: 1_200)
    sender.send([[0]], to: deaf.localEndpoint)
    #expect(
      eventually {
        _ = sender.receive()
        _ = deaf.receive()
        return sender.streams.opened == 1
      })
    #expect(
      bench.drive {
        sender.send(Array(repeating: large, count: 64), to: deaf.localEndpoint)
        return sender.streams.dropsFull > 1_000
      })
    sender.send([[1]], to: good.localEndpoint)
    #expect(bench.drive { bench.bytes(1) == [[1]] })
    #expect(sender.counters.sendsBlocked > 0 && sender.counters.sendFailures == 0)
  }

  @Test(
    "a peer that is not there is left alone for a while, and reached when it comes",
    arguments: StreamKind.allCases)
  func backOff(kind: StreamKind) throws {
    let place = try StreamPlace(kind)
    // Not the lowest number, which the next one gets.
    var gone: StreamTransport? = try place.transport(kind == .unix ? 9 : 0)
    let target = try #require(gone).localEndpoint
    gone = nil
    let sender = try place.transport()
    let bench = Bench([sender])
    sender.send([[1]], to: target)
    #expect(bench.drive { sender.streams.connectFailures == 1 })
    let before = sender.streams.dropsUnreachable
    sender.send([[2], [3]], to: target)
    #expect(sender.streams.dropsUnreachable == before + 2 && sender.streams.connectFailures == 1)
    let late = try place.transportAgain(target.port)
    bench.transports.append(late)
    bench.arrived.append([])
    #expect(
      bench.drive {
        sender.send([[4]], to: target)
        return !bench.arrived[1].isEmpty
      })
  }

  @Test(
    "a peer that restarts is met again, whichever side writes first",
    arguments: [false, true], StreamKind.allCases)
  func restart(peerFirst: Bool, kind: StreamKind) throws {
    let place = try StreamPlace(kind)
    let stays = try place.transport()
    let bench = Bench([stays, try place.transport()])
    let target = bench.transports[1].localEndpoint
    stays.send([[1]], to: target)
    #expect(bench.drive { bench.bytes(1) == [[1]] })
    bench.transports.removeLast()
    bench.transports.append(try place.transportAgain(target.port))
    bench.arrived[1] = []
    if peerFirst { bench.transports[1].send([[2]], to: stays.localEndpoint) }
    #expect(
      bench.drive {
        stays.send([[3]], to: target)
        return !bench.arrived[1].isEmpty && (!peerFirst || bench.bytes(0) == [[2]])
      })
  }

  @Test(
    "a connection that carries nothing is closed by agreement, and opened again when needed",
    arguments: StreamKind.allCases)
  func idle(kind: StreamKind) throws {
    let place = try StreamPlace(kind)
    var configuration = StreamConfiguration()
    configuration.idleTimeout = .milliseconds(50)
    let first = try place.transport { $0 = configuration }
    let second = try place.transport()
    let bench = Bench([first, second])
    first.send([[1]], to: second.localEndpoint)
    #expect(bench.drive { first.streams.idle == 1 })
    #expect(bench.drive { first.streams.connections == 0 && second.streams.connections == 0 })
    second.send([[2]], to: first.localEndpoint)
    #expect(bench.drive { bench.bytes(0) == [[2]] && bench.bytes(1) == [[1]] })
  }

  @Test("an address that is taken is explained", arguments: StreamKind.allCases)
  func taken(kind: StreamKind) throws {
    let place = try StreamPlace(kind)
    let first = try place.transport()
    #expect(throws: TransportError.addressInUse(first.localEndpoint)) {
      try place.transport(first.localEndpoint.port)
    }
  }

  @Test("it works over sockets of all addresses of both families")
  func dualStack() throws {
    let wide = try StreamTransport(bind: "[::]:0")
    let narrow = try StreamTransport(bind: "127.0.0.1:0")
    let bench = Bench([wide, narrow])
    narrow.send([[1]], to: Endpoint(ipv4: 0x7f00_0001, port: wide.localEndpoint.port))
    #expect(bench.drive { bench.bytes(0) == [[1]] })
    #expect(bench.arrived[0].first?.source == narrow.localEndpoint)
    wide.send([[2]], to: narrow.localEndpoint)
    #expect(bench.drive { bench.bytes(1) == [[2]] })
    #expect(wide.streams.connections == 1)
  }
}
