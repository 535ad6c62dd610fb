// What `grapevine tuples` prints, and how it ends.

import Grapevine
import GrapevineConsole
import GrapevineCore
import Testing

@testable import GrapevineCommand

@Suite("Tuples: lines, output and exit codes")
struct TuplesOutputTests {
  /// What came out of a call that was given an agent's lines.
  struct Outcome: Equatable {
    var output: [UInt8] = []
    var error = ""
    var code: Int32?
    var text: String { String(decoding: output, as: UTF8.self) }
  }

  final class Record { var outcome = Outcome() }

  func run(
    _ verb: TuplesVerb, _ line: [String], _ answer: [String], isTerminal: Bool = false, isRead: Bool = true
  ) throws -> Outcome {
    let record = Record()
    var output = TuplesOutput(try TuplesCall(verb, try #require(try verb.table.parse(line))))
    output.isTerminal = isTerminal
    output.write = { bytes in
      record.outcome.output += bytes
      return isRead
    }
    output.complain = { record.outcome.error += $0 }
    for text in answer {
      record.outcome.code = try output.take(Array(text.utf8))
      if record.outcome.code != nil { break }
    }
    return record.outcome
  }

  static func line(_ tuple: Tuple, hasValue: Bool = true) -> String {
    var writer = JSONWriter()
    writer.object { TupleReport.fields(of: tuple, hasValue: hasValue, &$0) }
    return String(decoding: writer.bytes.dropLast(), as: UTF8.self)
  }

  static let version = TupleVersion(clock: TupleClock(bits: 7 << 16 | 1), writer: MemberID(0xc0ffee))
  static func tuple(_ key: [UInt8], _ value: [UInt8]) -> Tuple {
    Tuple(key: key, value: value, version: version)
  }
  static let end = "{\"end\":true,\"found\":true}"

  @Test("get writes the bytes and nothing else, but on a terminal ends the line")
  func get() throws {
    for value in [Array("a\u{0}ü\n".utf8), [0xff, 0x00, 0x0a], [], Array("x".utf8)] as [[UInt8]] {
      let lines = [Self.line(Self.tuple([0x6b], value)), Self.end]
      #expect(try run(.get, ["k"], lines) == Outcome(output: value, code: 0))
      let shown = try run(.get, ["k"], lines, isTerminal: true)
      #expect(shown.output == (value.last == 0x0a ? value : value + [0x0a]))
      #expect(try run(.get, ["k", "--json"], lines).text == lines[0] + "\n")
    }
    let none = try run(.get, ["k"], ["{\"end\":true,\"found\":false}"])
    #expect(none == Outcome(error: "grapevine tuples get: there is no tuple \"k\"\n", code: 3))
  }

  @Test("put and remove print the version; what is not there is 3, a condition that does not hold 4")
  func writes() throws {
    let end = "{\"end\":true,\"found\":true,\"version\":\"\(Self.version)\"}"
    for (verb, line) in [(TuplesVerb.put, ["k", "v"]), (.remove, ["k"])] {
      #expect(try run(verb, line, [end]) == Outcome(output: Array("\(Self.version)\n".utf8), code: 0))
      #expect(try run(verb, line + ["--json"], [end]).text == end + "\n")
      var writer = JSONWriter()
      TupleReport.error(.conditionFailed(present: Self.version), &writer)
      TupleReport.error(.conditionFailed(present: nil), &writer)
      TupleReport.error(.full, &writer)
      TupleReport.error(TupleStoreError(.full, "no room\u{1b}"), &writer)
      let errors = writer.bytes.split(separator: 0x0a).map { String(decoding: $0, as: UTF8.self) }
      #expect(try JSONReader.read(Array(errors[0].utf8)[...])["present"]?.text == Self.version.description)
      let failed = try run(verb, line, [errors[0]])
      #expect(failed.code == 4 && failed.output.isEmpty)
      #expect(failed.error.hasSuffix("the condition does not hold: the present version is \(Self.version)\n"))
      let absent = try run(verb, line, [errors[1]])
      #expect(absent.code == 4 && absent.error.hasSuffix("there is no such tuple\n"))
      for (error, part) in [(errors[2], "--tuple-limit"), (errors[3], "no room\\x1b")] {
        let failure = #expect(throws: ControlFailure.self) { try run(verb, line, [error]) }
        #expect(failure?.description.contains(part) == true, "\(failure as Any)")
      }
    }
    #expect(try run(.remove, ["k"], ["{\"end\":true,\"found\":false}"]).code == 3)
  }

  @Test("list has a line for each, that no value can break or make long; keys may be bytes")
  func list() throws {
    let tuples = [
      Self.tuple(Array("a\tb\n".utf8), Array("1\t2\n\u{1b}[2J".utf8)), Self.tuple([0xff, 0x01], [0xc0]),
      Self.tuple(Array("long".utf8), [UInt8](repeating: 0x78, count: 300)),
    ]
    let lines = tuples.map { Self.line($0) } + ["{\"end\":true,\"count\":3}"]
    let plain = try run(.list, [], lines)
    let long = String(repeating: "x", count: 256)
    #expect(
      plain.text
        == "a\\x09b\\x0a\t1\\x092\\x0a\\x1b[2J\nff01\t(1 bytes, not UTF-8)\nlong\t\(long)… (300 bytes)\n")
    #expect(plain.code == 0)
    #expect(try run(.list, ["--hex"], lines).text.hasPrefix("6109620a\t"))
    #expect(try run(.list, ["--json"], lines).text == lines.map { $0 + "\n" }.joined())
    let keys = tuples.map { Self.line($0, hasValue: false) } + ["{\"end\":true,\"count\":3}"]
    #expect(try run(.list, ["--keys"], keys).text == "a\\x09b\\x0a\nff01\nlong\n")
    #expect(try run(.list, [], lines, isRead: false).code == 0)
  }

  @Test("watch shows what is there, a mark and then changes, and ends only when nobody reads")
  func watch() throws {
    var writer = JSONWriter()
    let tuple = Self.tuple([0x6b], [0x76])
    TupleReport.change(TupleChange(kind: .published, tuple: tuple), at: 9, &writer)
    var gone = tuple
    gone.value = []
    TupleReport.change(TupleChange(kind: .removed, tuple: gone), at: 10, &writer)
    let changes = writer.bytes.split(separator: 0x0a).map { String(decoding: $0, as: UTF8.self) }
    let lines = [Self.line(tuple), "{\"end\":true,\"count\":1}"] + changes
    let shown = try run(.watch, [], lines)
    let text = shown.text.split(separator: "\n").map(String.init)
    #expect(shown.code == nil && text.count == 4)
    #expect(text[0] == "k\tv" && text[1] == "-- 1 tuples; changes follow --")
    #expect(text[2].hasSuffix("  published  k\tv") && text[3].hasSuffix("  removed    k"))
    #expect(try run(.watch, ["--json"], lines).text == lines.map { $0 + "\n" }.joined())
    #expect(try run(.watch, [], lines, isRead: false) == Outcome(output: Array("k\tv\n".utf8), code: 0))
    #expect(try run(.count, [], ["{\"end\":true,\"count\":12}"]).text == "12\n")
  }

  @Test("a line says everything of a tuple and reads back, whatever its bytes are")
  func fields() throws {
    for bytes in [[], [0xff], Array("a\"\u{9b}\u{0}é".utf8), [0xed, 0xa0, 0x80]] as [[UInt8]] {
      var tuple = Self.tuple(bytes, bytes)
      (tuple.expiresAt, tuple.isEphemeral) = (5, true)
      let value = try JSONReader.read(Array(Self.line(tuple).utf8)[...])
      let record = try #require(TupleRecord(value))
      #expect(record.key == bytes && record.value == bytes)
      #expect(value["version"]?.text == Self.version.description && value["expiresAt"]?.count == 5)
      #expect(value["ephemeral"] == .bool(true) && value["bytes"]?.count == UInt64(bytes.count))
      #expect((value["valueBase64"] == nil) == (String(validating: bytes, as: UTF8.self) != nil))
    }
    for text in ["{}", "[]", "{\"event\":\"news\",\"key\":\"\"}", "{\"keyHex\":\"0\"}", "{\"value\":\"\"}"] {
      #expect(TupleLine(try JSONReader.read(Array(text.utf8)[...])) == nil, "\(text)")
    }
  }

  @Test("every error says what is wrong; what was lost of an earlier run is said too")
  func words() {
    let errors: [TupleError] = [
      .keyTooLong(limit: 255), .valueTooLong(limit: 9), .lifetimeOutOfRange, .full, .wouldBlock,
      .conditionFailed(present: nil), .membershipNeeded, .disabled, .ended,
    ]
    #expect(Set(errors.map { TupleReport.text(of: $0) }).count == errors.count)
    #expect(TupleReport.failure(.valueTooLong(limit: 9)).reason == "valueTooLong")
    #expect(Report.text(TupleRecovery.none, count: 0) == nil)
    #expect(
      Report.text(.loaded(tuples: 4, refused: 0), count: 3) == "3 tuples of the last run are remembered")
    #expect(Report.text(.loaded(tuples: 3, refused: 2), count: 3)?.contains("2 were set aside") == true)
    #expect(
      Report.text(.damaged(reason: "rot", setAside: "x.damaged"), count: 0)?.contains("x.damaged") == true)
  }
}
