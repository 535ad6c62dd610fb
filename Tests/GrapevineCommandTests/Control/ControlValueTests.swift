// Requests with bytes behind their line, answers that wait for their reader, and those who do neither well.

import Foundation
import GrapevineConsole
import Synchronization
import Testing

@testable import GrapevineCommand

@Suite("Control socket: values and slow readers", .timeLimit(.minutes(5)))
struct ControlValueTests {
  typealias Served = ControlServerTests.Served

  /// What has been done, to be looked at by the test.
  final class Count: Sendable {
    let value = Atomic<Int>(0)
    var now: Int { value.load(ordering: .acquiring) }
    func add() { value.add(1, ordering: .acquiringAndReleasing) }
  }

  /// Takes a value of at most a mebibyte and says how long it is and what its bytes add up to.
  static func put(_ count: Count = Count()) -> ControlRequest {
    .ofBytes(
      "put", usage: "put LENGTH",
      valueLength: { words in
        guard let length = words.first.flatMap({ Int(String(decoding: $0, as: UTF8.self)) }),
          length <= 1 << 20
        else { throw ControlFailure("at most a mebibyte") }
        return length
      },
      answer: { call, answer in
        count.add()
        try await answer.post { writer in
          writer.object { object in
            object.field("bytes", call.value.count)
            object.field("sum", call.value.reduce(0) { $0 + Int($1) })
          }
        }
      })
  }
  /// Says back the bytes of its words.
  static let hex = ControlRequest.ofBytes("hex", usage: "hex WORD...") { call, answer in
    let words = call.words.map { Hexadecimal.text($0) }.joined(separator: " ")
    try await answer.post { $0.object { $0.field("words", words) } }
  }
  /// Two mebibytes of lines, each made when there is room for it.
  static func stream(_ made: Count, _ ended: Count) -> ControlRequest {
    ControlRequest(name: "stream", usage: "stream") { _, answer in
      defer { ended.add() }
      for number in 0..<2_000 {
        try await answer.room()
        made.add()
        try await answer.send {
          $0.object { $0.field("text", String(repeating: "x", count: 1_000) + "\(number)") }
        }
      }
    }
  }

  @Test("a value arrives whole, whatever its bytes are and in however many pieces it comes")
  func values() async throws {
    let served = try await Served([Self.put()])
    #expect(try served.ask("put 5\nab\ncd") == "{\"bytes\":5,\"sum\":\(97 + 98 + 10 + 99 + 100)}\n")
    #expect(try served.ask("put 0\n") == "{\"bytes\":0,\"sum\":0}\n")
    #expect(try served.ask("put 2\r\n\u{0}\u{1}") == "{\"bytes\":2,\"sum\":1}\n")
    let slow = try TestClient(served.path)
    for byte in "put 3\nabc".utf8 { slow.write([byte]) }
    #expect(slow.readToEnd() == "{\"bytes\":3,\"sum\":294}\n")
    let long = try TestClient(served.path)
    long.write(Array("put \(1 << 20)\n".utf8) + [UInt8](repeating: 0xff, count: 1 << 20))
    #expect(long.readToEnd() == "{\"bytes\":\(1 << 20),\"sum\":\(255 << 20)}\n")
    await served.end()
  }

  @Test("a value that is too long is refused before it comes, one that does not end is not kept")
  func tooLong() async throws {
    let count = Count()
    let served = try await Served([Self.put(count)])
    for line in ["put 1048577\n", "put \(Int.max)\n", "put -1x\n", "put\n"] {
      #expect(try served.ask(line) == "{\"error\":\"at most a mebibyte\"}\n")
    }
    let endless = try TestClient(served.path)
    endless.write(Array("put 10\n".utf8) + [UInt8](repeating: 0x61, count: 4 << 20))
    #expect(endless.readToEnd().contains("announced with 10 bytes, and more came: nothing was done"))
    let mebibytes = try TestClient(served.path)
    mebibytes.write(Array("put 2000000\n".utf8) + [UInt8](repeating: 0x61, count: 2_000_000))
    #expect(mebibytes.readToEnd().contains("at most a mebibyte"))
    #expect(count.now == 0)
    await served.end()
  }

