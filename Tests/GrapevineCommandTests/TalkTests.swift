import Foundation
import GrapevineConsole
import GrapevineCore
import Synchronization
import Testing

@testable import GrapevineCommand

@Suite("What is sent and asked through an agent: the words", .timeLimit(.minutes(5)))
struct TalkWordTests {
  private func bytes(_ line: String) -> [[UInt8]] {
    Array((ControlRequest.words(of: Array(line.utf8)) ?? []).dropFirst())
  }

  @Test("a line says what was meant, whatever is in the words")
  func roundTrip() throws {
    var words = TalkWords()
    words.length = 7
    words.members = ["web 1", "50%"]
    words.time = .milliseconds(1_500)
    #expect(words.line("ask") == "ask 7 within=1500 to=web%201 to=50%25")
    #expect(try TalkWords(ask: bytes(words.line("ask"))) == words)
    words.members = []
    words.tag = ("a key", "x=y")
    #expect(try TalkWords(ask: bytes(words.line("ask"))) == words)
    words.tag = ("empty", "")
    #expect(try TalkWords(ask: bytes(words.line("ask"))) == words)
    words.tag = nil
    #expect(try TalkWords(broadcast: bytes(words.line("broadcast"))) == words)
    words.time = nil
    (words.topic, words.order) = ("a topic", .causal)
    #expect(words.line("broadcast") == "broadcast 7 topic=a%20topic order=causal")
    let read = try TalkWords(broadcast: bytes(words.line("broadcast")))
    #expect(read == words && read.topic == "a topic" && read.order == .causal)
    (words.topic, words.order) = ("", .unordered)
    words.members = ["a b"]
    #expect(try TalkWords(send: bytes(words.line("send"))) == words)
  }

  @Test(
    "what cannot be meant is refused with what is allowed",
    arguments: [
      "ask", "ask x", "ask 1 within", "ask 1 within=0", "ask 1 within=x", "ask 1 within=99999999999",
      "ask 1 to=a tag=b=c", "ask 1 tag=b", "ask 1 tag==c", "ask 1 tag=a=b tag=c=d", "ask 1 else=1",
      "ask 99999999999", "ask 1 %ff=1",
    ])
  func refused(line: String) {
    #expect(throws: ControlFailure.self) { try TalkWords(ask: bytes(line)) }
  }

  @Test(
    "a message to all has a topic, an order, or receipts",
    arguments: [
      "broadcast", "broadcast 1 topic=", "broadcast 1 order=lifo", "broadcast 1 count=5 topic=a",
      "broadcast 1 count=5 order=fifo", "broadcast 1 else=1",
      "broadcast 1 topic=\(String(repeating: "x", count: 256))",
    ])
  func refusedBroadcast(line: String) {
    #expect(throws: ControlFailure.self) { try TalkWords(broadcast: bytes(line)) }
  }

  @Test(
    "the command line says what may not be together",
    arguments: [
      ["--topic", "", "x"], ["--topic", String(repeating: "x", count: 256), "x"], ["--order", "lifo", "x"],
      ["--to", "b", "--topic", "a", "x"], ["--to", "b", "--order", "fifo", "x"],
      ["--count", "1", "--topic", "a", "x"], ["--file", "a", "x"], ["--file", ""],
    ])
  func usage(arguments: [String]) {
    #expect(throws: UsageError.self) { try SendCommand.main(arguments) }
  }

  @Test("more than an agent takes is refused before it is sent")
  func length() throws {
    let words = try TalkWords(send: bytes("send a 100"))
    #expect(try words.checkedLength(limit: 100) == 100)
    #expect(throws: ControlFailure.self) { try words.checkedLength(limit: 99) }
    #expect(throws: ControlFailure.self) { try TalkWords(send: bytes("send a")) }
    #expect(throws: ControlFailure.self) { try TalkWords(send: bytes("send a 1 2")) }
    #expect(throws: ControlFailure.self) { try TalkWords(broadcast: bytes("broadcast 1 within=5")) }
  }
}

