// `grapevine tuples`, the built program, asking an agent that has a map of its own and no cluster.

import Foundation
import Grapevine
import GrapevineConsole
import GrapevineCore
import Synchronization
import Testing

@testable import GrapevineCommand

@Suite("Tuples: the program", .timeLimit(.minutes(5)))
struct TuplesProgramTests {
  typealias Running = EndToEndTests.Running

  /// A map with the requests of an agent.
  final class Map: Sendable {
    private let tuples = Mutex<[[UInt8]: Tuple]>([:])
    private let clock = Atomic<UInt64>(0)

    private func version() -> TupleVersion {
      let bits = clock.add(1, ordering: .relaxed).newValue
      return TupleVersion(clock: TupleClock(bits: bits), writer: MemberID(1))
    }

    private func check(_ write: TupleWrite, in map: [[UInt8]: Tuple]) -> TupleError? {
      let present = map[write.key.bytes]?.version
      switch write.condition {
      case .ifAbsent where present != nil: return .conditionFailed(present: present)
      case .ifVersion(let version) where present != version: return .conditionFailed(present: present)
      default: return nil
      }
    }

    private static func end(_ answer: ControlAnswer, _ fields: (inout JSONWriter) -> Void) async throws {
      try await answer.post { writer in
        writer.object { object in
          object.field("end", true)
          fields(&object)
        }
      }
    }

    var requests: [ControlRequest] { [get, put, remove, list] }

    private var get: ControlRequest {
      .ofBytes("tuple-get", usage: "") { call, answer in
        let tuple = self.tuples.withLock { $0[call.words[0]] }
        try await answer.list(tuple.map { [$0] } ?? []) { tuple, writer in
          writer.object { TupleReport.fields(of: tuple, &$0) }
        }
        try await Self.end(answer) { $0.field("found", tuple != nil) }
      }
    }

    private var put: ControlRequest {
      .ofBytes("tuple-put", usage: "", valueLength: { try TupleWrite(put: $0).length }) { call, answer in
        let write = try TupleWrite(put: call.words)
        let tuple = Tuple(key: call.words[0], value: call.value, version: self.version())
        let error = self.tuples.withLock { map in
          let error = self.check(write, in: map)
          if error == nil { map[tuple.key] = tuple }
          return error
        }
        if let error { return try await answer.post { TupleReport.error(error, &$0) } }
        try await Self.end(answer) { $0.field("version", tuple.version.description) }
      }
    }

    private var remove: ControlRequest {
      .ofBytes("tuple-remove", usage: "") { call, answer in
        let write = try TupleWrite(remove: call.words)
        let (error, found) = self.tuples.withLock { map in
          if let error = self.check(write, in: map) { return (TupleError?.some(error), false) }
          return (nil, map.removeValue(forKey: call.words[0]) != nil)
        }
        if let error { return try await answer.post { TupleReport.error(error, &$0) } }
        let version = self.version().description
        try await Self.end(answer) { object in
          object.field("found", found)
          if found { object.field("version", version) }
        }
      }
    }

    private var list: ControlRequest {
      .ofBytes("tuple-list", usage: "") { call, answer in
        let prefix = call.words.first ?? []
        let tuples = self.tuples.withLock { map in map.values.filter { $0.key.starts(with: prefix) } }
          .sorted { $0.name < $1.name }
        try await answer.list(tuples, pageLines: 1) { tuple, writer in
          writer.object { TupleReport.fields(of: tuple, hasValue: call.words.count < 2, &$0) }
        }
        try await Self.end(answer) { $0.field("count", tuples.count) }
      }
    }
  }

  /// What became of a call of the program.
  static func run(
    _ served: ControlServerTests.Served, _ line: String..., input: Data? = nil
  ) throws -> (output: Data, error: String, code: Int32) {
    let running = try Running(["tuples"] + line + ["--agent", served.path])
    if let input { running.input.fileHandleForWriting.write(input) }
    running.input.fileHandleForWriting.closeFile()
    let output = running.output.fileHandleForReading.readDataToEndOfFile()
    let rest = running.finish()
    return (output, rest.error, rest.code)
  }

