import Testing

@testable import GrapevineCore

@Suite("Wire: the examples of Docs/large-messages.md")
struct TransferVectorTests {
  private static let origin: UInt64 = 0x1111_1111_1111_1111
  private static let head = TransferHead(origin: origin, number: 7, length: 520, unit: 16)
  private static let content = (0..<520).map { UInt8(truncatingIfNeeded: $0) }

  /// The examples by name. Their bytes were computed by another implementation, from what the document says.
  private static let documented = documentedVectors(in: "large-messages.md")

  private static func announcement() throws -> Announcement {
    let content = try #require(content.withUnsafeBytes { LargeContent(copying: $0) })
    var announcement = Announcement(head: head, isTagged: false, checksum: content.checksum)
    announcement.sequence = 7
    return announcement
  }

  private static func transfers(_ identity: UInt64) -> Transfers {
    var transfers = Transfers(identity: MemberID(identity), configuration: World.small)
    (transfers.up, transfers.eager) = (1, 1)
    return transfers
  }

  private func bytes(_ write: (inout Writer) -> Void) -> [UInt8] {
    withUnsafeTemporaryAllocation(byteCount: 1_024, alignment: 8) { bytes in
      var writer = Writer(bytes)
      write(&writer)
      return Array(writer.written(from: 0))
    }
  }