@Suite("The command that answers", .timeLimit(.minutes(5)))
struct AnswerProgramTests {
  private func answer(_ command: String, to question: String, limit: Int = 100) throws -> String {
    String(
      decoding: try AnswerProgram(command: command, limit: limit).output(for: Array(question.utf8)),
      as: UTF8.self)
  }

  @Test("it gets the question, and what it prints is the answer")
  func output() throws {
    #expect(try answer("cat", to: "hello") == "hello")
    #expect(try answer("read line; echo \"$line!\"; echo more", to: "one\ntwo") == "one!\nmore")
    #expect(try answer("echo not reading", to: String(repeating: "x", count: 1_000)) == "not reading")
    #expect(try answer("printf 0123456789", to: "", limit: 4) == "0123")
    #expect(try answer("true", to: "x") == "")
  }

  @Test("what an answer has no room for is cut off with a warning")
  func cut() throws {
    let told = Mutex<[String]>([])
    var program = AnswerProgram(command: "printf 0123456789", limit: 4)
    program.warn = { text in told.withLock { $0.append(text) } }
    #expect(try program.output(for: []) == Array("0123".utf8))
    #expect(told.withLock { $0.count } == 1 && told.withLock { $0[0].contains("10 bytes") })
    program = AnswerProgram(command: "printf 0123", limit: 4, warn: program.warn)
    #expect(try program.output(for: []) == Array("0123".utf8))
    #expect(told.withLock { $0.count } == 1)
  }

  @Test("one that closes its output and goes on is ended in time, with what it started")
  func endless() throws {
    let file = "/tmp/gv-answer-\(UInt32.random(in: 0 ... .max))"
    defer { try? FileManager.default.removeItem(atPath: file) }
    let program = AnswerProgram(
      command: "sleep 100 & echo $! > \(file); exec >&-; wait", limit: 4, patience: 300_000_000)
    let start = ContinuousClock.now
    #expect(throws: AnswerFailure.self) { try program.output(for: []) }
    #expect(start.duration(to: .now) < .seconds(60))
    let text = try String(contentsOfFile: file, encoding: .utf8)
    let grandchild = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    // Whoever inherits it may take a moment to take notice.
    #expect(Self.hasEnded(grandchild))
  }

  /// Whether a process is gone, or dead and not yet waited for.
  private static func hasEnded(_ process: Int32) -> Bool {
    for _ in 0..<5_000 where kill(process, 0) == 0 {
      let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
      if let status, status.contains(") Z ") || status.contains(") X ") { return true }
      usleep(1_000)
    }
    return kill(process, 0) != 0
  }

  @Test("a pipe that nobody reads ends what writes to it")
  func brokenPipe() throws {
    // What a shell starts inherits that SIGPIPE is ignored; a shell cannot undo it.
    signal(SIGPIPE, SIG_IGN)
    #expect(try answer("sh -c 'kill -PIPE $$; echo alive'; echo ended", to: "") == "ended")
  }

  @Test("one that fails, or never ends to print, gives no answer")
  func failures() {
    #expect(throws: AnswerFailure.self) { try answer("echo partly; exit 3", to: "x") }
    #expect(throws: AnswerFailure.self) { try answer("kill -9 $$", to: "x") }
    #expect(throws: AnswerFailure.self) { try answer("yes", to: "x") }
  }
}

@Suite("What is said of large messages that do not arrive")
struct TransferReportTests {
  private let id = TransferID(origin: MemberID(0x1234_5678_9abc_def0), sequence: 7)

