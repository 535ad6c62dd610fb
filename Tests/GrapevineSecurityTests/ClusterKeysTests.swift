import GrapevineCore
import GrapevineTransport
import Testing

@testable import GrapevineSecurity

@Suite("The keys of running nodes", .timeLimit(.minutes(5)))
struct ClusterKeysTests {
  /// Two ends of a network in memory.
  private final class Ends {
    let network = MemoryNetwork()
    let first: MemoryTransport
    let second: MemoryTransport
    var buffer = DatagramBuffer(datagrams: 128, datagramLimit: 1_200)

    init() throws {
      first = try network.bind()
      second = try network.bind()
    }

    /// Sends payloads from one transport to the other end and returns what comes out there.
    func carry(_ payloads: [[UInt8]], from: any DatagramTransport, to: any DatagramTransport) -> [[UInt8]] {
      buffer.removeAll()
      for payload in payloads {
        payload.withUnsafeBytes { _ = buffer.append($0, to: to.localEndpoint) }
      }
      let sent = from.send(buffer, from: 0)
      guard sent == payloads.count else { return [] }
      return take(to)
    }

    func take(_ transport: any DatagramTransport) -> [[UInt8]] {
      var payloads: [[UInt8]] = []
      while case let count = transport.receive(), count > 0 {
        for index in 0..<count { payloads.append(Array(transport.datagram(index))) }
      }
      return payloads
    }
  }

  private func keys(_ firsts: UInt8..., policy: PlaintextPolicy = .sealedOnly) throws -> ClusterKeys {
    var keyring = try Keyring()
    for first in firsts { try keyring.install(clusterKey(first)) }
    return try ClusterKeys(keyring: keyring, policy: policy)
  }

  @Test("what is sealed arrives as it was, whatever its length, and is not readable on the way")
  func carried() throws {
    let ends = try Ends()
    let keys = try self.keys(0)
    let (sender, receiver) = (try keys.wrap(ends.first), try keys.wrap(ends.second))
    let payloads = [0, 1, 64, 1_170, 1_200].map { [UInt8](repeating: 0x61, count: $0) }
    #expect(ends.carry(payloads, from: sender, to: receiver) == payloads)
    ends.buffer.removeAll()
    payloads[2].withUnsafeBytes { _ = ends.buffer.append($0, to: ends.second.localEndpoint) }
    _ = sender.send(ends.buffer, from: 0)
    let seen = ends.take(ends.second)
    #expect(seen.count == 1 && seen[0].count == 64 + 27 && SealedFrame.isSealed(firstByte: seen[0][0]))
    #expect(seen[0].count { $0 == 0x61 } < 8)
    #expect(sender.overhead == SealedFrame.overhead)
    let counters = receiver.counters.layer
    #expect(counters?.opened == 5 && counters?.refused == 0)
    #expect(sender.counters.layer?.sealed == 6)
  }

  @Test("more datagrams than a batch are sealed and sent in order")
  func manyBatches() throws {
    let ends = try Ends()
    let keys = try self.keys(0)
    let payloads = (0..<128).map { [UInt8](repeating: UInt8($0), count: 300 + $0) }
    #expect(ends.carry(payloads, from: try keys.wrap(ends.first), to: try keys.wrap(ends.second)) == payloads)
  }

  @Test("plain, foreign, damaged, replayed, own and empty datagrams are dropped, counted and hold up nothing")
  func refused() throws {
    let ends = try Ends()
    let keys = try self.keys(0)
    let (sender, receiver) = (try keys.wrap(ends.first), try keys.wrap(ends.second))
    let other = try self.keys(32).wrap(ends.first)
    #expect(ends.carry([[1, 2, 3], []], from: ends.first, to: receiver).isEmpty)
    #expect(ends.carry([[1, 2, 3]], from: other, to: receiver).isEmpty)
    ends.buffer.removeAll()
    [7 as UInt8].withUnsafeBytes { _ = ends.buffer.append($0, to: ends.second.localEndpoint) }
    _ = sender.send(ends.buffer, from: 0)
    let frame = ends.take(ends.second)[0]
    var damaged = frame
    damaged[frame.count - 1] ^= 1
    #expect(ends.carry([damaged, frame, frame], from: ends.first, to: receiver) == [[7]])
    #expect(ends.carry([Array(frame.prefix(20))], from: ends.first, to: receiver).isEmpty)
    #expect(ends.carry([frame], from: ends.second, to: sender).isEmpty)
    let counters = receiver.counters.layer
    #expect(counters?.refusedPlain == 1 && counters?.refusedMalformed == 2)
    #expect(counters?.refusedUnknownKey == 1 && counters?.refusedForged == 1)
    #expect(counters?.refusedReplayed == 1 && counters?.opened == 1 && counters?.refused == 6)
    #expect(sender.counters.layer?.refusedOwn == 1)
  }

