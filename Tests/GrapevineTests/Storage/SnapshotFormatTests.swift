import GrapevineCore
import Testing

@testable import Grapevine

@Suite("The members on a disk, as bytes", .timeLimit(.minutes(5)))
struct SnapshotFormatTests {
  static let address: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0x7f, 0, 0, 1]
  /// A record without its name: run 0x0102, incarnation 9, 127.0.0.1:7946.
  static let record: [UInt8] = [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 9] + address + [0, 0, 0, 0, 0x1f, 0x0a]

  /// What `decode` makes of content that ends in the right checksum.
  func decode(sealing content: [UInt8]) throws -> StoredSnapshot {
    try SnapshotFormat.decode(
      content + withUnsafeBytes(of: SnapshotFormat.checksum(content[...]).bigEndian) { Array($0) })
  }

  /// The start of a snapshot of version 1 by a node without a name.
  func head(count: UInt32, version: UInt8 = 1) -> [UInt8] {
    SnapshotFormat.magic + [0, version, 0, 0, 0, 7, 0] + withUnsafeBytes(of: count.bigEndian) { Array($0) }
  }

  @Test("what was written is read", arguments: [0, 1, 3, 4_096])
  func roundTrip(count: Int) throws {
    let stored = storedSnapshot(count)
    #expect(try SnapshotFormat.decode(SnapshotFormat.encode(stored)) == stored)
  }

  @Test("the bytes are those that the format says")
  func layout() throws {
    let member = RememberedMember(
      run: MemberID(0x0102), name: "ab", endpoint: Endpoint(ipv4: 0x7f00_0001, port: 0x1f0a), incarnation: 9)
    let content = head(count: 1) + Self.record + [2, 0x61, 0x62]
    let stored = StoredSnapshot(name: "", snapshot: MemberSnapshot(incarnation: 7, members: [member]))
    #expect(SnapshotFormat.encode(stored).dropLast(8) == content[...])
    #expect(try decode(sealing: content) == stored)
  }

  @Test("the checksum is FNV-1a")
  func checksum() {
    #expect(SnapshotFormat.checksum([]) == 0xcbf2_9ce4_8422_2325)
    #expect(SnapshotFormat.checksum(Array("foobar".utf8)[...]) == 0x8594_4171_f739_67e8)
  }

  @Test("cut short anywhere, or longer by a byte, it is refused")
  func truncation() {
    let bytes = SnapshotFormat.encode(storedSnapshot())
    for count in 0..<bytes.count {
      #expect(throws: SnapshotDamage.self) { try SnapshotFormat.decode(Array(bytes.prefix(count))) }
    }
    #expect(throws: SnapshotDamage.self) { try SnapshotFormat.decode(bytes + [0]) }
  }

  @Test("with any one bit changed it is refused")
  func bitFlips() {
    var bytes = SnapshotFormat.encode(storedSnapshot())
    var accepted: [Int] = []
    for bit in 0..<bytes.count * 8 {
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      if (try? SnapshotFormat.decode(bytes)) != nil { accepted.append(bit) }
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
    }
    #expect(accepted.isEmpty)
    #expect((try? SnapshotFormat.decode(bytes)) != nil)
  }

  @Test("with the right checksum and wrong content it is refused")
  func wrongContent() throws {
    let record = Self.record
    #expect(try decode(sealing: head(count: 1) + record + [0]).snapshot.members.count == 1)
    var noRun = record
    noRun[7] = 0
    noRun[6] = 0
    var noPort = record
    noPort[noPort.count - 2] = 0
    noPort[noPort.count - 1] = 0
    let names: [[UInt8]] = [
      [], [0, 0], [65] + [UInt8](repeating: 0x61, count: 65), [1, 0xff], [9, 0x61],
    ]
    var wrong = names.map { head(count: 1) + record + $0 }
    wrong += [noRun, noPort].map { head(count: 1) + $0 + [0] }
    wrong += [head(count: 0, version: 2), head(count: 1), head(count: .max) + record + [0]]
    wrong += [SnapshotFormat.magic, [UInt8](repeating: 0, count: SnapshotFormat.byteLimit)]
    for content in wrong { #expect(throws: SnapshotDamage.self) { try decode(sealing: content) } }
  }

  @Test("bytes of chance behind a right head and with the right checksum do no harm")
  func chance() {
    var generator = Generator(seed: 11)
    for _ in 0..<2_000 {
      let count = Int(generator.next() % 200)
      let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      _ = try? decode(sealing: head(count: 2) + bytes)
      _ = try? decode(sealing: bytes)
    }
  }

  @Test("no more is written than is read again, and nothing that would be refused")
  func limits() throws {
    var stored = storedSnapshot(SnapshotFormat.recordLimit + 10)
    stored.snapshot.members[0].endpoint.port = 0
    stored.snapshot.members[1].name = String(repeating: "x", count: 65)
    for index in 2..<stored.snapshot.members.count {
      stored.snapshot.members[index].name = String(repeating: "n", count: Member.nameLimit)
    }
    let bytes = SnapshotFormat.encode(stored)
    #expect(bytes.count <= SnapshotFormat.byteLimit)
    let read = try SnapshotFormat.decode(bytes)
    #expect(read.snapshot.members.count == SnapshotFormat.recordLimit)
    #expect(read.snapshot.members.first?.run == stored.snapshot.members[2].run)
  }
}
