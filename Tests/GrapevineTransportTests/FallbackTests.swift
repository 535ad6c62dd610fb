import GrapevineCore
import Testing

@testable import GrapevineTransport

/// UDP behind a wall that can be opened.
private final class WalledTransport: DatagramTransport {
  let inner: UDPTransport
  var letsIn = false
  /// Batches that it takes before it says that the system's buffer is full.
  var room = Int.max

  init() throws { inner = try UDPTransport(bind: "127.0.0.1:0") }

  var localEndpoint: Endpoint { inner.localEndpoint }
  var fileDescriptor: Int32 { inner.fileDescriptor }
  var receiveWindow: Int { inner.receiveWindow }
  var counters: TransportCounters { inner.counters }
  func receive() -> Int {
    let count = inner.receive()
    return letsIn ? count : 0
  }
  func datagram(_ index: Int) -> UnsafeRawBufferPointer { inner.datagram(index) }
  func isTruncated(_ index: Int) -> Bool { inner.isTruncated(index) }
  func source(_ index: Int) -> Endpoint { inner.source(index) }
  func send(_ buffer: borrowing DatagramBuffer, from first: Int) -> Int {
    guard room > 0 else { return 0 }
    room -= 1
    return inner.send(buffer, from: first)
  }
}

/// A path that can be asked within an expectation.
private final class Way {
  var path = PeerPath(now: Instant())

  var usesStream: Bool { path.usesStream }
  func decide(hasStream: Bool, now: Instant) -> PeerPath.Decision {
    path.decide(hasStream: hasStream, now: now)
  }
  func hear(hasStream: Bool, now: Instant) -> Bool { path.hear(hasStream: hasStream, now: now) }
  func learn(peerHears: Bool, now: Instant) -> Bool { path.learn(peerHears: peerHears, now: now) }
}

