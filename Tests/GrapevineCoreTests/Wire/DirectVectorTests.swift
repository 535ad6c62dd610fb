import Testing

@testable import GrapevineCore

@Suite("Wire: the examples of Docs/direct-messages.md")
struct DirectVectorTests {
  private static let third: UInt64 = 0x3333_3333_3333_3333
  private static let run: UInt64 = 0x1111_1111_1111_1111

  /// The examples by name. Their bytes were computed by another implementation, from what the document says.
  private static let documented = documentedVectors(in: "direct-messages.md")

  private func frame(_ write: (inout Writer) -> Void) -> [UInt8] {
    withUnsafeTemporaryAllocation(byteCount: 256, alignment: 8) { bytes in
      var writer = Writer(bytes)
      Frame.begin(Frame.direct, in: &writer)
      writer.write(Self.third)
      writer.write(Self.run)
      write(&writer)
      let openKey = Neighbourhood.openKey(clusterName: "example")
      Frame.finish(&writer, key: Frame.directKey(openKey, run: 0x2222_2222_2222_2222))
      return Array(writer.written(from: 0))
    }
  }

  private func say(
    _ number: UInt64, behind: UInt64, _ saying: Saying, isTagged: Bool = false, call: UInt64 = 0,
    lifetime: UInt64 = 0, _ payload: [UInt8], to writer: inout Writer
  ) {
    SayHeader(
      number: number, behind: behind, saying: saying, isTagged: isTagged, call: call, lifetime: lifetime
    ).write(to: &writer)
    writer.writeVariable(UInt64(payload.count))
    payload.withUnsafeBytes { writer.write($0) }
  }

  @Test("what is written is what the document shows")
  func written() {
    let report = CountReport(origin: Self.third, call: 2, version: 4, count: 17)
    func word(_ kind: UInt8) -> [UInt8] {
      withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { bytes in
        var writer = Writer(bytes)
        report.write(kind, to: &writer)
        return Array(writer.written(from: 0))
      }
    }
    let expected: [String: [UInt8]] = [
      "say": frame { writer in
        say(300, behind: 2, .message, Array("hi".utf8), to: &writer)
        say(301, behind: 3, .question, call: 5, lifetime: 1_000, Array("load?".utf8), to: &writer)
      },
      "answer": frame { say(7, behind: 0, .answer, isTagged: true, call: 5, [1, 0x61, 0xf6], to: &$0) },
      "heard": frame { writer in
        writer.write(MessageKind.heard)
        writer.writeVariable(298)
        writer.write(UInt64(2))
      },
      "count": word(MessageKind.count),
      "counted": word(MessageKind.counted),
    ]
    #expect(Self.documented == expected)
  }

  @Test("what is shown is read as the document says, and nothing shorter is read at all")
  func read() throws {
    let bytes = try #require(Self.documented["say"])
    func headers(_ bytes: [UInt8]) throws(DecodeError) -> [(UInt64, UInt64, Saying, UInt64, UInt64, String)] {
      var found: [(UInt64, UInt64, Saying, UInt64, UInt64, String)] = []
      var cursor = Cursor(bytes.span.bytes)
      _ = try cursor.readBytes(UInt64(Frame.memberHeader))
      while cursor.remaining > 0 {
        guard try cursor.read(UInt8.self) == MessageKind.say else { throw .unknownKind }
        let header = try SayHeader(from: &cursor)
        let payload = try cursor.readBytes(try cursor.readVariable())
        found.append(
          (
            header.number, header.behind, header.saying, header.call, header.lifetime,
            String(decoding: payload, as: UTF8.self)
          ))
      }
      return found
    }
    let found = try headers(bytes)
    #expect(found.count == 2)
    #expect(found[0] == (300, 2, .message, 0, 0, "hi"))
    #expect(found[1] == (301, 3, .question, 5, 1_000, "load?"))
    let whole = [Frame.memberHeader, Frame.memberHeader + 8, bytes.count]
    for length in 0..<bytes.count where !whole.contains(length) {
      #expect(throws: DecodeError.self) { try headers(Array(bytes[..<length])) }
    }
  }

  @Test(
    "headers that nobody writes are refused",
    arguments: [
      [0, 0, 0], [1, 1, 0], [100, 64, 0], [5, 0, 4], [5, 0, 0x20], [5, 0, 1, 0, 1], [5, 0, 1, 5, 0],
    ] as [[UInt8]])
  func refused(bytes: [UInt8]) {
    #expect(throws: DecodeError.self) {
      var cursor = Cursor(bytes.span.bytes)
      _ = try SayHeader(from: &cursor)
    }
  }
}
