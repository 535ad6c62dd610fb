// Tuples in JSON, as an agent tells of them, and what can go wrong with them in words.

import Grapevine
import GrapevineConsole
import GrapevineCore

/// How tuples are written.
enum TupleReport {
  /// What a version looks like, for messages.
  static let someVersion = "1764547200000.0@00c0ffee00c0ffee"

  /// Everything that is known of a tuple, as fields.
  ///
  /// - Parameter hasValue: Whether there is a value and it is wanted.
  static func fields(of tuple: Tuple, hasValue: Bool = true, _ object: inout JSONWriter) {
    if let key = String(validating: tuple.key, as: UTF8.self) {
      object.field("key", key)
    } else {
      object.field("keyHex", Hexadecimal.text(tuple.key))
    }
    if hasValue {
      if let text = tuple.text {
        object.field("value", text)
      } else {
        object.field("valueBase64", String(decoding: Base64.encode(tuple.value), as: UTF8.self))
      }
    }
    object.field("bytes", tuple.value.count)
    object.field("version", tuple.version.description)
    if let time = tuple.expiresAt { object.field("expiresAt", time) }
    if tuple.isEphemeral { object.field("ephemeral", true) }
  }

  /// What became of a tuple, as a line.
  static func change(_ change: TupleChange, at: UInt64, _ output: inout JSONWriter) {
    output.object { object in
      object.field("event", "tuple")
      object.field("change", "\(change.kind)")
      fields(of: change.tuple, hasValue: change.isPresent, &object)
      object.field("at", at)
    }
  }

  /// What a store has done, as fields.
  static func fields(of store: TupleStoreStatistics, _ object: inout JSONWriter) {
    object.field("written", store.written)
    object.field("failures", store.failures)
    object.field("pending", store.pending)
    if let failure = store.lastFailure { object.field("failure", failure) }
  }

  /// A write that was refused, as a line; `reason` is for programs.
  static func error(_ error: TupleError, _ output: inout JSONWriter) {
    output.object { object in
      object.field("error", text(of: error))
      object.field("reason", reason(of: error))
      if case .conditionFailed(let present?) = error { object.field("present", present.description) }
    }
  }

  /// A write that is refused before its value has come.
  static func failure(_ error: TupleError) -> ControlFailure {
    ControlFailure(text(of: error), reason: reason(of: error))
  }

  /// A write that did not reach the disk, as a line.
  static func error(_ error: TupleStoreError, _ output: inout JSONWriter) {
    output.object { object in
      object.field("error", error.description)
      object.field("reason", "store")
    }
  }

  /// What went wrong, and what to do.
  static func text(of error: TupleError) -> String {
    switch error {
    case .keyTooLong(let limit): "the key is too long: it has at most \(limit) bytes"
    case .valueTooLong(let limit):
      "the value is too long: it has at most \(limit) bytes (--value-limit of all agents)"
    case .lifetimeOutOfRange: "the lifetime must be from 1 ms to 10 years"
    case .full:
      "the map of tuples is full: remove some, or raise --tuple-limit and --tuple-bytes of all agents"
    case .wouldBlock: "neighbours do not keep up: try again"
    case .conditionFailed(let present?): "the condition does not hold: the present version is \(present)"
    case .conditionFailed(nil): "the condition does not hold: there is no such tuple"
    case .membershipNeeded: "an ephemeral tuple needs the list of members, which this agent does not keep"
    case .disabled: "this agent keeps no tuples"
    case .ended: "the agent has left"
    }
  }

  /// The error's name, which stays the same.
  private static func reason(of error: TupleError) -> String {
    switch error {
    case .keyTooLong: "keyTooLong"
    case .valueTooLong: "valueTooLong"
    case .lifetimeOutOfRange: "lifetimeOutOfRange"
    case .full: "full"
    case .wouldBlock: "wouldBlock"
    case .conditionFailed: "condition"
    case .membershipNeeded: "membershipNeeded"
    case .disabled: "disabled"
    case .ended: "ended"
    }
  }
}