@Suite("UDP, and streams where it is blocked", .timeLimit(.minutes(5)))
struct FallbackTests {
  private func at(_ milliseconds: UInt64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

  @Test("a peer that is silent for a second while datagrams go to it gets them by stream")
  func silence() {
    let path = Way()
    _ = path.hear(hasStream: false, now: at(0))
    for time in stride(from: 10, through: 1_000, by: 90) {
      #expect(path.decide(hasStream: false, now: at(UInt64(time))) == .udp)
    }
    #expect(path.decide(hasStream: false, now: at(1_011)) == .stream)
  }

  @Test("an answer, a pause, or few datagrams are no silence")
  func noSilence() {
    let path = Way()
    for time in stride(from: UInt64(0), through: 20_000, by: 300) {
      #expect(path.decide(hasStream: false, now: at(time)) == .udp)
      if time % 900 == 0 { #expect(!path.hear(hasStream: false, now: at(time + 1))) }
    }
    for time in stride(from: UInt64(30_000), through: 90_000, by: 6_000) {
      #expect(path.decide(hasStream: false, now: at(time)) == .udp)
    }
    let two = Way()
    _ = two.hear(hasStream: false, now: at(0))
    #expect(two.decide(hasStream: false, now: at(0)) == .udp)
    #expect(two.decide(hasStream: false, now: at(2_000)) == .udp)
    #expect(two.decide(hasStream: false, now: at(2_001)) == .stream)
  }

  @Test("a peer that was never heard is tried by stream at the second datagram, a moment after the first")
  func neverHeard() {
    let path = Way()
    #expect(path.decide(hasStream: false, now: at(0)) == .udp)
    #expect(path.decide(hasStream: false, now: at(199)) == .udp)
    #expect(path.decide(hasStream: false, now: at(200)) == .stream)
  }

  @Test("who comes by stream and was never heard by UDP is answered by stream at once")
  func streamOnly() {
    let path = Way()
    #expect(path.decide(hasStream: true, now: at(0)) == .stream)
  }

  @Test("both go back to UDP when both hear it, in whichever order they learn", arguments: [false, true])
  func recovery(heardFirst: Bool) {
    let path = Way()
    #expect(!path.learn(peerHears: false, now: at(0)))
    #expect(path.usesStream)
    if heardFirst {
      #expect(path.hear(hasStream: true, now: at(100)))
      #expect(path.usesStream)
      #expect(path.learn(peerHears: true, now: at(200)))
    } else {
      #expect(!path.learn(peerHears: true, now: at(100)))
      #expect(path.usesStream)
      #expect(path.hear(hasStream: true, now: at(200)))
    }
    #expect(!path.usesStream && path.decide(hasStream: true, now: at(300)) == .udp)
  }

  @Test("what was heard long ago does not count")
  func stale() {
    let path = Way()
    _ = path.hear(hasStream: true, now: at(0))
    #expect(!path.learn(peerHears: false, now: at(10)))
    #expect(!path.learn(peerHears: true, now: at(5_000)))
    #expect(path.usesStream)
  }

  @Test("where UDP gets through, all goes by UDP")
  func plain() throws {
    let nodes = [try FallbackTransport(bind: "127.0.0.1:0"), try FallbackTransport(bind: "127.0.0.1:0")]
    let bench = Bench(nodes)
    for round in 1...20 {
      nodes[0].send((0..<50).map(content), to: nodes[1].localEndpoint)
      nodes[1].send((0..<50).map(content), to: nodes[0].localEndpoint)
      #expect(bench.drive { bench.arrived.allSatisfy { $0.count == round * 50 } })
    }
    #expect(bench.arrived[0].allSatisfy { $0.source == nodes[1].localEndpoint })
    #expect(nodes.allSatisfy { $0.streams == StreamCounters() && $0.counters.datagramsSent == 1_000 })
  }

  @Test("what the system's buffer for UDP does not take is sent when the descriptor is ready again")
  func fullBuffer() throws {
    let udp = try WalledTransport()
    udp.room = 0
    let node = try FallbackTransport(udp, streams: StreamTransport(bind: udp.localEndpoint))
    let other = try UDPTransport(bind: "127.0.0.1:0")
    var buffer = DatagramBuffer()
    buffer.append([1], to: other.localEndpoint)
    #expect(!isReadable(node.fileDescriptor, milliseconds: 0))
    #expect(node.send(buffer, from: 0) == 0)
    #expect(isReadable(node.fileDescriptor) && node.receive() == 0)
    udp.room = 1
    #expect(node.send(buffer, from: 0) == 1)
    #expect(!isReadable(node.fileDescriptor, milliseconds: 0))
    #expect(other.take(1) == [[1]])
  }

  @Test("blocked UDP gives way to streams, and comes back when the wall opens")
  func wall() throws {
    let walls = [try WalledTransport(), try WalledTransport()]
    let nodes = try walls.map {
      try FallbackTransport($0, streams: StreamTransport(bind: $0.localEndpoint))
    }
    let bench = Bench(nodes)
    var number = 0
    let talk = {
      number += 1
      let bytes = withUnsafeBytes(of: number) { Array($0) }
      nodes[0].send([bytes], to: nodes[1].localEndpoint)
      nodes[1].send([bytes], to: nodes[0].localEndpoint)
    }
    #expect(
      bench.drive {
        talk()
        return nodes.allSatisfy { $0.streams.peersByStream == 1 }
          && bench.arrived.allSatisfy { $0.count > 100 }
      })
    #expect(bench.arrived[0].allSatisfy { $0.source == nodes[1].localEndpoint })
    // One direction alone is not enough.
    walls[0].letsIn = true
    let until = MonotonicClock.now() + 1_500_000_000
    #expect(
      bench.drive {
        talk()
        return MonotonicClock.now() >= until
      })
    #expect(nodes.allSatisfy { $0.streams.peersByStream == 1 && $0.streams.changesToUDP == 0 })
    walls[1].letsIn = true
    #expect(
      bench.drive {
        talk()
        return nodes.allSatisfy { $0.streams.peersByStream == 0 }
      })
    let before = bench.arrived[0].count
    #expect(
      bench.drive {
        talk()
        return bench.arrived[0].count > before + 10
      })
    #expect(nodes.allSatisfy { $0.streams.changesToUDP == 1 && $0.streams.peersByStream == 0 })
  }
}