  @Test("what is announced is what the document shows, and is read as such")
  func announced() throws {
    let announcement = try Self.announcement()
    let payload = announcement.withPayload { Array($0) }
    #expect(payload == Self.documented["announcement"])
    var withdrawal = announcement
    withdrawal.isWithdrawal = true
    #expect(withdrawal.withPayload { Array($0) } == Self.documented["withdrawal"])
    let ordered = bytes { writer in
      let topic: [UInt8] = [0x61]
      topic.withUnsafeBytes { topic in
        var message = OrderedMessage()
        (message.order, message.isTagged, message.topic, message.predecessor) = (.fifo, true, topic, 3)
        message.writePrefix(to: &writer)
      }
      payload.withUnsafeBytes { writer.write($0) }
    }
    #expect(ordered == Self.documented["ordered"])
    try ordered.withUnsafeBytes { bytes in
      let message = try OrderedMessage(bytes, sequence: 7)
      #expect(message.isLarge && message.order == .fifo && Array(message.topic) == [0x61])
      let read = try #require(Announcement(message.body, origin: Self.origin, sequence: 7, hops: 1))
      #expect(read.head == Self.head && read.checksum == announcement.checksum && !read.isWithdrawal)
    }
    let withdrawn = try #require(Self.documented["withdrawal"]).withUnsafeBytes {
      Announcement($0, origin: Self.origin, sequence: 9, hops: 1)
    }
    #expect(withdrawn?.isWithdrawal == true && withdrawn?.sequence == 7)
  }

  @Test("what a sender says is what the document shows")
  func sent() throws {
    var counters = Counters()
    var effects = Effects(for: World.small)
    var sender = Self.transfers(Self.origin)
    let content = try #require(Self.content.withUnsafeBytes { LargeContent(copying: $0) })
    let now = Instant(nanoseconds: 1_000_000_000)
    let hasStarted = sender.start(
      content, try Self.announcement(), now: now, counters: &counters, into: &effects)
    #expect(hasStarted)
    sender.peers[0].lossShare = 6_000
    var messages: [[UInt8]] = []
    while messages.count < 100 {
      let next = bytes { _ = sender.writeFragment(0, to: &$0, now: now, counters: &counters) }
      guard !next.isEmpty else { break }
      messages.append(next)
    }
    #expect(messages.count > 3 && messages.prefix(3).allSatisfy { $0[0] == MessageKind.fragment })
    #expect(messages[2] == Self.documented["fragment"])
    #expect(messages.dropFirst(3).first == Self.documented["parity"])
    let words = bytes { _ = sender.writeWords(0, to: &$0, counters: &counters) }
    #expect(words == Self.documented["have"])
  }

  @Test("what a receiver asks and says is what the document shows, and it reads what is shown")
  func received() throws {
    var counters = Counters()
    var effects = Effects(for: World.small)
    var receiver = Self.transfers(0x2222_2222_2222_2222)
    var now = Instant(nanoseconds: 1_000_000_000)
    func hear(_ name: String, _ receiver: inout Transfers) throws {
      let bytes = try #require(Self.documented[name])
      var cursor = Cursor(bytes.span.bytes)
      let kind = try cursor.read(UInt8.self)
      let head = try TransferHead(from: &cursor)
      #expect(head == Self.head)
      let elicits = try receiver.onLinkMessage(
        kind, head, from: 0, &cursor, isSettled: false, now: now, counters: &counters, into: &effects)
      #expect(elicits && cursor.remaining == 0)
    }
    func words(_ receiver: inout Transfers) -> [UInt8] {
      bytes { _ = receiver.writeWords(0, to: &$0, counters: &counters) }
    }
    _ = receiver.onAnnouncement(try Self.announcement(), now: now, counters: &counters, into: &effects)
    // The middle one of three is here.
    let middle = bytes { writer in
      Self.head.write(MessageKind.fragment, to: &writer)
      writer.write(UInt32(1))
      Self.content[256..<512].withUnsafeBytes { writer.write($0) }
    }
    var cursor = Cursor(middle.span.bytes)
    _ = try cursor.readBytes(UInt64(1 + TransferHead.byteCount))
    _ = try receiver.onLinkMessage(
      MessageKind.fragment, Self.head, from: 0, &cursor, isSettled: false, now: now, counters: &counters,
      into: &effects)
    _ = words(&receiver)
    now = now + 2_000_000_000
    receiver.advance(now: now, counters: &counters, into: &effects)
    #expect(words(&receiver) == Self.documented["want"])
    try hear("want", &receiver)
    try hear("have", &receiver)
    try hear("fragment", &receiver)
    #expect(counters.fragmentsReceived == 2)
    // The row stands in for the fragment that is missing.
    try hear("parity", &receiver)
    #expect(counters.fragmentsRecovered == 1 && counters.transfersReceived == 1)
    #expect(Array(effects.deliveries.payload(0)) == Self.content)
    try hear("stop", &receiver)
    try hear("gone", &receiver)
  }

  @Test("what a receiver says that has given up is what the document shows")
  func givenUp() throws {
    var counters = Counters()
    var effects = Effects(for: World.small)
    var receiver = Self.transfers(0x2222_2222_2222_2222)
    let now = Instant(nanoseconds: 1_000_000_000)
    _ = receiver.onAnnouncement(try Self.announcement(), now: now, counters: &counters, into: &effects)
    let id = TransferID(origin: MemberID(Self.origin), sequence: 7)
    let isCancelled = receiver.cancel(id, now: now, counters: &counters, into: &effects)
    #expect(isCancelled)
    let words = bytes { _ = receiver.writeWords(0, to: &$0, counters: &counters) }
    #expect(words == (Self.documented["stop"] ?? []) + (Self.documented["gone"] ?? []))
  }

  @Test("nothing shorter is read", arguments: ["fragment", "parity", "want", "stop", "have"])
  func truncated(name: String) throws {
    let bytes = try #require(Self.documented[name])
    var counters = Counters()
    var effects = Effects(for: World.small)
    for length in 0..<bytes.count {
      let part = Array(bytes[..<length])
      #expect(throws: DecodeError.self) {
        var receiver = Self.transfers(0x2222_2222_2222_2222)
        var cursor = Cursor(part.span.bytes)
        let kind = try cursor.read(UInt8.self)
        let head = try TransferHead(from: &cursor)
        _ = try receiver.onLinkMessage(
          kind, head, from: 0, &cursor, isSettled: false, now: Instant(), counters: &counters, into: &effects)
      }
    }
  }
}
