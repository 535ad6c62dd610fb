// Counting deliveries.

import Testing

@testable import GrapevineCommand

@Suite("Demo: counting what arrived")
struct DemoLedgerTests {
  func text(_ ledger: DemoLedger, _ message: Int) -> String {
    String(decoding: ledger.payload(message), as: UTF8.self)
  }

  @Test("the origin counts, duplicates and damage do not, and times run from the origin")
  func counts() {
    var ledger = DemoLedger(nodes: 4, messages: 1, size: 16)
    #expect(ledger.expected == 4)
    // A delivery may be read before its origin's own report.
    ledger.deliver(text(ledger, 0), at: 1, from: 0, time: 3_000_000)
    ledger.deliver(text(ledger, 0), at: 0, from: 0, time: 1_000_000)
    ledger.deliver(text(ledger, 0), at: 2, from: 0, time: 5_000_000)
    #expect(ledger.millisecondsTo(share: 0.5) == [2])
    #expect(ledger.millisecondsTo(share: 1) == [])
    ledger.deliver(text(ledger, 0), at: 2, from: 0, time: 6_000_000)
    #expect(ledger.duplicates == 1)
    ledger.deliver(text(ledger, 0), at: 3, from: 2, time: 6_000_000)
    ledger.deliver("0 wrong", at: 3, from: 0, time: 6_000_000)
    ledger.deliver("9 wrong", at: 3, from: 0, time: 6_000_000)
    ledger.deliver(nil, at: 3, from: 0, time: 6_000_000)
    #expect(ledger.damaged == 4)
    #expect(ledger.delivered == 3)
    ledger.deliver(text(ledger, 0), at: 3, from: 0, time: 9_000_000)
    #expect(ledger.isComplete)
    #expect(ledger.millisecondsTo(share: 1) == [8])
  }

  @Test("a node that is excluded neither counts nor is expected")
  func excluded() {
    var ledger = DemoLedger(nodes: 3, messages: 2, size: 16)
    ledger.exclude(2)
    for node in 0..<3 { ledger.deliver(text(ledger, 0), at: node, from: 0, time: 1) }
    #expect(ledger.expected == 4)
    #expect(ledger.delivered == 2)
  }
}
