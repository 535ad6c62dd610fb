import GrapevineCore
import Testing

@testable import GrapevineTransport

@Suite("Streams: peers that do not behave", .timeLimit(.minutes(5)))
struct StreamHostileTests {
  /// That an honest peer still gets through.
  private func expectServes(_ target: StreamTransport, _ bench: Bench, _ place: StreamPlace) throws {
    let honest = try place.transport()
    honest.send([[42]], to: target.localEndpoint)
    let before = bench.arrived[0].count
    #expect(
      bench.drive {
        _ = honest.receive()
        return bench.arrived[0].dropFirst(before).contains { $0.bytes == [42] }
      })
  }

  @Test("a greeting has these bytes, and others are none")
  func vector() {
    let hello = RawPeer.hello(port: 7_946, run: 0x0102_0304_0506_0708)
    #expect(hello == [0x47, 0x56, 0x53, 0x54, 1, 0, 0x1f, 0x0a, 1, 2, 3, 4, 5, 6, 7, 8])
    let read = { (bytes: [UInt8]) in bytes.withUnsafeBytes { StreamHello($0) } }
    #expect(read(hello) == StreamHello(port: 7_946, run: 0x0102_0304_0506_0708))
    for index in [0, 1, 2, 3, 4] {
      var other = hello
      other[index] ^= 0x10
      #expect(read(other) == nil)
    }
    #expect(read(RawPeer.hello(port: 0)) == nil)
    #expect(read(Array(hello.dropLast())) == nil)
  }

  @Test("bytes that come one by one make the same datagrams", arguments: StreamKind.allCases)
  func dribble(kind: StreamKind) throws {
    let place = try StreamPlace(kind)
    let target = try place.transport()
    let bench = Bench([target])
    let peer = RawPeer(to: target.localEndpoint, in: place)
    let datagrams = [[1, 2, 3], [], [UInt8](repeating: 9, count: 300)]
    for byte in RawPeer.hello(port: 7_946) + datagrams.flatMap({ RawPeer.frame($0) }) {
      #expect(peer.send([byte]) == 1)
      bench.step()
    }
    #expect(bench.drive { bench.bytes(0) == datagrams })
    #expect(bench.arrived[0].allSatisfy { $0.source == place.endpoint(7_946) })
  }

  @Test(
    "random bytes, instead of a greeting and after one, close their connection alone",
    arguments: StreamKind.allCases)
  func random(kind: StreamKind) throws {
    let place = try StreamPlace(kind)
    let target = try place.transport()
    let bench = Bench([target])
    var generator = Generator(seed: 5)
    for round in 0..<200 {
      let peer = RawPeer(to: target.localEndpoint, in: place)
      var bytes = round % 2 == 0 ? [] : RawPeer.hello(port: UInt16(1_000 + round))
      for _ in 0..<3_000 { bytes.append(UInt8(truncatingIfNeeded: generator.next())) }
      peer.send(bytes)
      #expect(bench.drive { peer.isClosed })
    }
    #expect(target.streams.refusedHellos == 100)
    #expect(target.streams.refusedFrames > 0 && target.streams.connections == 0)
    try expectServes(target, bench, place)
  }

  @Test(
    "a frame that is too long closes its connection; what was whole before it is delivered",
    arguments: StreamKind.allCases)
  func oversized(kind: StreamKind) throws {
    let place = try StreamPlace(kind)
    let target = try place.transport()
    let bench = Bench([target])
    let peer = RawPeer(to: target.localEndpoint, in: place)
    peer.send(RawPeer.hello(port: 1_234) + RawPeer.frame([7]) + [0x08, 0x01, 1, 2, 3])
    #expect(bench.drive { peer.isClosed })
    #expect(bench.bytes(0) == [[7]] && target.streams.refusedFrames == 1)
    // And one that is as long as may be does not.
    let other = RawPeer(to: target.localEndpoint, in: place)
    let longest = [UInt8](repeating: 8, count: 2_048)
    other.send(RawPeer.hello(port: 1_235) + RawPeer.frame(longest))
    #expect(bench.drive { bench.bytes(0) == [[7], longest] })
    // Nor is one sent that is longer.
    target.send([[UInt8](repeating: 0, count: 2_049)], to: place.endpoint(1_235))
    #expect(target.counters.sendFailures == 1)
    try expectServes(target, bench, place)
  }

  @Test("strangers that say nothing are few, and closed in time", arguments: StreamKind.allCases)
  func silent(kind: StreamKind) throws {
    let place = try StreamPlace(kind)
    let target = try place.transport {
      $0.strangerLimit = 4
      $0.helloTimeout = .milliseconds(200)
    }
    let bench = Bench([target])
    let peers = (0..<40).map { _ in RawPeer(to: target.localEndpoint, in: place) }
    for peer in peers { peer.send([0x47]) }
    #expect(bench.drive { target.streams.silentStrangers >= 36 })
    #expect(target.streams.connections <= 4)
    #expect(bench.drive { target.streams.silentStrangers == 40 && target.streams.connections == 0 })
    #expect(peers.allSatisfy { $0.isClosed })
    try expectServes(target, bench, place)
  }

  @Test(
    "connections are bounded, and room is kept for those that this side opens", arguments: StreamKind.allCases
  )
  func limit(kind: StreamKind) throws {
    let place = try StreamPlace(kind)
    let target = try place.transport { $0.connectionLimit = 8 }
    let bench = Bench([target])
    let peers = (0..<20).map { number in
      let peer = RawPeer(to: target.localEndpoint, in: place)
      peer.send(RawPeer.hello(port: UInt16(2_000 + number)) + RawPeer.frame([UInt8(number)]))
      bench.step()
      return peer
    }
    #expect(bench.drive { target.streams.accepted + target.streams.refusedConnections == 20 })
    #expect(target.streams.accepted == 6 && target.streams.connections == 6)
    #expect(peers.filter { $0.isClosed }.count == 14)
    let honest = try place.transport()
    bench.transports.append(honest)
    bench.arrived.append([])
    target.send([[5]], to: honest.localEndpoint)
    #expect(bench.drive { bench.bytes(1) == [[5]] })
  }

  @Test("a flood from one peer does not keep another waiting", arguments: StreamKind.allCases)
  func fairness(kind: StreamKind) throws {
    let place = try StreamPlace(kind)
    let target = try place.transport()
    let bench = Bench([target])
    let loud = RawPeer(to: target.localEndpoint, in: place)
    let soft = RawPeer(to: target.localEndpoint, in: place)
    loud.send(RawPeer.hello(port: 3_001))
    soft.send(RawPeer.hello(port: 3_002))
    #expect(bench.drive { target.streams.accepted == 2 })
    loud.send((0..<5_000).flatMap { _ in RawPeer.frame([1]) })
    soft.send(RawPeer.frame([2]))
    _ = isReadable(target.fileDescriptor)
    var taken: [UInt16] = []
    for _ in 0..<3 {
      let count = target.receive()
      taken += (0..<count).map { target.source($0).port }
    }
    #expect(taken.contains(3_002) && taken.count <= 192)
  }

  @Test(
    "somebody who claims the port of a peer that this side has connected to does not take its datagrams",
    arguments: StreamKind.allCases)
  func claim(kind: StreamKind) throws {
    let place = try StreamPlace(kind)
    let victim = try place.transport()
    let target = try place.transport()
    let bench = Bench([target, victim])
    target.send([[1]], to: victim.localEndpoint)
    #expect(bench.drive { bench.bytes(1) == [[1]] && target.streams.opened == 1 })
    let thief = RawPeer(to: target.localEndpoint, in: place)
    thief.send(RawPeer.hello(port: victim.localEndpoint.port, run: 0))
    #expect(bench.drive { target.streams.accepted == 1 })
    target.send([[2]], to: victim.localEndpoint)
    #expect(bench.drive { bench.bytes(1) == [[1], [2]] })
  }

  @Test("bytes leave the ring as they came, around its end too")
  func ring() {
    var ring = ByteRing(capacity: 10)
    var expected: [UInt8] = []
    var next: UInt8 = 0
    var generator = Generator(seed: 3)
    for _ in 0..<1_000 {
      let piece = (0..<generator.below(8)).map { next &+ UInt8($0) }
      if piece.withUnsafeBytes({ ring.append($0) }) {
        expected += piece
        next &+= UInt8(piece.count)
      } else {
        #expect(piece.count > 10 - expected.count)
      }
      let pieces = ring.pieces()
      #expect(Array(pieces.first) + Array(pieces.second) == expected)
      let taken = min(Int(generator.below(6)), expected.count)
      ring.consume(taken)
      expected.removeFirst(taken)
    }
    #expect(ring.count == expected.count)
  }
}
