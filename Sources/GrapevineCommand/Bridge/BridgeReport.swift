// What a bridge says, in JSON for programs and in text for people.

import GrapevineBridge
import GrapevineConsole
import GrapevineCore
import GrapevineTransport

/// The lines of its output: for standard output, and notes for standard error.
enum BridgeReport {
  static func connected(
    _ side: String, _ address: Endpoint, _ isJSON: Bool, _ output: inout JSONWriter, _ note: inout String
  ) {
    guard isJSON else {
      note = "connected to \(side) as \(address.text)\n"
      return
    }
    object("connected", &output) {
      $0.field("side", side)
      $0.field("address", address.text)
    }
  }

  static func event(_ event: Bridge.Event, _ isJSON: Bool, _ output: inout JSONWriter, _ note: inout String) {
    switch event {
    case .carried(let message, let source, let target):
      guard isJSON else {
        let origin = message.origin.isEmpty ? "" : Terminal.printable(message.origin) + "  "
        return output.line("\(source) -> \(target)  \(origin)\(Terminal.printable(text(message)))")
      }
      object("carried", &output) { describe(message, source, target, &$0) }
    case .refused(let message, let source, let target, let reason):
      guard isJSON else {
        note =
          "not carried from \(source) to \(target): \(reason); \(message.payload.count) bytes "
          + "of \(Terminal.printable(message.origin))\n"
        return
      }
      object("refused", &output) {
        describe(message, source, target, &$0)
        $0.field("reason", reason)
      }
    case .carries:
      guard isJSON else {
        note = "carries messages from now on\n"
        return
      }
      object("carries", &output) { _ in }
    case .duty(let side, let isOurs):
      guard isJSON else {
        note =
          isOurs ? "carries for \(side) from now on\n" : "leaves \(side) to another bridge and stands by\n"
        return
      }
      object("duty", &output) {
        $0.field("side", side)
        $0.field("isOurs", isOurs)
      }
    }
  }

  static func traffic(
    _ side: String, _ traffic: Bridge.Traffic, _ isJSON: Bool, _ output: inout JSONWriter,
    _ note: inout String
  ) {
    guard isJSON else {
      note =
        "\(side): \(traffic.taken) came, \(traffic.given) went there, \(traffic.refused) refused, "
        + "\(traffic.left) left to other bridges\n"
      return
    }
    object("traffic", &output) {
      $0.field("side", side)
      $0.field("taken", traffic.taken)
      $0.field("given", traffic.given)
      $0.field("refused", traffic.refused)
      $0.field("left", traffic.left)
    }
  }

  private static func object(
    _ event: String, _ output: inout JSONWriter, _ body: (inout JSONWriter) -> Void
  ) {
    output.object {
      $0.field("event", event)
      body(&$0)
      $0.field("at", MonotonicClock.now().nanoseconds)
    }
  }

  private static func describe(
    _ message: BridgeMessage, _ source: String, _ target: String, _ object: inout JSONWriter
  ) {
    object.field("from", source)
    object.field("to", target)
    object.field("origin", message.origin)
    message.payload.withUnsafeBytes { object.field("payload", payload: $0) }
  }

  private static func text(_ message: BridgeMessage) -> String {
    String(decoding: message.payload, as: UTF8.self)
  }
}
