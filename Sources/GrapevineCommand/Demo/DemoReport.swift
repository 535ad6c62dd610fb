// The outcome of a demo, for people and for programs.

import GrapevineConsole

/// What an agent counted, from the last line it printed.
struct AgentCounters {
  var copiesReceived: UInt64
  var deliveries: UInt64
  var repairs: UInt64
  var datagramsSent: UInt64
  var bytesSent: UInt64

  init(_ value: JSONValue) {
    copiesReceived = value["copiesReceived"]?.count ?? 0
    deliveries = value["deliveries"]?.count ?? 0
    repairs = value["repairs"]?.count ?? 0
    datagramsSent = value["transport"]?["datagramsSent"]?.count ?? 0
    bytesSent = value["transport"]?["bytesSent"]?.count ?? 0
  }
}

/// The numbers of a demo that is over.
struct DemoReport {
  private let options: DemoOptions
  private let ledger: DemoLedger
  private let gaps: Int
  private let unreported: Int
  private let deliveries: UInt64
  private let copiesReceived: UInt64
  private let repairs: UInt64
  private let datagramsSent: UInt64
  private let bytesSent: UInt64
  private let to50: [Double]
  private let to99: [Double]
  private let toAll: [Double]
  private let joins: [Double]
  private let formation: Double?

  init(_ demo: Demo) {
    options = demo.options
    ledger = demo.ledger
    gaps = demo.gaps
    let counters = demo.agents.compactMap(\.counters)
    unreported = demo.agents.count { $0.counters == nil && !$0.isKilled }
    deliveries = counters.reduce(0) { $0 + $1.deliveries }
    copiesReceived = counters.reduce(0) { $0 + $1.copiesReceived }
    repairs = counters.reduce(0) { $0 + $1.repairs }
    datagramsSent = counters.reduce(0) { $0 + $1.datagramsSent }
    bytesSent = counters.reduce(0) { $0 + $1.bytesSent }
    to50 = demo.ledger.millisecondsTo(share: 0.5)
    to99 = demo.ledger.millisecondsTo(share: 0.99)
    toAll = demo.ledger.millisecondsTo(share: 1)
    joins = demo.agents.dropFirst().compactMap { agent in
      agent.connectedAt.map { Double($0 - min($0, agent.startedAt)) / 1e6 }
    }
    let start = demo.agents.map(\.startedAt).min() ?? 0
    formation = demo.agents.compactMap(\.connectedAt).max().map { Double($0 - min($0, start)) / 1e6 }
  }

  /// Whether everything arrived, nothing twice, nothing damaged.
  var holds: Bool { ledger.isComplete && ledger.duplicates == 0 && ledger.damaged == 0 }

  private var copiesPerDelivery: Double? {
    deliveries > 0 ? Double(copiesReceived) / Double(deliveries) : nil
  }
  private var bytesPerDelivery: Double? { deliveries > 0 ? Double(bytesSent) / Double(deliveries) : nil }

  /// The number of the message, from 0, that took longest to reach all; nil when not all did.
  private var slowestMessage: Int? {
    guard toAll.count == options.messages else { return nil }
    return toAll.indices.max { toAll[$0] < toAll[$1] }
  }

  /// What the demo is going to do.
  static func opening(_ options: DemoOptions) -> String {
    "\(options.nodes) agents on \(options.transport == "unix" ? "Unix sockets" : "127.0.0.1"), \(options.messages) messages of \(options.size) bytes from "
      + (options.sendersAreAll ? "all in turn" : "one of them") + ", \(Fixed.short(options.rate)) a second"
      + (options.loss > 0 ? ", \(Fixed.short(options.loss * 100)) % of datagrams lost" : "")
      + (options.kills ? ", one agent killed half-way" : "") + ".\n"
  }

  /// The table and the verdict.
  var text: String {
    func times(_ list: [Double], of what: String = "message") -> String {
      guard let middle = median(list), let most = list.max() else { return "-" }
      return "\(Fixed.text(middle, decimals: 2)) ms, slowest \(what) \(Fixed.text(most, decimals: 2)) ms"
    }
    func optional(_ number: Double?, _ decimals: Int) -> String {
      number.map { Fixed.text($0, decimals: decimals) } ?? "-"
    }
    var rows: [(name: String, value: String)] = [
      ("expected deliveries", "\(ledger.expected)"),
      ("delivered", "\(ledger.delivered)"),
      ("duplicates", "\(ledger.duplicates)"),
      ("copies received per delivery", optional(copiesPerDelivery, 2)),
      ("messages repaired", "\(repairs)"),
      ("datagrams sent", "\(datagramsSent)"),
      ("bytes sent", "\(bytesSent), \(optional(bytesPerDelivery, 0)) per delivery"),
      ("time to 50 % of agents", times(to50)),
      ("time to 99 % of agents", times(to99)),
      ("time to all agents", times(toAll)),
      ("time to join", times(joins, of: "agent")),
      ("all connected after", "\(optional(formation, 0)) ms"),
    ]
    if ledger.damaged > 0 { rows.append(("damaged deliveries", "\(ledger.damaged)")) }
    if gaps > 0 { rows.append(("gaps reported", "\(gaps)")) }
    if unreported > 0 { rows.append(("agents without final counters", "\(unreported)")) }
    return table(rows) + verdict
  }

  private var verdict: String {
    guard !holds else { return "Every message arrived at every agent, exactly once.\n" }
    var faults: [String] = []
    let missing = ledger.expected - ledger.delivered
    if missing > 0 { faults.append("\(missing) of \(ledger.expected) deliveries are missing") }
    if ledger.duplicates > 0 { faults.append("\(ledger.duplicates) were made twice") }
    if ledger.damaged > 0 { faults.append("\(ledger.damaged) were damaged") }
    return "Not as promised: \(faults.joined(separator: ", ")).\n"
  }

  /// One JSON object.
  var json: String {
    var output = JSONWriter()
    output.object { object in
      object.field("nodes", options.nodes)
      object.field("messages", options.messages)
      object.field("rate", options.rate)
      object.field("size", options.size)
      object.field("loss", options.loss)
      object.field("transport", options.transport)
      object.field("killed", options.kills ? 1 : 0)
      object.field("expected", ledger.expected)
      object.field("delivered", ledger.delivered)
      object.field("duplicates", ledger.duplicates)
      object.field("damaged", ledger.damaged)
      object.field("gaps", gaps)
      object.field("copiesPerDelivery", copiesPerDelivery)
      object.field("repairs", repairs)
      object.field("timeTo50Milliseconds", median(to50))
      object.field("timeTo99Milliseconds", median(to99))
      object.field("timeToAllMilliseconds", median(toAll))
      object.field("timeToAllMaximumMilliseconds", toAll.max())
      if let slowestMessage { object.field("slowestMessage", slowestMessage) }
      object.field("datagramsSent", datagramsSent)
      object.field("bytesSent", bytesSent)
      object.field("bytesPerDelivery", bytesPerDelivery)
      object.field("joinMilliseconds", median(joins))
      object.field("joinMaximumMilliseconds", joins.max())
      object.field("formationMilliseconds", formation)
      object.field("agentsWithoutCounters", unreported)
    }
    return String(decoding: output.bytes, as: UTF8.self)
  }
}
