// A control socket and its clients, well-behaved and not.

import Foundation
import GrapevineConsole
import GrapevineCore
import Testing

@testable import GrapevineCommand

@Suite("Control socket: answers, limits and bad manners", .timeLimit(.minutes(5)))
struct ControlServerTests {
  /// A server in a directory of its own.
  struct Served {
    let directory = "/tmp/gv-\(UInt64.random(in: 0..<(.max)))"
    let path: String
    let server: ControlServer

    init(_ requests: [ControlRequest], patience: Nanoseconds = 10_000_000_000) async throws {
      signal(SIGPIPE, SIG_IGN)
      let place = ControlPlace(directory: directory)
      try place.prepare()
      path = place.path(port: 7_946)
      server = try ControlServer(try ControlSocket(path: path), requests: requests, patience: patience)
      try await server.start()
    }

    func end() async {
      await server.stop()
      try? FileManager.default.removeItem(atPath: directory)
    }

    /// Everything that is answered to the bytes, until the server ends the connection.
    func ask(_ text: String) throws -> String {
      let client = try TestClient(path)
      client.write(Array(text.utf8))
      return client.readToEnd()
    }
  }

  /// Says back what it was asked.
  static let echo = ControlRequest(name: "echo", usage: "echo WORD...") { words, answer in
    try await answer.post { $0.object { $0.field("words", words.joined(separator: "|")) } }
  }
  /// A list that no socket takes at once.
  static let list = ControlRequest(name: "list", usage: "list") { _, answer in
    try await answer.list(Array(0..<20_000)) { number, writer in
      writer.object { $0.field("text", String(repeating: "x", count: 100) + "\(number)") }
    }
    try await answer.post { $0.object { $0.field("end", true) } }
  }
  /// Events without end, until nobody takes them.
  static let flood = ControlRequest(name: "flood", usage: "flood") { _, answer in
    while true {
      try await answer.post { $0.object { $0.field("text", String(repeating: "x", count: 1_000)) } }
    }
  }
  static let failing = ControlRequest(name: "fail", usage: "fail") { _, _ in
    throw ControlFailure("as asked")
  }

