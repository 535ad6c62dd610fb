import GrapevineCore
import Testing

@testable import GrapevineSimulator

@Suite("Scenario files: what is read")
struct ScenarioParsingTests {
  private func read(_ text: String) throws -> Scenario {
    try Scenario(parsing: Array(text.utf8), file: "s.txt") { name in
      name == "d.csv" ? .success(Array("a,b\n1,20\n30,1\n".utf8)) : .failure(FileProblem(reason: "gone"))
    }
  }

  /// What is wrong with a scenario; the text itself when nothing is.
  private func refusal(of text: String) -> String {
    do {
      _ = try read(text)
      return text
    } catch { return "\(error)" }
  }

  private let least = "nodes 10\nat 20s broadcast 5 from 2\n"

  @Test("the least scenario: everybody joins in ten seconds, and the reliable level is held to its promise")
  func smallest() throws {
    let scenario = try read(least)
    #expect(scenario.nodes == 10 && scenario.messages == 5 && scenario.end == .seconds(20))
    #expect(scenario.network == NetworkModel() && scenario.skew == nil)
    #expect(scenario.steps.count == 2)
    guard case .join(nil) = scenario.steps[0].action else { throw Failure("no join") }
    #expect(scenario.steps[0].until == 10_000_000_000)
    #expect(scenario.expectations.map(\.measure) == [.delivered, .duplicates, .damaged])
  }

  @Test("every line of the example means what it says")
  func example() throws {
    let scenario = try read(
      """
      # what this shows
      nodes 200\r
      overlay full
      broadcast eager
      view 6 accepts 9
      fanout 4   # four
      rounds 9\tpassive\u{20}
      """.replacing("\tpassive\u{20}", with: "\npassive 32\n")
        + """

        latency lognormal median 20ms sigma 0.5 jitter 10%
        loss 5%
        duplicate 1.5%
        corrupt 0.25%
        reorder 100%
        bandwidth 10MB/s queue 256kB
        buffer 1MB
        skew 200ppm offset 1s
        at 0s..10s join 150
        at 15s join
        at 20s broadcast 100 from 5 over 20s size 1B..1kB level best-effort
        at 25s partition 2 for 10s
        at 36s partition 3 one-way
        at 38s heal
        at 30s..40s crash 10% for 500ms
        at 40s restart 50%
        at 45s pause 5% for 3s
        at 46s leave 7
        at 47s loss 30%
        at 48s..49s block 3 for 2s
        at 48s deafen 1% loss 80% for 5s
        at 1min end
        expect delivered 99.5%
        expect reach 99.9% within 5s
        expect copies 4.5
        """)
    #expect(scenario.nodes == 200 && scenario.end == .seconds(60) && scenario.messages == 100)
    let configuration = scenario.configuration
    #expect(configuration.overlay == .full && configuration.broadcast == .eager)
    #expect((configuration.viewTarget, configuration.viewCapacity) == (6, 9))
    #expect((configuration.fanout, configuration.rounds, configuration.passiveCapacity) == (4, 9, 32))
    var model = NetworkModel()
    model.latency = .logNormal(LogNormalDelay(median: .milliseconds(20), sigma: 0.5))
    (model.jitter, model.loss, model.duplication) = (0.1, 0.05, 0.015)
    (model.corruption, model.reordering) = (0.0025, 1)
    model.bandwidth = Bandwidth(bytesPerSecond: 10_000_000, queueBytes: 256_000)
    model.receiveBufferBytes = 1_000_000
    #expect(scenario.network == model)
    #expect(scenario.skew?.partsPerMillion == 200 && scenario.skew?.offset == 1_000_000_000)
    guard case .broadcast(let plan) = scenario.steps[2].action,
      case .partition(3, true, nil) = scenario.steps[4].action,
      case .crash(.share(0.1), 500_000_000?) = scenario.steps[6].action,
      case .leave(.count(7)) = scenario.steps[9].action,
      case .network(let change) = scenario.steps[10].action,
      case .block(.count(3), 2_000_000_000) = scenario.steps[11].action,
      case .deafen(.share(0.01), loss: 0.8, duration: 5_000_000_000?) = scenario.steps[12].action
    else { throw Failure("other steps: \(scenario.steps)") }
    #expect(plan.sizes == 1...1_000 && plan.level == .bestEffort && plan.duration == 20_000_000_000)
    change(&model)
    #expect(model.loss == 0.3)
    #expect(scenario.expectations.map(\.limit) == [0.995, 0.999, 4.5])
  }

  @Test("settings that need each other may stand in any order")
  func order() throws {
    #expect(try read(least + "overlay scamp\nview 5 accepts 30").configuration.viewCapacity == 30)
    #expect(refusal(of: least + "overlay scamp").hasPrefix("s.txt:3: found settings that cannot work; view"))
  }