  @Test("a flood of nothing but refused datagrams does not keep whoever receives")
  func flood() throws {
    let ends = try Ends()
    let receiver = try keys(0).wrap(ends.second)
    ends.buffer.removeAll()
    for _ in 0..<128 {
      [1 as UInt8, 2].withUnsafeBytes { _ = ends.buffer.append($0, to: receiver.localEndpoint) }
    }
    for _ in 0..<7 { _ = ends.first.send(ends.buffer, from: 0) }
    let taken = receiver.receive()
    #expect(taken == 0)
    #expect(receiver.counters.datagramsReceived == 256)
  }

  @Test("keys change while transports run: install, use, retire, each from the next batch on")
  func rotation() throws {
    let ends = try Ends()
    let (here, there) = (try keys(0), try keys(0))
    let (sender, receiver) = (try here.wrap(ends.first), try there.wrap(ends.second))
    #expect(ends.carry([[1]], from: sender, to: receiver) == [[1]])
    for keys in [here, there] { try keys.install(clusterKey(32)) }
    try here.use(keyID(32))
    #expect(ends.carry([[2]], from: sender, to: receiver) == [[2]])
    #expect(ends.carry([[3]], from: receiver, to: sender) == [[3]])
    try there.use(keyID(32))
    for keys in [here, there] { try keys.retire(keyID(0)) }
    #expect(ends.carry([[4]], from: sender, to: receiver) == [[4]])
    #expect(try here.ids == [keyID(32)])
    #expect(try here.sealing == keyID(32))
    let old = try keys(0).wrap(ends.first)
    #expect(ends.carry([[5]], from: old, to: receiver).isEmpty)
    #expect(receiver.counters.layer?.refusedUnknownKey == 1)
    #expect(securityError { try here.retire(keyID(32)) }?.reason == .keyInUse)
    #expect(securityError { try here.use(keyID(0)) }?.reason == .unknownKey)
  }

  @Test("all keys of a full keyring may change between two batches")
  func wholesale() throws {
    let ends = try Ends()
    let keys = try self.keys(0, 1, 2, 3, 4, 5, 6, 7)
    let (sender, receiver) = (try keys.wrap(ends.first), try keys.wrap(ends.second))
    #expect(ends.carry([[1]], from: sender, to: receiver) == [[1]])
    for first in 0..<8 as Range<UInt8> {
      if first == 0 { try keys.use(keyID(7)) }
      try keys.retire(keyID(first))
      try keys.install(clusterKey(100 + first))
      try keys.use(keyID(100 + first))
    }
    #expect(ends.carry([[2]], from: sender, to: receiver) == [[2]])
    #expect(keys.ids.count == 8)
  }

  @Test(
    "a cluster moves from plain to sealed and back without a moment in which neighbours do not understand")
  func migration() throws {
    let ends = try Ends()
    let (here, there) = (try keys(0, policy: .plainOnly), try keys(0, policy: .plainOnly))
    let (first, second) = (try here.wrap(ends.first), try there.wrap(ends.second))
    let steps = PlaintextPolicy.allCases
    for step in steps + steps.reversed() {
      for keys in [here, there] {
        keys.policy = step
        #expect(ends.carry([[1]], from: first, to: second) == [[1]])
        #expect(ends.carry([[2]], from: second, to: first) == [[2]])
      }
    }
    #expect(
      PlaintextPolicy.allCases.map(\.name) == [
        "require-plain", "send-plain", "send-sealed", "require-sealed",
      ])
    #expect(PlaintextPolicy(name: "send-sealed") == .sendSealed && PlaintextPolicy(name: "sealed") == nil)
  }

  @Test("a change of keys is in their file before it counts, and does not count when it cannot be written")
  func file() throws {
    let directory = try SecretDirectory()
    let path = directory.file("keys")
    try KeyFile.write(keyring(0), to: path)
    try KeyFile.write(keyring(32), to: directory.file("new"))
    let keys = try ClusterKeys(file: path)
    #expect(try keys.install(file: directory.file("new")) == [keyID(32)])
    #expect(try keys.install(file: directory.file("new")).isEmpty)
    try keys.use(keyID(32))
    let sealing = try KeyFile.read(path).sealing
    #expect(try sealing == keyID(32))
    let gone = try ClusterKeys(file: path)
    try directory.remove()
    #expect(securityError { try gone.retire(keyID(0)) }?.reason == .fileMissing)
    #expect(gone.ids.count == 2)
  }
}
