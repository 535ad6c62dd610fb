// What `grapevine tuples` prints, and how it ends.

import Grapevine
import GrapevineConsole
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Prints the lines of an answer.
struct TuplesOutput {
  private let call: TuplesCall
  /// Whether the end of the answer, or in a watch of what was there, has come.
  private(set) var hasEnd = false
  /// Where to write; false when nobody reads any more.
  var write: ([UInt8]) -> Bool = { Standard.write($0, to: 1) }
  /// Where to complain.
  var complain: (String) -> Void = { Standard.error($0) }
  /// Whether somebody reads who wants lines to end.
  var isTerminal = isatty(1) == 1

  private typealias Code = TuplesCommand.Code

  init(_ call: TuplesCall) { self.call = call }

  /// Prints what a line says.
  ///
  /// - Returns: The exit code once all is done; nil while more is to come.
  /// - Throws: `ControlFailure` when the line is an error or no line of an agent.
  mutating func take(_ line: [UInt8]) throws(ControlFailure) -> Int32? {
    let value: JSONValue
    do {
      value = try JSONReader.read(line[...])
    } catch {
      throw ControlFailure("what answers is no agent: it sent what is \(error)")
    }
    switch TupleLine(value) {
    case .error(let reason): throw ControlFailure("the agent says: \(Terminal.printable(reason))")
    case .condition(let reason):
      complain("grapevine tuples \(call.verb.rawValue): \(Terminal.printable(reason))\n")
      return print(line, orText: nil) ?? Code.conditionNotMet
    case .tuple(let tuple):
      guard call.verb == .get, !call.isJSON else {
        return print(line, orText: tuple.text(isHex: call.isHex))
      }
      guard let bytes = tuple.value else {
        throw ControlFailure("what answers is no agent: it sent no value")
      }
      let mustBreak = isTerminal && bytes.last != UInt8(ascii: "\n")
      return write(mustBreak ? bytes + [UInt8(ascii: "\n")] : bytes) ? nil : Code.done
    case .end(let end):
      hasEnd = true
      return take(end, line)
    case .change(let change, let tuple):
      return print(
        line, orText: "\(WallClock.text())  \(padded(change, 9))  \(tuple.text(isHex: call.isHex))")
    case nil:
      // A later agent may say more.
      return print(line, orText: nil)
    }
  }

  private func take(_ end: TuplesEnd, _ line: [UInt8]) -> Int32? {
    guard end.isFound else {
      let key = TupleRecord.shown(key: call.write.key.bytes, isHex: call.isHex)
      complain("grapevine tuples \(call.verb.rawValue): there is no tuple \(quoted(key))\n")
      return Code.noSuchTuple
    }
    switch call.verb {
    case .get, .list:
      if call.isJSON, call.verb == .list { _ = print(line, orText: nil) }
      return Code.done
    case .put, .remove: return print(line, orText: end.version) ?? Code.done
    case .count: return print(line, orText: "\(end.count)") ?? Code.done
    case .watch: return print(line, orText: "-- \(end.count) tuples; changes follow --")
    }
  }

  /// Prints the line as it came, or the text for people.
  ///
  /// - Returns: The code to end with when nobody reads any more.
  private func print(_ line: [UInt8], orText text: String?) -> Int32? {
    guard let bytes = call.isJSON ? line : text.map({ Array($0.utf8) }) else { return nil }
    return write(bytes + [UInt8(ascii: "\n")]) ? nil : Code.done
  }
}