  @Test("a value that ends early is an error and does nothing, whether its sender waits or goes")
  func tooShort() async throws {
    let count = Count()
    let served = try await Served([Self.put(count)])
    let half = try TestClient(served.path)
    half.write(Array("put 10\nabcd".utf8))
    half.endWriting()
    #expect(half.readToEnd().contains("announced with 10 bytes, and 4 came: nothing was done"))
    for _ in 0..<ControlServer.clientLimit * 2 {
      let gone = try TestClient(served.path)
      gone.write(Array("put 10\nabcd".utf8))
      gone.close()
    }
    var answer = ""
    for _ in 0..<1_000 where !answer.contains("sum") { answer = try served.ask("put 1\na") }
    #expect(answer == "{\"bytes\":1,\"sum\":97}\n" && count.now == 1)
    await served.end()
  }

  @Test("who stops in the middle of a value is told so and dropped")
  func stops() async throws {
    let served = try await Served([Self.put()], patience: 50_000_000)
    #expect(try served.ask("put 10\nabc").contains("announced with 10 bytes, and 3 came"))
    #expect(try served.ask("put 1").contains("no request came"))
    await served.end()
  }

  @Test("words of any bytes, also of none, come through a line as they are")
  func words() async throws {
    let every = (0...255).map { UInt8($0) }
    for word in [[], [0xff, 0xfe], every, Array("ü %".utf8), Array("%".utf8)] as [[UInt8]] {
      let line = ControlRequest.escaped(word)
      #expect(line.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f })
      #expect(ControlRequest.words(of: Array("a \(line) b".utf8)) == [[0x61], word, [0x62]])
    }
    let served = try await Served([Self.hex])
    #expect(try served.ask("hex % %ff%00 a\n") == "{\"words\":\" ff00 61\"}\n")
    let key = ControlRequest.escaped([UInt8](repeating: 0xff, count: 255))
    #expect(key.utf8.count == 765)
    #expect(try served.ask("hex \(key)\n").contains(String(repeating: "ff", count: 255)))
    let raw = try TestClient(served.path)
    raw.write(Array("hex ".utf8) + [0xff, 0x0a])
    #expect(raw.readToEnd() == "{\"words\":\"ff\"}\n")
    await served.end()
  }

  @Test("a reader that is behind holds up its own answer only, and misses nothing")
  func behind() async throws {
    let (made, ended) = (Count(), Count())
    let served = try await Served([Self.stream(made, ended), Self.hex])
    let client = try TestClient(served.path)
    client.write(Array("stream\n".utf8))
    // The server works in order: when this is answered, the stream has gone as far as it gets.
    for _ in 0..<100 { #expect(try served.ask("hex a\n").contains("61")) }
    #expect(made.now > 0 && made.now < 2_000 && ended.now == 0, "\(made.now)")
    let lines = client.readToEnd().split(separator: "\n")
    #expect(lines.count == 2_000)
    for number in lines.indices { #expect(lines[number].hasSuffix("x\(number)\"}")) }
    await served.end()
  }

  @Test("one who asks for what waits for him and never reads is dropped, and whoever answers is told")
  func neverReads() async throws {
    let (made, ended) = (Count(), Count())
    let served = try await Served([Self.stream(made, ended), Self.hex], patience: 300_000_000)
    let stuck = try TestClient(served.path)
    stuck.write(Array("stream\n".utf8))
    #expect(stuck.waitForHangUp())
    for _ in 0..<10_000 where ended.now == 0 { _ = try served.ask("hex a\n") }
    #expect(ended.now == 1 && made.now < 2_000)
    await served.end()
  }
}