  @Test("values go in and come out to the byte: text, bytes of a file, standard input, nothing")
  func values() async throws {
    let served = try await ControlServerTests.Served(Map().requests)
    let file = FileManager.default.temporaryDirectory.appending(path: "gv-\(UUID().uuidString)")
    let bytes = Data((0..<60_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) })
    try bytes.write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    #expect(try Self.run(served, "put", "a", "text ü\n").code == 0)
    #expect(try Self.run(served, "put", "b", "--file", file.path).code == 0)
    #expect(try Self.run(served, "put", "c", "-", input: bytes + bytes + bytes).code == 0)
    #expect(try Self.run(served, "put", "d", "").code == 0)
    #expect(try Self.run(served, "put", "00ff", "key of bytes", "--hex").code == 0)
    #expect(try Self.run(served, "get", "a").output == Data("text ü\n".utf8))
    #expect(try Self.run(served, "get", "b").output == bytes)
    #expect(try Self.run(served, "get", "c").output == bytes + bytes + bytes)
    #expect(try Self.run(served, "get", "d") == (Data(), "", 0))
    #expect(try Self.run(served, "get", "00FF", "--hex").output == Data("key of bytes".utf8))
    let list = try Self.run(served, "list", "--keys")
    #expect(list.output == Data("00ff\na\nb\nc\nd\n".utf8) && list.code == 0)
    let json = try Self.run(served, "get", "b", "--json").output
    let value = try JSONReader.read(Array(json.dropLast())[...])
    #expect(value["valueBase64"]?.text == bytes.base64EncodedString())
    await served.end()
  }

  @Test("scripts can tell how it ended")
  func codes() async throws {
    let served = try await ControlServerTests.Served(Map().requests)
    #expect(try Self.run(served, "get", "k").code == 3)
    #expect(try Self.run(served, "remove", "k").code == 3)
    let version = String(
      decoding: try Self.run(served, "put", "k", "1", "--if-absent").output.dropLast(), as: UTF8.self)
    #expect(TupleVersion(version) != nil)
    let taken = try Self.run(served, "put", "k", "2", "--if-absent")
    #expect(taken.code == 4 && taken.error.contains("the present version is \(version)"))
    #expect(try Self.run(served, "put", "k", "3", "--if-version", version).code == 0)
    #expect(try Self.run(served, "remove", "k", "--if-version", version).code == 4)
    #expect(try Self.run(served, "get", "k").output == Data("3".utf8))
    #expect(try Self.run(served, "remove", "k").code == 0)
    #expect(try Self.run(served, "count").code == 1)
    #expect(try Self.run(served, "put", "k").code == 2)
    #expect(try Self.run(served, "take", "k").code == 2)
    let file = try Self.run(served, "put", "k", "--file", "/no/such")
    #expect(file.code == 1 && file.error.contains("\"/no/such\", which does not exist"))
    await served.end()
    let dead = try Self.run(served, "get", "k")
    #expect(dead.code == 1 && dead.error.contains("there is no control socket"))
  }

  @Test("a reader that goes away ends it quietly")
  func brokenPipe() async throws {
    let served = try await ControlServerTests.Served(Map().requests)
    let value = Data(String(repeating: "x", count: 60_000).utf8)
    for key in 0..<20 { #expect(try Self.run(served, "put", "\(key)", "-", input: value).code == 0) }
    let list = try Running(["tuples", "list", "--json", "--agent", served.path])
    _ = list.output.fileHandleForReading.readData(ofLength: 10)
    try list.output.fileHandleForReading.close()
    list.process.waitUntilExit()
    #expect(list.process.terminationStatus == 0)
    #expect(list.error.fileHandleForReading.readDataToEndOfFile().isEmpty)
    await served.end()
  }
}
