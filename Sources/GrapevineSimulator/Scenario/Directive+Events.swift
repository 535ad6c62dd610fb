// The directives of what happens when, and of what must come of it.

import GrapevineCore

extension Directive {
  static let events: [Directive] = [
    Directive(
      name: "join", parts: [.place("amount", .amount, optional: true)],
      help: "Processes start and join, the rest of them unless said ('at 0s..10s join' if no line says when)",
      meaning: .span { .join($0.amount("amount")) }),
    Directive(
      name: "broadcast",
      parts: [
        .place("count", .count(1...Scenario.messagesLimit)),
        .keyword("from", .count(1...Scenario.nodesLimit), optional: false), .keyword("over", .anyTime),
        .keyword("size", .sizes(1...1_024)), .keyword("level", .word(["reliable", "best-effort"])),
      ],
      help: "So many messages (of 64 bytes unless said) from so many processes in turn, evenly over a time",
      meaning: .moment {
        .broadcast(
          BroadcastPlan(
            count: $0.integer("count"), senders: $0.integer("from"), duration: $0.time("over") ?? 0,
            sizes: $0.range("size", or: 64...64),
            level: $0.text("level") == "best-effort" ? .bestEffort : .reliable))
      }),
    Directive(
      name: "partition",
      parts: [.place("groups", .count(2...64)), .flag("one-way"), .keyword("for", .someTime)],
      help: "The network splits into random groups; one-way lets each group reach those after it",
      meaning: .moment {
        .partition(groups: $0.integer("groups"), isOneWay: $0.has("one-way"), duration: $0.time("for"))
      }),
    Directive(name: "heal", help: "The partition ends", meaning: .moment { _ in .heal }),
    Directive(
      name: "crash", parts: [.place("amount", .amount), .keyword("for", .someTime)],
      help: "Running processes end without a word, and start again after the time if there is one",
      meaning: .span { .crash($0.amount("amount") ?? .count(0), duration: $0.time("for")) }),
    Directive(
      name: "restart", parts: [.place("amount", .amount)],
      help: "Crashed processes start again, as new members",
      meaning: .span { .restart($0.amount("amount") ?? .count(0)) }),
    Directive(
      name: "leave", parts: [.place("amount", .amount)], help: "Running processes leave gracefully",
      meaning: .span { .leave($0.amount("amount") ?? .count(0)) }),
    Directive(
      name: "pause",
      parts: [.place("amount", .amount), .keyword("for", .someTime, optional: false)],
      help: "Running processes stand still; what arrives waits in their receive buffers",
      meaning: .span { .pause($0.amount("amount") ?? .count(0), $0.time("for") ?? 1) }),
    Directive(
      name: "block",
      parts: [.place("amount", .amount), .keyword("for", .someTime, optional: false)],
      help: "Running processes neither send nor receive, though their timers go on; what they would waits",
      meaning: .span { .block($0.amount("amount") ?? .count(0), $0.time("for") ?? 1) }),
    Directive(
      name: "deafen",
      parts: [
        .place("amount", .amount), .keyword("loss", .share, optional: false), .keyword("for", .someTime),
      ],
      help: "Running processes lose so much of what arrives, until the time is over if there is one",
      meaning: .span {
        .deafen($0.amount("amount") ?? .count(0), loss: $0.real("loss"), duration: $0.time("for"))
      }),
    Directive(
      name: "end",
      help:
        "Partitions end, and the run goes on until all is repaired, at most 240 s (if not said: after all)",
      meaning: .end),
  ]

  static let expectations: [Directive] = deliveries + membershipExpectations

  private static let deliveries: [Directive] = [
    Directive(
      name: "delivered", parts: [.place("share", .share)],
      help:
        "At least so much of what the reliable level promises was delivered (100%, if nothing is expected)",
      meaning: .expectation { ScenarioExpectation(measure: .delivered, limit: $0.real("share")) }),
    most("duplicates", .duplicates, "Messages that a node delivered again"),
    most("damaged", .damaged, "Messages delivered with bytes that nobody sent"),
    most("gaps", .gaps, "Gaps that nodes reported"),
    Directive(
      name: "reach", parts: [.place("share", .share), .keyword("within", .someTime, optional: false)],
      help: "At least so much of all deliveries, at any level, took place within the time from the broadcast",
      meaning: .expectation {
        ScenarioExpectation(measure: .reach, limit: $0.real("share"), time: $0.time("within") ?? 0)
      }),
    Directive(
      name: "repaired", parts: [.keyword("within", .someTime, optional: false)],
      help: "Everything was delivered within the time from the end of the faults",
      meaning: .expectation {
        ScenarioExpectation(measure: .repaired, limit: 0, time: $0.time("within") ?? 0)
      }),
    Directive(
      name: "copies", parts: [.place("number", .decimal(1...1_000))],
      help: "At most so many copies were received for one delivery",
      meaning: .expectation { ScenarioExpectation(measure: .copies, limit: $0.real("number")) }),
  ]

  static func most(
    _ name: String, _ measure: ScenarioExpectation.Measure, _ help: String
  ) -> Directive {
    Directive(
      name: name, parts: [.place("count", .count(0...1_000_000_000))], help: help + ", at most so many",
      meaning: .expectation { ScenarioExpectation(measure: measure, limit: Double($0.integer("count"))) })
  }
}
