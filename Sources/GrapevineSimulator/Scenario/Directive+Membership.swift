// The directives about the list of members: how nodes keep it, and what must come of it.

import GrapevineCore

extension Directive {
  /// Settings of the list of members. One line adds one.
  static let membership: [Directive] = [
    setting(
      membershipSwitch, [.place("switch", .word(["on", "off"]))],
      "Whether nodes keep a list of members and probe them (on unless said)"
    ) { values, configuration in
      // Other lines may have said more about it before.
      let rules = configuration.membership ?? MembershipRules()
      configuration.membership = values.text("switch") == "off" ? nil : rules
    },
    setting(
      "members", [.place("count", .count(4...Scenario.nodesLimit))], "Members that a node lists at most"
    ) {
      $1.membership?.capacity = $0.integer("count")
    },
    setting("probe-interval", [.place("time", .someTime)], "The period in which a node probes one member") {
      $1.membership?.probeInterval = $0.duration("time")
    },
    setting(
      "probe-timeout", [.place("time", .someTime)],
      "How long a probe waits while no round trip was measured, before others are asked to probe too"
    ) {
      $1.membership?.probeTimeout = $0.duration("time")
    },
    setting("indirect-probes", [.place("count", .count(0...8))], "How many others are asked to probe too") {
      $1.membership?.indirectProbes = $0.integer("count")
    },
  ]

  static let membershipSwitch = "membership"

  /// What only makes sense where nodes keep a list of members: the names of settings and expectations.
  static let needingMembership =
    membership.map(\.name).filter { $0 != membershipSwitch }
    + membershipExpectations.map { "expect \($0.name)" }

  static let membershipExpectations: [Directive] = [
    Directive(
      name: membersExpectation, parts: [.keyword("within", .someTime, optional: false)],
      help: "Within the time from the end of the faults, every member took exactly the members to be alive",
      meaning: .expectation {
        ScenarioExpectation(measure: .members, limit: 0, time: $0.time("within") ?? 0)
      }),
    most("flaps", .flaps, "Times that a member took another one, which ran, to have failed"),
  ]

  static let membersExpectation = "members"
}
