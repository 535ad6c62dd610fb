// What a command line of `grapevine tuples` asks of an agent.

import Grapevine
import GrapevineConsole
import GrapevineCore

/// One call: what to ask, and how to show the answer.
struct TuplesCall: Sendable, Equatable {
  /// Where the value of a tuple is.
  enum Source: Equatable, Sendable {
    case bytes([UInt8])
    case file(String)
    case standardInput
  }

  let verb: TuplesVerb
  let agent: String
  var isJSON: Bool
  /// Whether keys are hexadecimal digits.
  var isHex = false
  /// Whether values are left out.
  var onlyKeys = false
  /// What is written or removed, and the key that is asked for.
  var write = TupleWrite(key: "")
  var source = Source.bytes([])
  /// What is listed or watched.
  var scope = TupleScope.everything
  var renewals = false

  /// The longest value that any configuration allows; see `TupleRules.valueLimit`.
  static let valueLimit = 1 << 24 - 1

  init(_ verb: TuplesVerb, _ arguments: Arguments) throws(UsageError) {
    self.verb = verb
    agent = arguments.text("--agent")
    isJSON = arguments.has("--json")
    isHex = arguments.has("--hex")
    switch verb {
    case .count: break
    case .get, .remove, .put: write.key = try key(arguments.operand ?? "", "KEY")
    case .list, .watch:
      if let prefix = arguments.operand { scope = .prefix(try key(prefix, "PREFIX")) }
    }
    if verb == .put {
      write.lifetime = try lifetime(arguments)
      source = try source(arguments)
    }
    if verb == .put || verb == .remove {
      write.condition = try condition(arguments)
      write.acknowledgement = arguments.has("--no-wait") ? .taken : .stored
    }
    onlyKeys = arguments.has("--keys")
    renewals = arguments.has("--renewals")
    if arguments.has("--key") {
      guard arguments.operands.isEmpty else {
        throw verb.table.failure("found PREFIX and --key; one is allowed")
      }
      scope = .key(try key(arguments.text("--key"), "--key"))
    }
  }

  /// The line to send, and what follows it.
  func request() throws(ControlFailure) -> (line: String, value: [UInt8]) {
    let key = ControlRequest.escaped(write.key.bytes)
    switch verb {
    case .get: return ("tuple-get \(key)", [])
    case .put:
      let value = try value()
      var write = write
      write.length = value.count
      return (write.putLine, value)
    case .remove: return (write.removeLine, [])
    case .list:
      var line = "tuple-list"
      if case .prefix(let prefix) = scope {
        line += " " + ControlRequest.escaped(prefix.bytes)
      } else if onlyKeys {
        line += " %"
      }
      return (onlyKeys ? line + " keys" : line, [])
    case .watch: return (scope.line(renewals: renewals), [])
    case .count: return ("tuple-count", [])
    }
  }

  /// The bytes of the value.
  private func value() throws(ControlFailure) -> [UInt8] {
    let (name, bytes): (String, [UInt8])
    do throws(FileFailure) {
      switch source {
      case .bytes(let text): (name, bytes) = ("the value", text)
      case .file(let path): (name, bytes) = (quoted(path), try readFile(path, limit: Self.valueLimit))
      case .standardInput: (name, bytes) = ("standard input", try readAll(0, limit: Self.valueLimit))
      }
    } catch {
      throw ControlFailure("the value cannot be had from \(sourceName), \(error.reason)")
    }
    guard bytes.count <= Self.valueLimit else {
      throw ControlFailure("\(name) is longer than any value may be, which is \(Self.valueLimit) bytes")
    }
    return bytes
  }

  private var sourceName: String {
    if case .file(let path) = source { quoted(path) } else { "standard input" }
  }
}

// Reading the options.
extension TuplesCall {
  private func key(_ text: String, _ name: String) throws(UsageError) -> TupleKey {
    guard let bytes = isHex ? Hexadecimal.bytes(text) : Array(text.utf8) else {
      throw verb.table.failure(
        "\(name) is \(quoted(text)); with --hex it must be pairs of hexadecimal digits")
    }
    guard bytes.count <= 255 else {
      throw verb.table.failure("\(name) has \(bytes.count) bytes; a key has at most 255")
    }
    return TupleKey(bytes)
  }

  private func lifetime(_ arguments: Arguments) throws(UsageError) -> TupleLifetime {
    let given = ["--expires", "--renewed", "--ephemeral"].filter(arguments.has)
    guard given.count <= 1 else {
      throw verb.table.failure("found \(given.joined(separator: " and ")); one is allowed")
    }
    guard let name = given.first else { return .permanent }
    guard name != "--ephemeral" else { return .ephemeral }
    guard let time = TimeText.milliseconds(arguments.text(name)) else {
      throw verb.table.failure("\(name) is \(quoted(arguments.text(name))); it must be \(TimeText.allowed)")
    }
    let duration = Duration.milliseconds(Int64(time))
    return name == "--expires" ? .expires(after: duration) : .renewed(every: duration)
  }

  private func condition(_ arguments: Arguments) throws(UsageError) -> TupleCondition? {
    let isAbsent = arguments.has("--if-absent")
    guard arguments.has("--if-version") else { return isAbsent ? .ifAbsent : nil }
    guard !isAbsent else { throw verb.table.failure("found --if-absent and --if-version; one is allowed") }
    guard let version = TupleVersion(arguments.text("--if-version")) else {
      throw verb.table.failure(
        "--if-version is \(quoted(arguments.text("--if-version"))); it must be a version such as "
          + "\(TupleReport.someVersion), as put prints and get --json shows them")
    }
    return .ifVersion(version)
  }

  private func source(_ arguments: Arguments) throws(UsageError) -> Source {
    let value = arguments.operands.dropFirst().first
    switch (value, arguments.has("--file")) {
    case (_?, true): throw verb.table.failure("found VALUE and --file; one is allowed")
    case (nil, true): return .file(arguments.text("--file"))
    case (nil, false):
      throw verb.table.failure("VALUE is missing; it is text, --file FILE, or - for standard input")
    case ("-"?, false): return .standardInput
    case (let text?, false): return .bytes(Array(text.utf8))
    }
  }
}