  @Test("a request's words are answered; a word may hold any byte as %XX, and the line end may be CR LF")
  func words() async throws {
    let served = try await Served([Self.echo])
    #expect(try served.ask("echo a  b%20c %25\n") == "{\"words\":\"a|b c|%\"}\n")
    #expect(try served.ask("echo\r\n") == "{\"words\":\"\"}\n")
    #expect(
      ControlRequest.words(of: Array(ControlRequest.escaped("a b%\u{7f}\n=ü").utf8)) == [
        Array("a b%\u{7f}\n=ü".utf8)
      ])
    await served.end()
  }

  @Test(
    "what is no request gets an error and an end",
    arguments: [
      ("\n", "unknown request \"\"; allowed are echo WORD..., fail"),
      ("ech\n", "unknown request \"ech\"; allowed are echo WORD..., fail"),
      ("echo %4\n", "a request is UTF-8 without control characters"),
      ("echo %zz\n", "a request is UTF-8 without control characters"),
      ("echo \u{1b}[2J\n", "a request is UTF-8 without control characters"),
      ("echo %ff\n", "a request is UTF-8 without control characters"),
      ("fail\n", "as asked"),
      (String(repeating: "x", count: 1_025) + "\n", "a request has at most 1024 bytes"),
      (String(repeating: "\t", count: 1_025), "a request has at most 1024 bytes"),
    ])
  func refusals(line: String, error: String) async throws {
    let served = try await Served([Self.echo, Self.failing])
    let answer = try JSONReader.read(Array(try served.ask(line).utf8)[...])
    #expect(answer["error"]?.text?.hasPrefix(error) == true, "\(answer)")
    await served.end()
  }

  @Test("a line that comes byte by byte, and one of exactly the limit, are requests")
  func pieces() async throws {
    let served = try await Served([Self.echo])
    let client = try TestClient(served.path)
    for byte in "echo slowly\n".utf8 { client.write([byte]) }
    #expect(client.readToEnd() == "{\"words\":\"slowly\"}\n")
    let long = String(repeating: "x", count: 1_024 - 5)
    #expect(try served.ask("echo \(long)\n") == "{\"words\":\"\(long)\"}\n")
    await served.end()
  }

  @Test("a list of megabytes arrives whole and in order, with what comes behind it")
  func longList() async throws {
    let served = try await Served([Self.list])
    let lines = try served.ask("list\n").split(separator: "\n")
    #expect(lines.count == 20_001)
    #expect(lines.last == "{\"end\":true}")
    for number in [0, 63, 64, 19_999] { #expect(lines[number].hasSuffix("xx\(number)\"}")) }
    await served.end()
  }

  @Test("one who never reads is dropped, and holds up nobody meanwhile")
  func neverReads() async throws {
    let served = try await Served([Self.echo, Self.flood, Self.list], patience: 300_000_000)
    let flooded = try TestClient(served.path)
    flooded.write(Array("flood\n".utf8))
    let stuck = try TestClient(served.path)
    stuck.write(Array("list\n".utf8))
    #expect(try served.ask("echo here\n") == "{\"words\":\"here\"}\n")
    // Dropped means that what is left ends in the middle.
    #expect(flooded.waitForHangUp())
    #expect(stuck.waitForHangUp())
    #expect(flooded.readToEnd().utf8.count < 2 << 20)
    #expect(!stuck.readToEnd().contains("end"))
    await served.end()
  }

  @Test("one who says nothing is told so and dropped")
  func saysNothing() async throws {
    let served = try await Served([Self.echo], patience: 50_000_000)
    #expect(try served.ask("") == "{\"error\":\"no request came\"}\n")
    #expect(try served.ask("ech") == "{\"error\":\"no request came\"}\n")
    await served.end()
  }

  @Test("a line of a mebibyte and clients that vanish: the next one is served")
  func vanishing() async throws {
    let served = try await Served([Self.echo, Self.list])
    for _ in 0..<12 {
      let gone = try TestClient(served.path)
      gone.write(Array("list\n".utf8))
      gone.close()
    }
    let endless = try TestClient(served.path)
    endless.write([UInt8](repeating: 0x78, count: 1 << 20))
    endless.close()
    #expect(try served.ask("echo here\n") == "{\"words\":\"here\"}\n")
    await served.end()
  }

  @Test(
    "of a hundred connections sixteen are served and the others told so; when they go, there is room again")
  func crowd() async throws {
    let served = try await Served([Self.echo])
    let crowd = try (0..<ControlServer.clientLimit).map { _ in try TestClient(served.path) }
    for _ in ControlServer.clientLimit..<100 {
      #expect(try served.ask("").contains("16 others are being answered"))
    }
    for client in crowd { client.close() }
    // When the server has seen that they are gone, nobody says: asked until it has.
    var answer = ""
    for _ in 0..<1_000 where !answer.contains("here") { answer = try served.ask("echo here\n") }
    #expect(answer == "{\"words\":\"here\"}\n")
    await served.end()
  }

  @Test("stopping ends every connection")
  func stopping() async throws {
    let served = try await Served([Self.echo])
    let client = try TestClient(served.path)
    await served.end()
    #expect(client.readToEnd() == "")
    #expect(throws: ControlFailure.self) { try TestClient(served.path) }
  }
}

/// A client of a control socket that does as the test says.
final class TestClient {
  private var descriptor: Int32

  init(_ path: String) throws {
    // As the program does: a server that goes away is an error of `write`.
    signal(SIGPIPE, SIG_IGN)
    descriptor = UnixSocket.make()
    let error = UnixSocket.connect(descriptor, to: path)
    guard error == 0 else {
      Foundation.close(descriptor)
      descriptor = -1
      throw ControlFailure(path, error: -error)
    }
  }

  deinit { close() }

  func close() {
    if descriptor >= 0 { Foundation.close(descriptor) }
    descriptor = -1
  }

  /// Writes all of it, or as much as the server takes before it ends the connection.
  func write(_ bytes: [UInt8]) {
    _ = Standard.write(bytes, to: descriptor)
  }

  /// Says that nothing more will be written, and goes on reading.
  func endWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Everything until the connection ends.
  func readToEnd() -> String {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
      bytes += buffer[..<count]
    }
  }

  /// Waits until the server has ended the connection, without reading.
  func waitForHangUp() -> Bool {
    var wait = pollfd(fd: descriptor, events: 0, revents: 0)
    return poll(&wait, 1, 20_000) > 0 && wait.revents & Int16(POLLHUP) != 0
  }
}
