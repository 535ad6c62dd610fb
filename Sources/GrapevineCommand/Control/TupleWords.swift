// The words behind requests about tuples, for both ends: as an agent reads them and as a client writes them.

import Grapevine
import GrapevineConsole
import GrapevineCore

/// How a tuple is to be written or removed.
struct TupleWrite: Equatable {
  var key: TupleKey
  /// The bytes of the value, which follow the line; none for a removal.
  var length = 0
  var lifetime = TupleLifetime.permanent
  var condition: TupleCondition?
  var acknowledgement = TupleAcknowledgement.stored

  static let usage =
    "tuple-put KEY LENGTH [expires=MS|renewed=MS|ephemeral] [if-absent|if-version=VERSION] [no-wait]"
  static let removeUsage = "tuple-remove KEY [if-version=VERSION] [no-wait]"

  init(key: TupleKey) { self.key = key }

  /// Reads the words behind `tuple-put`.
  init(put words: [[UInt8]]) throws(ControlFailure) {
    guard words.count >= 2 else { throw ControlFailure("found \(words.count) words; it is \(Self.usage)") }
    key = TupleKey(words[0])
    guard let length = Self.number(words[1]), length <= 1 << 32 else {
      throw ControlFailure("found \(quoted(words[1])) for the length of the value; it is \(Self.usage)")
    }
    self.length = Int(length)
    var (lifetimes, conditions) = (0, 0)
    for word in words.dropFirst(2) {
      let (name, value) = Self.parts(word)
      switch (name, value) {
      case ("expires", let value?):
        lifetime = .expires(after: try Self.time(value))
        lifetimes += 1
      case ("renewed", let value?):
        lifetime = .renewed(every: try Self.time(value))
        lifetimes += 1
      case ("ephemeral", nil):
        lifetime = .ephemeral
        lifetimes += 1
      case ("if-absent", nil):
        condition = .ifAbsent
        conditions += 1
      case ("if-version", let value?):
        condition = .ifVersion(try Self.version(value))
        conditions += 1
      case ("no-wait", nil): acknowledgement = .taken
      default: throw ControlFailure("found \(quoted(word)); it is \(Self.usage)")
      }
    }
    guard lifetimes <= 1, conditions <= 1 else {
      throw ControlFailure(
        "found \(lifetimes) lifetimes and \(conditions) conditions; at most one of each is allowed")
    }
  }

  /// Reads the words behind `tuple-remove`.
  init(remove words: [[UInt8]]) throws(ControlFailure) {
    guard let first = words.first else { throw ControlFailure("found no key; it is \(Self.removeUsage)") }
    key = TupleKey(first)
    for word in words.dropFirst() {
      switch Self.parts(word) {
      case ("if-version", let value?) where condition == nil: condition = .ifVersion(try Self.version(value))
      case ("no-wait", nil): acknowledgement = .taken
      default: throw ControlFailure("found \(quoted(word)); it is \(Self.removeUsage)")
      }
    }
  }

  /// The line that asks for it to be written.
  var putLine: String {
    var line = "tuple-put \(ControlRequest.escaped(key.bytes)) \(length)"
    switch lifetime {
    case .permanent: break
    case .expires(let time): line += " expires=\(Self.milliseconds(time))"
    case .renewed(let time): line += " renewed=\(Self.milliseconds(time))"
    case .ephemeral: line += " ephemeral"
    }
    return line + options
  }

  /// The line that asks for it to be removed.
  var removeLine: String { "tuple-remove \(ControlRequest.escaped(key.bytes))" + options }

  private var options: String {
    var line = ""
    switch condition {
    case nil: break
    case .ifAbsent: line += " if-absent"
    case .ifVersion(let version): line += " if-version=\(version)"
    }
    return acknowledgement == .taken ? line + " no-wait" : line
  }

  private static func milliseconds(_ time: Duration) -> Int64 {
    let (seconds, rest) = time.components
    return seconds.multipliedReportingOverflow(by: 1_000).partialValue &+ rest / 1_000_000_000_000_000
  }

  /// A word as its name and, behind an equals sign, its value.
  private static func parts(_ word: [UInt8]) -> (name: String, value: String?) {
    let parts = word.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
    let texts = parts.map { String(decoding: $0, as: UTF8.self) }
    return (texts.first ?? "", texts.count > 1 ? texts[1] : nil)
  }

  private static func number(_ word: [UInt8]) -> UInt64? {
    guard !word.isEmpty, word.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
    return UInt64(String(decoding: word, as: UTF8.self))
  }

  /// Beyond 2^50 ms no lifetime is allowed anyway, and up to there sums do not overflow.
  private static func time(_ text: String) throws(ControlFailure) -> Duration {
    guard let milliseconds = number(Array(text.utf8)), milliseconds <= 1 << 50 else {
      throw ControlFailure("found the time \(quoted(text)); it must be a number of milliseconds")
    }
    return .milliseconds(Int64(milliseconds))
  }

  private static func version(_ text: String) throws(ControlFailure) -> TupleVersion {
    guard let version = TupleVersion(text) else {
      throw ControlFailure("found the version \(quoted(text)); one looks like \(TupleReport.someVersion)")
    }
    return version
  }
}

extension TupleScope {
  static let usage = "tuple-watch [prefix PREFIX|key KEY] [renewals]"

  /// Reads the words behind `tuple-watch`.
  static func read(_ words: [[UInt8]]) throws(ControlFailure) -> (scope: TupleScope, renewals: Bool) {
    var rest = words[...]
    var scope = TupleScope.everything
    if rest.count >= 2 {
      switch String(decoding: rest[0], as: UTF8.self) {
      case "prefix": scope = .prefix(TupleKey(rest[1]))
      case "key": scope = .key(TupleKey(rest[1]))
      default: throw ControlFailure("found \(quoted(rest[0])); it is \(usage)")
      }
      rest = rest.dropFirst(2)
    }
    let renewals = rest.first?.elementsEqual("renewals".utf8) == true
    if let first = rest.dropFirst(renewals ? 1 : 0).first {
      throw ControlFailure("found \(quoted(first)); it is \(usage)")
    }
    return (scope, renewals)
  }

  /// The line that asks for a watch.
  func line(renewals: Bool) -> String {
    let scope =
      switch self {
      case .everything: ""
      case .prefix(let key): " prefix \(ControlRequest.escaped(key.bytes))"
      case .key(let key): " key \(ControlRequest.escaped(key.bytes))"
      }
    return "tuple-watch" + scope + (renewals ? " renewals" : "")
  }
}

/// The bytes in quotes, as text as far as they are.
func quoted(_ bytes: [UInt8]) -> String { quoted(String(decoding: bytes, as: UTF8.self)) }