  @Test("failures and cancellations are told, the rest is not")
  func told() throws {
    #expect(TransferReport(.progress(id, held: 1, total: 2)) == nil)
    #expect(TransferReport(.completed(id, bytes: 2)) == nil)
    for (update, state, words) in [
      (TransferUpdate.cancelled(id), "cancelled", "was cancelled"),
      (.failed(id, .unavailable), "failed", "failed (unavailable)"),
    ] {
      let report = try #require(TransferReport(update))
      #expect(report.text == "large message 7 of 12345678 \(words)")
      var output = JSONWriter()
      report.write(to: &output)
      let line = try JSONReader.read(output.bytes[...].dropLast())
      #expect(line["event"]?.text == "transfer" && line["state"]?.text == state)
      #expect(line["sequence"]?.count == 7 && line["sender"]?.text == id.origin.description)
    }
  }

  @Test("the help names all events")
  func help() {
    for event in ["orderGap", "transfer", "gap", "direct"] {
      #expect(AgentCommand.table.help.contains(event))
    }
  }
}

@Suite("grapevine send and ask, end to end", .serialized, .timeLimit(.minutes(5)))
struct TalkEndToEndTests {
  private typealias Running = EndToEndTests.Running

  /// Agents that all know each other, by name; `with` has what each is started with besides.
  private func agents(_ list: [(name: String, with: [String])], in directory: String) throws -> [Running] {
    var running: [Running] = []
    var contact: String?
    for (name, options) in list {
      var arguments = ["agent", "--json", "--bind", "127.0.0.1:0", "--name", name]
      arguments += ["--control", "\(directory)/\(name).sock"] + options
      if let contact { arguments += ["--join", contact] }
      let agent = try Running(arguments)
      let line = try #require(agent.line(with: "\"listening\""))
      let address = try JSONReader.read(Array(line.utf8)[...])["address"]?.text
      contact = contact ?? address
      running.append(agent)
    }
    // The first one hears of all the others; these need not know each other.
    for _ in list.dropFirst() { _ = try #require(running[0].line(with: "\"joined\"")) }
    return running
  }

  /// Asks again until the condition holds; false after a minute.
  private func eventually(_ condition: () throws -> Bool) throws -> Bool {
    for _ in 0..<1_200 {
      if try condition() { return true }
      usleep(50_000)
    }
    return false
  }

  private func withDirectory(_ body: (String) throws -> Void) throws {
    let directory = "/tmp/gv-talk-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try body(directory)
  }

  @Test("messages to one and to all, questions and receipts")
  func talk() throws {
    try withDirectory { directory in
      let running = try agents(
        [("a", []), ("b", ["--tag", "role=web", "--answer", "cat"]), ("c", ["--answer", "exit 1"])],
        in: directory)
      let agent = ["--agent", "\(directory)/a.sock"]
      func grapevine(_ arguments: String...) throws -> (output: String, error: String, code: Int32) {
        try Running(arguments + agent).finish()
      }
      let sent = try grapevine("send", "--to", "b", "for you alone")
      #expect(sent.code == 0 && sent.output.isEmpty && sent.error.isEmpty, "\(sent)")
      let direct = try #require(running[1].line(with: "\"direct\""))
      #expect(direct.contains("for you alone"))

      let counted = try grapevine("send", "--count", "60", "for all")
      #expect(counted.code == 0 && counted.output.hasSuffix("2 of 2 members have it\n"), "\(counted)")
      for one in running.dropFirst() {
        let line = try #require(one.line(with: "\"delivery\""))
        #expect(line.contains("for all"))
      }

      let asked = try grapevine("ask", "--tag", "role=web", "--within", "60", "load?")
      #expect(asked.code == 0 && asked.output == "b\tload?\n", "\(asked)")
      let partly = try grapevine("ask", "--within", "1", "who?")
      #expect(partly.code == 2 && partly.output == "b\twho?\n", "\(partly)")
      #expect(partly.error.contains("1 of 2"))

      let nobody = try grapevine("send", "--to", "nobody", "x")
      #expect(nobody.code == 1 && nobody.error.contains("no living member"), "\(nobody)")
      #expect(try grapevine("send", "--to", "b", "--count", "1", "x").code == 64)
      for one in running { one.process.terminate() }
      for one in running { #expect(one.finish().code == 0) }
    }
  }

  @Test("topics, order, files, standard input and lines that are longer than a datagram")
  func large() throws {
    try withDirectory { directory in
      let running = try agents(
        [("a", []), ("b", ["--topic", "news", "--topic", "more"]), ("c", [])], in: directory)
      let agent = ["--agent", "\(directory)/a.sock"]
      func grapevine(_ arguments: String...) throws -> (output: String, error: String, code: Int32) {
        try Running(arguments + agent).finish()
      }
      let long = String(repeating: "0123456789abcdef", count: 2_500)
      let file = "\(directory)/large"
      try long.write(toFile: file, atomically: true, encoding: .utf8)
      let sent = try grapevine("send", "--topic", "news", "--order", "fifo", "--file", file)
      #expect(sent.code == 0 && sent.output.isEmpty && sent.error.isEmpty, "\(sent)")
      #expect(try grapevine("send", "--topic", "news", "--order", "fifo", "small").code == 0)
      #expect(try grapevine("send", "--topic", "elsewhere", "unheard").code == 0)
      let first = try #require(running[1].line(with: "\"delivery\""))
      let event = try JSONReader.read(Array(first.utf8)[...])
      #expect(event["topic"]?.text == "news" && event["payload"]?.text == long)
      let second = try JSONReader.read(Array(try #require(running[1].line(with: "\"delivery\"")).utf8)[...])
      #expect(second["topic"]?.text == "news" && second["payload"]?.text == "small")

      let counted = try grapevine("send", "--count", "60", "--file", file)
      #expect(counted.code == 0 && counted.output.hasSuffix("2 of 2 members have it\n"), "\(counted)")
      running[0].input.fileHandleForWriting.write(Data("\(long)\n".utf8))
      let taken = try #require(running[0].line(with: "\"broadcast\""))
      let length = try JSONReader.read(Array(taken.utf8)[...])["length"]?.count
      #expect(length.map(Int.init) == long.utf8.count)
      for _ in 0..<2 {
        let line = try #require(running[2].line(with: "\"delivery\""))
        let event = try JSONReader.read(Array(line.utf8)[...])
        #expect(event["topic"] == nil && event["payload"]?.text == long)
      }
      let missing = try grapevine("send", "--file", "\(directory)/none")
      #expect(missing.code == 1 && missing.error.contains("does not exist"), "\(missing)")
      let toOne = try grapevine("send", "--to", "b", "--file", file)
      #expect(toOne.code == 1 && toOne.error.contains("at most"), "\(toOne)")
      for one in running { one.process.terminate() }
      for one in running { #expect(one.finish().code == 0) }
    }
  }

  @Test("an asker that crashes holds up nobody else")
  func crashedAsker() throws {
    try withDirectory { directory in
      let running = try agents(
        [("a", []), ("b", ["--answer", "touch \(directory)/asked; sleep 1; cat"]), ("c", [])], in: directory)
      let lost = try Running(["ask", "--to", "b", "--within", "60", "x", "--agent", "\(directory)/a.sock"])
      func members(_ status: String) throws -> String {
        try Running(["members", "--status", status, "--agent", "\(directory)/c.sock"]).finish().output
      }
      let isAsked = try eventually {
        try FileManager.default.fileExists(atPath: "\(directory)/asked") && members("alive").contains(" b ")
      }
      try #require(isAsked)
      kill(running[0].process.processIdentifier, SIGKILL)
      let asked = try Running(["ask", "--to", "b", "--within", "60", "y", "--agent", "\(directory)/c.sock"])
        .finish()
      #expect(asked.code == 0 && asked.output == "b\ty\n", "\(asked)")
      // After two seconds of sleep: nobody waited until the asker was found to be gone.
      #expect(!(try members("failed").contains(" a ")))
      _ = lost.finish()
      for one in running.dropFirst() { one.process.terminate() }
      for one in running.dropFirst() { #expect(one.finish().code == 0) }
    }
  }
}