  @Test("every line about members means what it says")
  func members() throws {
    let scenario = try read(
      least + """
        probe-interval 500ms
        probe-timeout 200ms
        indirect-probes 2
        members 5000
        membership on
        expect members within 20s
        expect flaps 3
        """)
    var rules = MembershipRules()
    (rules.probeInterval, rules.probeTimeout) = (.milliseconds(500), .milliseconds(200))
    (rules.indirectProbes, rules.capacity) = (2, 5_000)
    #expect(scenario.configuration.membership == rules)
    #expect(scenario.expectations.map(\.measure) == [.members, .flaps])
    #expect(scenario.expectations[0].time == 20_000_000_000 && scenario.expectations[1].limit == 3)
  }

  @Test("without a list of members, wherever the line stands")
  func noMembership() throws {
    #expect(try read(least).configuration.membership == MembershipRules())
    #expect(try read("membership off\n" + least).configuration.membership == nil)
    #expect(try read(least + "membership on").configuration.membership == MembershipRules())
    guard
      case .deafen(.count(2), loss: 1, duration: nil) = try read(least + "at 5s deafen 2 loss 100%").steps[2]
        .action
    else { throw Failure("no loss for ever") }
  }

  @Test("each kind of latency")
  func latency() throws {
    #expect(try read(least + "latency fixed 3ms").network.latency == .fixed(.milliseconds(3)))
    let uniform = LatencyModel.uniform(low: .microseconds(1_500), high: .seconds(2))
    #expect(try read(least + "latency uniform 1.5ms 2s").network.latency == uniform)
    let plain = try read(least + "latency uniform 2ms 3ms per-datagram").network
    #expect(plain.latency == .perDatagram && plain.delayLow == .milliseconds(2))
    guard case .sites(let sites) = try read(least + "latency matrix d.csv sites b,b,a").network.latency else {
      throw Failure("no sites")
    }
    #expect(sites.names == ["a", "b"] && (0..<4).map(sites.site) == [1, 1, 0, 1])
  }

