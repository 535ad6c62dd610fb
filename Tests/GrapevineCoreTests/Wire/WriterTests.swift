import Testing

@testable import GrapevineCore

@Suite("Buffers: writing stays in its place")
struct WriterTests {
  @Test("what was written can be overwritten and taken back")
  func overwrite() {
    let bytes = written { writer in
      writer.write(UInt8(1))
      writer.write(UInt32(2))
      writer.overwrite(at: 1, with: UInt16(0x0304))
      writer.write(UInt64(5))
      writer.truncate(to: 5)
    }
    #expect(bytes == [1, 3, 4, 0, 2])
  }

  @Test("a datagram buffer keeps datagrams apart and stops when it is full")
  func datagrams() {
    var buffer = DatagramBuffer(datagrams: 2, datagramLimit: 600)
    let bytes = [UInt8](repeating: 7, count: 600)
    let first = bytes[..<10].withUnsafeBytes { buffer.append($0, to: World.endpoint(1)) }
    let tooLong = (bytes + [1]).withUnsafeBytes { buffer.append($0, to: World.endpoint(1)) }
    let second = bytes.withUnsafeBytes { buffer.append($0, to: World.endpoint(2)) }
    let third = bytes[..<1].withUnsafeBytes { buffer.append($0, to: World.endpoint(3)) }
    #expect((first, tooLong, second, third) == (true, false, true, false))
    let lengths = (0..<buffer.count).map { buffer.bytes($0).count }
    #expect(lengths == [10, 600])
    let destination = buffer.record(1).destination
    #expect(destination == World.endpoint(2))
    buffer.removeAll()
    let isEmpty = buffer.count == 0 && buffer.hasRoom
    #expect(isEmpty)
  }

  @Test("a delivery buffer is full when either its messages or its bytes are")
  func deliveries() {
    var buffer = DeliveryBuffer(messages: 2, bytes: 10)
    let atFirst = (buffer.hasRoom(for: 10), buffer.hasRoom(for: 11))
    #expect(atFirst == (true, false))
    Array("abcdef".utf8).withUnsafeBytes {
      buffer.append(origin: 3, sequence: 4, level: .bestEffort, isTagged: true, hops: 1, payload: $0)
    }
    let afterOne = (buffer.hasRoom(for: 4), buffer.hasRoom(for: 5))
    #expect(afterOne == (true, false))
    buffer.append(
      origin: 3, sequence: 5, level: .reliable, isTagged: false, hops: 1,
      payload: UnsafeRawBufferPointer(start: nil, count: 0))
    let afterTwo = buffer.hasRoom(for: 0)
    #expect(!afterTwo)
    let payloads = (0..<buffer.count).map { String(decoding: buffer.payload($0), as: UTF8.self) }
    #expect(payloads == ["abcdef", ""])
    let first = buffer.record(0)
    #expect(first.origin == MemberID(3) && first.sequence == 4 && first.isTagged)
    #expect(first.level == .bestEffort)
  }
}
