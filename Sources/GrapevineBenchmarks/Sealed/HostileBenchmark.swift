// A sealed node under datagrams that are not its cluster's: what it accepts of them, and what it has left for others.

import Grapevine
import GrapevineCore
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

enum HostileBenchmark {
  /// Hostile datagrams a second. Chosen here: ten times what 1,000 members at one message a second send each.
  private static let rate = 50_000
  private static let rounds = 12

  /// `GRAPEVINE_HOSTILE` says how many hostile datagrams; by default what takes half a minute.
  private static var total: Int {
    getenv("GRAPEVINE_HOSTILE").flatMap { Int(String(cString: $0)) } ?? 400_000
  }

  static func report(into report: inout Report) throws {
    let total = total
    report.title(
      "A sealed node under \(Row.text(Double(total))) hostile datagrams, \(Row.text(Double(rate))) a second: random, "
        + "cut, replayed, sealed with another key, damaged")
    let run = try HostileRun(perRound: total / rounds, rate: rate)
    var left: [Double] = []
    var throughput: [Double] = []
    for _ in 0..<rounds {
      let calm = try run.round(isAttack: false)
      let attacked = try run.round(isAttack: true)
      left.append(attacked / calm)
      throughput.append(attacked)
    }
    let end = try run.end()
    report.add(
      Row(
        "sealed.hostile.refused", [end.reached], "datagrams", reach: .atLeast(end.sent / 2),
        note: "of \(Row.text(end.sent)) sent: \(end.reasons)"))
    report.add(
      Row(
        "sealed.hostile.accepted", [end.accepted + end.strange], "datagrams", reach: .atMost(0),
        everyRun: true,
        note: "a second time, or with a content that is none; besides, \(Row.text(end.late)) frames that the "
          + "network had lost came from who had heard them"))
    report.add(
      Row(
        "sealed.hostile.damage", [end.damage], "messages", reach: .atMost(0), everyRun: true,
        note: "lost, repeated or changed on their way between the members"))
    report.add(
      Row(
        "sealed.hostile.memory", [end.growthKiB], "KiB", reach: .atMost(1_024),
        note: "resident, at the end less after the first round; \(Row.text(end.residentKiB)) at the end"))
    report.add(
      Row("sealed.hostile.throughput", throughput, "messages/s", note: "64 bytes, from one honest member"))
    report.add(
      Row(
        "sealed.hostile.left", left, "of undisturbed", reach: .atLeast(0.8),
        note: "beside the same attacker sending to somebody else"))
  }
}

/// Two members that flood, and an attacker.
private final class HostileRun {
  private let receiver: Child
  private let sender: Child
  private let attacker: Child
  private let decoy: UDPTransport
  private let target: String
  private let perRound: Int
  private let rate: Int
  private let keys: BenchmarkKeys
  private var sent = 0.0
  private var firstResident = 0.0

  init(perRound: Int, rate: Int) throws {
    (self.perRound, self.rate) = (perRound, rate)
    keys = try BenchmarkKeys()
    let own = try keys.draw("keys").file
    let other = try keys.draw("other").file
    decoy = try UDPTransport(bind: "127.0.0.1:0", receiveBufferBytes: 64 << 10)
    attacker = try Child(System.executable, ["role-sealed-attack", other, "\(rate)"])
    guard let attackerAddress = attacker.line(after: "listening ", seconds: 10) else {
      throw BenchmarkError("the attacker did not start")
    }
    receiver = try Child(System.executable, ["role-sealed-target", own, attackerAddress])
    guard let address = receiver.line(after: "listening ", seconds: 10) else {
      throw BenchmarkError("the node did not start")
    }
    target = address
    sender = try Child(System.executable, ["role-sealed-honest", own, attackerAddress, address])
    guard sender.line(after: "sending", seconds: 10) != nil else {
      throw BenchmarkError("the honest member did not start")
    }
    usleep(1_500_000)
  }

  private func mark() throws -> (count: Double, at: Double, line: String) {
    try receiver.say("mark")
    guard let line = receiver.line(after: "mark ", seconds: 30), let count = Fields.number("count", in: line),
      let at = Fields.number("at", in: line)
    else { throw BenchmarkError("the node does not answer") }
    return (count, at, line)
  }

  /// One round; returns the honest messages a second in it.
  func round(isAttack: Bool) throws -> Double {
    let place = isAttack ? target : decoy.localEndpoint.text
    let before = try mark()
    try attacker.say("\(place) \(perRound)")
    guard let line = attacker.line(after: "done ", seconds: 600), let count = Fields.number("sent", in: line)
    else {
      throw BenchmarkError("the attacker did not end")
    }
    let after = try mark()
    if isAttack {
      sent += count
      if firstResident == 0 { firstResident = System.residentKiB(of: receiver.process)?.anonymous ?? 0 }
    }
    return (after.count - before.count) / (after.at - before.at) * 1e9
  }

  struct End {
    var sent: Double
    var reached: Double
    var reasons: String
    var accepted: Double
    var late: Double
    var strange: Double
    var damage: Double
    var growthKiB: Double
    var residentKiB: Double
  }

  func end() throws -> End {
    try sender.say("stop")
    guard let last = sender.line(after: "sent ", seconds: 30), let total = Double(last) else {
      throw BenchmarkError("the honest member did not end")
    }
    var mark = try mark()
    for _ in 0..<100 where mark.count < total {
      usleep(100_000)
      mark = try self.mark()
    }
    func number(_ name: String) -> Double { Fields.number(name, in: mark.line) ?? .nan }
    let reasons = ["malformed", "plain", "unknownKey", "forged", "replayed", "tooOld"].map {
      "\($0) \(Row.text(number($0)))"
    }.joined(separator: ", ")
    let resident = System.residentKiB(of: receiver.process)?.anonymous ?? .nan
    return End(
      sent: sent, reached: number("refused"), reasons: reasons, accepted: number("accepted"),
      late: number("late"), strange: number("strange"),
      damage: abs(total - mark.count) + number("disorder"), growthKiB: resident - firstResident,
      residentKiB: resident)
  }
}