  @Test(
    "a bad line is refused with file, line, what was found and what is allowed",
    arguments: [
      ("", "s.txt:1: found no \"nodes\"; allowed is a scenario with a line 'nodes COUNT'"),
      ("\n\n# nothing\n", "s.txt:3: found no \"nodes\"; allowed is a scenario with a line 'nodes COUNT'"),
      ("nodes", "s.txt:1: found the end of the line; allowed is 'nodes COUNT'"),
      ("nodes 1", "s.txt:1: found \"1\"; allowed are whole numbers from 2 to 100000"),
      ("nodes 2.5", "s.txt:1: found \"2.5\"; allowed are whole numbers from 2 to 100000"),
      ("nodes -3", "s.txt:1: found \"-3\"; allowed are whole numbers from 2 to 100000"),
      (
        "nodes 99999999999999999999999999999999999999999999",
        "s.txt:1: found \"9999999999999999999999999999999999999999…\"; allowed are whole numbers from 2 to 100000"
      ),
      ("nodes 5 6", "s.txt:1: found \"6\"; allowed is the end of the line behind 'nodes COUNT'"),
      ("nodes 5\nnodes 6", "s.txt:2: found \"nodes\" again; allowed is it once (line 1)"),
      ("latency", "s.txt:1: found the end of the line; allowed are uniform, fixed, lognormal, matrix"),
      ("latency warp 9", "s.txt:1: found \"warp\"; allowed are uniform, fixed, lognormal, matrix"),
      (
        "latency fixed 1ms\nlatency uniform 1ms 2ms",
        "s.txt:2: found \"latency\" again; allowed is it once (line 1)"
      ),
      (
        "latency fixed 20",
        "s.txt:1: found \"20\"; allowed are times from 0s to 3600s, such as 20ms, 1.5s or 2min"
      ),
      (
        "latency uniform 2ms 1ms",
        "s.txt:1: found a longest delay below the shortest; allowed is the shortest first"
      ),
      (
        "latency lognormal sigma 1",
        "s.txt:1: found no \"median\"; allowed is "
          + "'latency lognormal median TIME sigma NUMBER [cap TIME] [jitter SHARE]'"
      ),
      (
        "latency lognormal median 1ms sigma 3.5",
        "s.txt:1: found \"3.5\" behind \"sigma\"; allowed are numbers from 0.0 to 3.0"
      ),
      (
        "latency lognormal median 1ms median 1ms",
        "s.txt:1: found \"median\" twice; allowed are sigma, cap, jitter"
      ),
      ("latency matrix x.csv", "s.txt:1: found \"x.csv\", gone; allowed is a file that can be read"),
      ("latency matrix d.csv sites a,c", "s.txt:1: found site \"c\"; allowed are a, b"),
      ("loss 5", "s.txt:1: found \"5\"; allowed are shares from 0% to 100%"),
      ("loss 101%", "s.txt:1: found \"101%\"; allowed are shares from 0% to 100%"),
      (
        "bandwidth 5kB queue 9kB",
        "s.txt:1: found \"5kB\"; allowed are rates from 1B/s to 1000GB/s, such as 64kB/s or 1.5MB/s"
      ),
      (
        "bandwidth 5kB/s queue 1kB",
        "s.txt:1: found \"1kB\" behind \"queue\"; "
          + "allowed are sizes from 2048B to 1073741824B, such as 64, 64B or 1.5kB"
      ),
      ("skew 5% offset 1s", "s.txt:1: found \"5%\"; allowed are 0ppm to 500000ppm"),
      (
        "view 9 accepts 4",
        "s.txt:1: found settings that cannot work; viewCapacity is 4; it must be from 9 to 56"
      ),
      (
        "at",
        "s.txt:1: found the end of the line behind \"at\"; allowed are times up to 3600s, such as 20s, "
          + "or two in their order, such as 0s..10s"
      ),
      (
        "at 10s..5s join",
        "s.txt:1: found \"10s..5s\" behind \"at\"; allowed are times up to 3600s, such as 20s, "
          + "or two in their order, such as 0s..10s"
      ),
      ("overlay star", "s.txt:1: found \"star\"; allowed are hyparview, full, scamp"),
      ("broadcast 5 from 2", "s.txt:1: found \"5\"; allowed are plumtree, eager, rumour"),
      ("at 5s..9s heal", "s.txt:1: found the interval \"5s..9s\"; allowed is one time for 'heal'"),
      (
        "at 5s pause 5%",
        "s.txt:1: found no \"for\"; allowed is 'at TIME[..TIME] pause AMOUNT for TIME'"
      ),
      (
        "at 5s block 5%",
        "s.txt:1: found no \"for\"; allowed is 'at TIME[..TIME] block AMOUNT for TIME'"
      ),
      (
        "at 5s deafen 1% for 5s",
        "s.txt:1: found no \"loss\"; allowed is 'at TIME[..TIME] deafen AMOUNT loss SHARE [for TIME]'"
      ),
      (
        "at 5s deafen 1% loss 5",
        "s.txt:1: found \"5\" behind \"loss\"; allowed are shares from 0% to 100%"
      ),
      ("membership", "s.txt:1: found the end of the line; allowed is 'membership on|off'"),
      ("membership maybe", "s.txt:1: found \"maybe\"; allowed are on, off"),
      ("members 3", "s.txt:1: found \"3\"; allowed are whole numbers from 4 to 100000"),
      ("indirect-probes 9", "s.txt:1: found \"9\"; allowed are whole numbers from 0 to 8"),
      (
        "probe-interval 1",
        "s.txt:1: found \"1\"; allowed are times from 1us to 3600s, such as 20ms, 1.5s or 2min"
      ),
      (
        "probe-timeout 0s",
        "s.txt:1: found \"0s\"; allowed are times from 1us to 3600s, such as 20ms, 1.5s or 2min"
      ),
      (
        "expect members 5s", "s.txt:1: found \"5s\"; allowed is within"
      ),
      ("expect flaps few", "s.txt:1: found \"few\"; allowed are whole numbers from 0 to 1000000000"),
      (
        "at 5s broadcast 5 from 2 level high",
        "s.txt:1: found \"high\" behind \"level\"; allowed are reliable, best-effort"
      ),
      (
        "expect wonders",
        "s.txt:1: found \"wonders\"; "
          + "allowed are delivered, duplicates, damaged, gaps, reach, repaired, copies, members, flaps"
      ),
      ("expect gaps 0\nexpect gaps 1", "s.txt:2: found \"expect gaps\" again; allowed is it once (line 1)"),
      ("nodes 5\u{0}", "s.txt:1: found the control character 0; allowed is text"),
    ])
  func refusals(text: String, message: String) {
    #expect(refusal(of: text) == message)
  }

