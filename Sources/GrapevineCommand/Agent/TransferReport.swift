// What an agent says of large messages that do not arrive.

import GrapevineConsole
import GrapevineCore
import GrapevineTransport

/// The end of a large message that is not whole, of this member's or of another one.
struct TransferReport {
  let id: TransferID
  /// Why it was given up; nil when it was cancelled.
  let failure: TransferFailure?

  /// Takes an update; nil when there is nothing to say: it goes on, or is complete.
  init?(_ update: TransferUpdate) {
    switch update {
    case .progress, .completed: return nil
    case .cancelled(let id): (self.id, failure) = (id, nil)
    case .failed(let id, let reason): (self.id, failure) = (id, reason)
    }
  }

  private var state: String { failure == nil ? "cancelled" : "failed" }

  func write(to output: inout JSONWriter) {
    output.object { object in
      object.field("event", "transfer")
      object.field("state", state)
      object.field("sender", id.origin.description)
      object.field("sequence", id.sequence)
      if let failure { object.field("reason", "\(failure)") }
      object.field("at", MonotonicClock.now().nanoseconds)
    }
  }

  /// The same for people.
  var text: String {
    "large message \(id.sequence) of \(id.origin.description.prefix(8)) \(failure == nil ? "was cancelled" : "failed")"
      + (failure.map { " (\($0))" } ?? "")
  }
}
