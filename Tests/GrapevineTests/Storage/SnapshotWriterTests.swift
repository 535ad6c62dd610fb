import Foundation
import GrapevineCore
import Testing

@testable import Grapevine

@Suite("When members are written", .timeLimit(.minutes(5)))
struct SnapshotWriterTests {
  let temporary: TemporaryDirectory

  init() throws { temporary = try TemporaryDirectory() }

  func loaded() throws -> StoredSnapshot? { try SnapshotDirectory(temporary.path).load().stored }

  @Test("of many snapshots the last is on the disk when the writer has finished, and the directory is free")
  func order() async throws {
    let writer = SnapshotWriter(try SnapshotDirectory(temporary.path))
    for count in 0..<200 { writer.submit(storedSnapshot(count)) }
    await writer.finish(storedSnapshot(300))
    #expect(try loaded() == storedSnapshot(300))
    #expect(writer.record.failures == 0)
    #expect((1...201).contains(writer.record.written))
    // After the end nothing is written any more.
    writer.submit(storedSnapshot(1))
    await writer.finish(storedSnapshot(2))
    #expect(try loaded() == storedSnapshot(300))
  }

  @Test("a snapshot written by the caller comes after all before it")
  func now() async throws {
    let writer = SnapshotWriter(try SnapshotDirectory(temporary.path))
    for round in 1...50 {
      writer.submit(storedSnapshot(round))
      writer.writeNow(storedSnapshot(round + 100))
      #expect(try SnapshotFormat.decode(temporary.read("members")) == storedSnapshot(round + 100))
    }
    await writer.finish(nil)
    #expect(try loaded() == storedSnapshot(150))
  }

  @Test("members are written when they change, and not more often than every five seconds")
  func pace() async throws {
    let keeper = try SnapshotKeeper(directory: temporary.path, name: "own")
    let start = Instant(nanoseconds: 1_000)
    func advance(_ time: Nanoseconds, _ count: Int) async -> UInt64 {
      keeper.advance(now: start + time) { storedSnapshot(count).snapshot }
      await keeper.writer.idle()
      return keeper.writer.record.written
    }
    #expect(keeper.deadline == .never)
    #expect(await advance(0, 1) == 0)
    keeper.noteChange()
    #expect(keeper.deadline <= start)
    #expect(await advance(0, 1) == 1)
    keeper.note([.member(.joined, StableID(name: "x"), MemberID(1), Endpoint(ipv4: 1, port: 1))])
    #expect(keeper.deadline == start + SnapshotKeeper.interval)
    #expect(await advance(SnapshotKeeper.interval - 1, 2) == 1)
    #expect(await advance(SnapshotKeeper.interval, 2) == 2)
    // All is written: one look whether that succeeded, and then there is nothing to do.
    #expect(await advance(2 * SnapshotKeeper.interval, 3) == 2)
    #expect(keeper.deadline == .never)
    keeper.note([.member(.suspected, StableID(name: "x"), MemberID(1), Endpoint(ipv4: 1, port: 1))])
    #expect(keeper.deadline == .never)
    await keeper.writer.finish(keeper.last(storedSnapshot(4).snapshot))
    #expect(try loaded() == storedSnapshot(4))
  }

  @Test("what could not be written is tried again, and is no reason to stop")
  func retry() async throws {
    let keeper = try SnapshotKeeper(directory: temporary.path, name: "own")
    let obstacle = try Obstacle(in: temporary)
    keeper.noteChange()
    for round in 0..<3 {
      let now = Instant() + UInt64(round) * SnapshotKeeper.interval
      #expect(keeper.deadline == now)
      keeper.advance(now: now) { storedSnapshot(2).snapshot }
      await keeper.writer.idle()
      #expect(keeper.writer.record.failures == UInt64(round + 1))
    }
    #expect(keeper.writer.record.lastFailure?.hasPrefix("open failed: ") == true)
    try obstacle.remove()
    keeper.advance(now: Instant() + 3 * SnapshotKeeper.interval) { storedSnapshot(2).snapshot }
    await keeper.writer.idle()
    #expect(keeper.writer.record == .init(written: 1, failures: 3, lastFailure: nil))
    #expect(try SnapshotFormat.decode(temporary.read("members")) == storedSnapshot(2))
  }

  @Test("what a node forgets while it leaves is kept, and its last incarnation counts")
  func parting() throws {
    let keeper = try SnapshotKeeper(directory: temporary.path, name: "own")
    #expect(keeper.last(storedSnapshot(3).snapshot) == nil)
    keeper.noteChange()
    keeper.part(storedSnapshot(3, incarnation: 4).snapshot)
    #expect(keeper.deadline == .never)
    #expect(keeper.last(MemberSnapshot(incarnation: 9)) == storedSnapshot(3, incarnation: 9))
    keeper.rejoin()
    #expect(keeper.deadline != .never)
    #expect(keeper.last(storedSnapshot(1).snapshot) == storedSnapshot(1))
    #expect(keeper.deadline == .never)
  }

  @Test("the incarnation of another name is not this node's")
  func otherName() throws {
    try SnapshotDirectory(temporary.path).write(storedSnapshot(3))
    #expect(try SnapshotKeeper(directory: temporary.path, name: "own").recalled.incarnation == 7)
    let other = try SnapshotKeeper(directory: temporary.path, name: "other")
    #expect(other.recalled == MemberSnapshot(incarnation: 0, members: storedSnapshot(3).snapshot.members))
  }

  @Test("at most 32 members are asked, the first 16 and others of chance, never the node itself")
  func contacts() throws {
    let stored = storedSnapshot(200)
    try SnapshotDirectory(temporary.path).write(stored)
    let keeper = try SnapshotKeeper(directory: temporary.path, name: "")
    let own = stored.snapshot.members[3].endpoint
    let contacts = keeper.contacts(without: own)
    #expect(contacts.count == 32 && Set(contacts).count == 32 && !contacts.contains(own))
    let first = stored.snapshot.members.prefix(17).map(\.endpoint).filter { $0 != own }
    #expect(Set(contacts).isSuperset(of: first))
    #expect(Set(contacts).isSubset(of: stored.snapshot.members.map(\.endpoint)))
    #expect(keeper.contacts(without: own) != contacts)
  }
}