  @Test("an unknown word names every word that is known")
  func unknown() {
    let found = refusal(of: "node 5")
    #expect(found.hasPrefix("s.txt:1: found \"node\"; allowed are nodes, skew, overlay, broadcast"))
    #expect(found.hasSuffix("at, expect"))
    let event = refusal(of: "at 5s explode")
    #expect(event.contains("broadcast, partition, heal, crash") && event.contains("loss"))
    #expect(!event.contains("nodes"))
    let empty = refusal(of: "nodes 5")
    #expect(
      empty.contains("s.txt:1: found no broadcast; allowed is a scenario with 'at TIME broadcast COUNT"))
  }

  @Test(
    "lines that contradict each other are refused",
    arguments: [
      (
        "at 30s end\nat 31s crash 1", "s.txt:4: found something that lasts until 31s; allowed are times up to"
      ),
      ("at 30s end\nat 25s pause 1 for 6s", "s.txt:4: found something that lasts until 31s; allowed are"),
      ("at 5s end", "s.txt:3: found something that lasts until 10s; allowed are times up to"),
      ("at 21s partition 2 for 5s\nat 24s partition 2", "s.txt:4: found a partition within that of line 3"),
      ("at 24s partition 2\nat 21s partition 2", "s.txt:3: found a partition within that of line 4"),
      ("at 21s heal", "s.txt:3: found \"heal\" without a partition"),
      ("at 30s crash 1\nat 21s restart 1", "s.txt:4: found \"restart\" before any crash"),
      ("at 5s join 4", "s.txt:3: found 6 processes that never join"),
      ("at 5s join 4\nat 6s join 7", "s.txt:4: found 11 of 10 processes joining"),
      ("at 5s join\nat 6s join", "s.txt:4: found the rest joining again; allowed is that once, as in line 3"),
      ("at 21s broadcast 1 from 11", "s.txt:3: found 11 processes that broadcast; allowed are at most 10"),
      ("at 21s broadcast 99999 from 1\nat 22s broadcast 2 from 1", "s.txt:2: found 100006 messages for 10"),
      ("at 30s end\nat 25s block 1 for 6s", "s.txt:4: found something that lasts until 31s; allowed are"),
      (
        "at 30s end\nat 25s deafen 1 loss 5% for 6s",
        "s.txt:4: found something that lasts until 31s; allowed are"
      ),
      (
        "membership off\nprobe-interval 2s",
        "s.txt:4: found \"probe-interval\" and \"membership off\"; allowed"
      ),
      (
        "probe-timeout 2s\nmembership off", "s.txt:3: found \"probe-timeout\" and \"membership off\"; allowed"
      ),
      (
        "indirect-probes 2\nmembership off",
        "s.txt:3: found \"indirect-probes\" and \"membership off\"; allowed"
      ),
      ("members 10\nmembership off", "s.txt:3: found \"members\" and \"membership off\"; allowed is one"),
      ("membership off\nexpect flaps 0", "s.txt:4: found \"expect flaps\" and \"membership off\"; allowed"),
      (
        "membership off\nexpect members within 1s",
        "s.txt:4: found \"expect members\" and \"membership off\"; allowed is one of the two"
      ),
      (
        "expect members within 1s\nmembers 9",
        "s.txt:3: found 10 processes, of whom a node lists at most 9; allowed is that with a line 'members 10'"
      ),
      ("latency uniform 1ms 2ms per-datagram jitter 1%", "s.txt:3: found jitter and \"per-datagram\""),
    ])
  func contradictions(lines: String, message: String) {
    let found = refusal(of: least + lines)
    #expect(found.hasPrefix(message), "\(found)")
  }

  @Test("what is no text, too long or too much is refused with its line")
  func binary() {
    func line(_ bytes: [UInt8]) -> Int? {
      do {
        _ = try Scenario(parsing: bytes, file: "f")
        return nil
      } catch { return error.line }
    }
    #expect(line([0x23, 0x0a, 0xff, 0xfe]) == 2)
    #expect(line([0x23, 0x0a, 0x23, 0xc3, 0x0a]) == 2)
    #expect(line([UInt8](repeating: 0, count: 100)) == 1)
    #expect(line([UInt8](repeating: 0x20, count: TextLines.bytesLimit + 1)) == 1)
    #expect(line([0x0a] + [UInt8](repeating: 0x20, count: TextLines.lineBytesLimit + 1)) == 2)
    #expect(line([0xef, 0xbb, 0xbf] + Array(least.utf8)) == nil)
    let steps = String(repeating: "at 1s loss 1%\n", count: Scenario.stepsLimit + 1)
    #expect(line(Array(steps.utf8)) == Scenario.stepsLimit + 1)
    #expect(throws: ScenarioError.self) { try Scenario(parsing: Array("latency matrix a\n".utf8), file: "f") }
  }

  @Test("names are unique and the words of one first word equally many")
  func table() {
    #expect(Set(Directive.all.map(\.usage)).count == Directive.all.count)
    #expect(Scenario.grammar.count == Directive.all.count)
    for directive in Directive.all {
      for other in Directive.all where other.words[0] == directive.words[0] {
        #expect(other.words.count == directive.words.count)
      }
    }
  }
}

private struct Failure: Error {
  let reason: String
  init(_ reason: String) { self.reason = reason }
}
