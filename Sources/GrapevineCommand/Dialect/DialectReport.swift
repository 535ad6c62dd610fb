// What an agent of another system says, in JSON for programs and in text for people.

import GrapevineConsole
import GrapevineCore
import GrapevineDialect
import GrapevineDialectNode
import GrapevineTransport

/// The lines of its output.
enum DialectReport {
  private static var now: UInt64 { MonotonicClock.now().nanoseconds }

  static func listening(_ endpoint: Endpoint, _ options: DialectOptions, _ output: inout JSONWriter) {
    guard options.isJSON else { return output.line("listening on \(endpoint.text) for \(options.dialect)") }
    output.object {
      $0.field("event", "listening")
      $0.field("address", endpoint.text)
      $0.field("dialect", options.dialect)
      $0.field("at", now)
    }
  }

  static func lifecycle(_ state: Lifecycle, _ output: inout JSONWriter) {
    output.object {
      $0.field("event", "lifecycle")
      $0.field("state", "\(state)")
      $0.field("at", now)
    }
  }

  static func delivery(_ message: DialectMessage, _ options: DialectOptions, _ output: inout JSONWriter) {
    let name = AgentDialect.named(options.dialect)?.nameOf(message.origin) ?? message.originText
    guard options.isJSON else {
      let origin = message.origin.isEmpty ? "" : Terminal.printable(name) + "  "
      return output.line(origin + Terminal.printable(message.text))
    }
    output.object { object in
      object.field("event", "delivery")
      object.field("origin", name)
      object.field("sequence", message.sequence)
      message.payload.withUnsafeBytes { object.field("payload", payload: $0) }
      object.field("at", now)
    }
  }

  static func rejected(_ reason: String, _ output: inout JSONWriter) {
    output.object {
      $0.field("event", "rejected")
      $0.field("reason", reason)
      $0.field("at", now)
    }
  }

  static func counters(_ counters: DialectCounters, _ output: inout JSONWriter) {
    output.object {
      $0.field("event", "counters")
      $0.field("broadcasts", counters.broadcasts)
      $0.field("deliveries", counters.deliveries)
      $0.field("duplicates", counters.duplicates)
      $0.field("datagramsSent", counters.datagramsSent)
      $0.field("copiesSent", counters.copiesSent)
      $0.field("repeats", counters.repeats)
      $0.field("datagramsReceived", counters.datagramsReceived)
      $0.field("droppedMalformed", counters.droppedMalformed)
      $0.field("droppedUnexpected", counters.droppedUnexpected)
      $0.field("droppedOversized", counters.droppedOversized)
      $0.field("droppedExcess", counters.droppedExcess)
      $0.field("membersLost", counters.membersLost)
      $0.field("at", now)
    }
  }

  /// What went wrong, in a sentence that says what would do.
  static func reason(_ error: any Error, _ options: DialectOptions) -> String {
    switch error {
    case DialectError.addressUnusable(let endpoint):
      "\(endpoint.text) is of no use to \(options.dialect): --bind, or --advertise, must be one address that others reach, "
        + "such as 127.0.0.1:7070, and --join other peers' addresses"
    case DialectError.nobodyKnown: "nobody is known yet who would take it"
    case DialectError.payloadUnfit(let reason): "\(options.dialect) cannot carry it: \(reason)"
    case DialectNodeError.noContactAnswered: "none of \(options.contacts.joined(separator: ", ")) answered"
    default: "\(error)"
    }
  }
}
