// How far a demo is, in place on a terminal; silent elsewhere.

import GrapevineConsole
import GrapevineCore
import GrapevineTransport

/// A line with a bar on standard error.
struct DemoProgress {
  private let isShown = Standard.hasTerminal
  private var lastAt: UInt64 = 0
  private var hasLine = false

  /// Time between two drawings, in nanoseconds. Chosen here: ten a second look continuous.
  private static let interval: UInt64 = 100_000_000
  private static let width = 30

  /// Shows `count` of `total`.
  mutating func show(_ what: String, _ count: Int, of total: Int) {
    let now = MonotonicClock.now().nanoseconds
    guard isShown, now &- lastAt >= Self.interval || count == total else { return }
    lastAt = now
    hasLine = true
    let filled = total > 0 ? min(Self.width, Self.width * count / total) : 0
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: Self.width - filled)
    Standard.error("\r\u{1b}[K[\(bar)] \(what) \(count) of \(total)")
  }

  /// Removes the line.
  mutating func end() {
    guard hasLine else { return }
    hasLine = false
    Standard.error("\r\u{1b}[K")
  }
}
