// Who is there, among agents that run, fail, stop, leave and come back.

import Foundation
import GrapevineConsole
import Testing

@testable import GrapevineCommand

@Suite("Membership, end to end", .serialized, .timeLimit(.minutes(5)))
struct MembershipEndToEndTests {
  /// What is told last of a member that is there.
  static let living: Set<String> = ["joined", "recovered", "updated", "merged"]

  /// Agents that all know each other.
  struct Cluster {
    var agents: [WatchedAgent] = []
    var addresses: [String] = []

    /// Starts them; the first is the contact of all others and has a control socket at `control`.
    init(_ count: Int, control: String = "none") throws {
      for index in 0..<count {
        let line = ["--name", "agent-\(index)", "--tag", "place=\(index % 2)"]
        let isFirst = index == 0
        agents.append(try WatchedAgent(line, join: addresses.first, control: isFirst ? control : "none"))
        addresses.append(try agents[index].address())
      }
      try #require(allSeeAll())
    }

    func others(than index: Int) -> [Int] { agents.indices.filter { $0 != index } }

    /// Waits until everybody takes all others for alive.
    func allSeeAll() -> Bool {
      agents.indices.allSatisfy { index in
        let wanted = others(than: index).map { addresses[$0] }
        return agents[index].wait { $0.last(of: wanted, isOneOf: living) }
      }
    }

    /// Waits until all others say last of the agent that it is so.
    func othersSay(_ change: String, of index: Int) -> Bool {
      others(than: index).allSatisfy { other in
        agents[other].wait { $0.changes(of: addresses[index]).last == change }
      }
    }

    /// Ends those that still run, and expects them to end well.
    func end() {
      for agent in agents { agent.signal(SIGTERM) }
      for agent in agents {
        let ended = agent.finish()
        #expect(ended.code == 0 || ended.code == SIGKILL, "\(ended)")
      }
    }
  }

  @Test("a killed agent is reported as failed by all others, and nobody else is")
  func killed() throws {
    let cluster = try Cluster(6)
    cluster.agents[5].signal(SIGKILL)
    #expect(cluster.agents[5].finish().code == SIGKILL)
    #expect(cluster.othersSay("failed", of: 5))
    for index in 0..<5 {
      let printed = cluster.agents[index].printed
      for other in 0..<5 { #expect(!printed.changes(of: cluster.addresses[other]).contains("failed")) }
      #expect(printed.changes(of: cluster.addresses[5]).count { $0 == "failed" } == 1)
    }
    cluster.end()
  }

  @Test("an agent that stood still accuses nobody when it goes on, and is taken back by all")
  func stopped() throws {
    let cluster = try Cluster(6)
    let before = cluster.agents[5].printed.count
    cluster.agents[5].signal(SIGSTOP)
    // So long that all others gave it up: some seconds.
    #expect(cluster.othersSay("failed", of: 5))
    cluster.agents[5].signal(SIGCONT)
    #expect(cluster.allSeeAll())
    let since = Array(cluster.agents[5].printed.dropFirst(before))
    for other in 0..<5 {
      let changes = since.changes(of: cluster.addresses[other])
      #expect(!changes.contains("suspected") && !changes.contains("failed"), "\(changes)")
      let printed = cluster.agents[other].printed
      for healthy in 0..<5 { #expect(!printed.changes(of: cluster.addresses[healthy]).contains("failed")) }
    }
    cluster.end()
  }

  @Test("an agent that says goodbye has left and has not failed; its neighbours know at once")
  func leaving() throws {
    let cluster = try Cluster(5)
    cluster.agents[4].signal(SIGTERM)
    #expect(cluster.agents[4].finish().code == 0)
    #expect(cluster.othersSay("left", of: 4))
    for index in 0..<4 {
      #expect(!cluster.agents[index].printed.changes(of: cluster.addresses[4]).contains("failed"))
    }
    cluster.end()
  }

  @Test("an agent that is started again is the same member with a higher incarnation")
  func restarted() throws {
    var cluster = try Cluster(5)
    let address = cluster.addresses[4]
    cluster.agents[4].signal(SIGKILL)
    #expect(cluster.agents[4].finish().code == SIGKILL)
    let known = try (0..<4).map { try #require(cluster.agents[$0].printed.last("joined", of: address)) }
    cluster.agents[4] = try WatchedAgent(["--name", "agent-4"], bind: address, join: cluster.addresses[0])
    for index in 0..<4 {
      let old = known[index]
      #expect(
        cluster.agents[index].wait { events in
          guard let new = events.last("joined", of: address) else { return false }
          return new["member"] != old["member"] && new["id"] == old["id"]
            && (new["incarnation"]?.count ?? 0) > (old["incarnation"]?.count ?? 0)
        }, "\(old)")
    }
    #expect(cluster.allSeeAll())
    cluster.end()
  }

  @Test("a name that another living member has is an error that names its address")
  func sameName() throws {
    let cluster = try Cluster(3)
    let second = try WatchedAgent(["--name", "agent-2"], join: cluster.addresses[0])
    let ended = second.finish()
    #expect(ended.code == 1)
    #expect(ended.error.contains(cluster.addresses[2]) && ended.error.contains("agent-2"), "\(ended.error)")
    for index in 0..<2 {
      #expect(cluster.agents[index].wait { $0.last(of: [cluster.addresses[2]], isOneOf: Self.living) })
    }
    cluster.end()
  }

  @Test(
    "when an agent comes back whose name another one took meanwhile, one of the two ends and names the other")
  func nameTakenMeanwhile() throws {
    var cluster = try Cluster(3)
    let old = cluster.agents[2]
    old.signal(SIGSTOP)
    #expect(cluster.othersSay("failed", of: 2))
    let new = try WatchedAgent(["--name", "agent-2"], join: cluster.addresses[0])
    let addresses = [cluster.addresses[2], try new.address()]
    #expect(cluster.agents[0].wait { $0.last(of: [addresses[1]], isOneOf: Self.living) })
    old.signal(SIGCONT)
    let limit = Date(timeIntervalSinceNow: 30)
    while !old.isEnded, !new.isEnded, Date() < limit { _ = old.wait(seconds: 0.1) { _ in new.isEnded } }
    let loser = try #require(old.isEnded ? 0 : new.isEnded ? 1 : nil)
    let ended = [old, new][loser].finish()
    #expect(ended.code == 1)
    #expect(ended.error.contains("\(addresses[1 - loser]) has the name \"agent-2\""), "\(ended.error)")
    // The other one stays, and is the one that all speak of.
    (cluster.agents[2], cluster.addresses[2]) = ([old, new][1 - loser], addresses[1 - loser])
    #expect(cluster.allSeeAll())
    cluster.end()
  }

  @Test("people read of members on standard error, unless they do not want to")
  func text() throws {
    let founder = try EndToEndTests.Running(["agent", "--bind", "127.0.0.1:0", "--control", "none"])
    let line = try #require(founder.line(with: "listening on"))
    let quiet = try EndToEndTests.Running([
      "agent", "--json", "--bind", "127.0.0.1:0", "--control", "none", "--no-member-events", "--join",
      String(line.split(separator: " ").last ?? ""),
    ])
    let own = try #require(quiet.line(with: "\"listening\""))
    let address = try #require(try JSONReader.read(Array(own.utf8)[...])["address"]?.text)
    let first = founder.line(with: "member", of: founder.error)
    #expect(first == "member joined: \(address) (incarnation 1)")
    let member = try WatchedAgent(["--name", "web-1", "--tag", "role=web"], join: address)
    let place = try member.address()
    let joined = founder.line(with: "web-1", of: founder.error)
    #expect(joined == "member joined: web-1 at \(place) (incarnation 1; role=web)")
    member.signal(SIGTERM)
    #expect(member.finish().code == 0)
    #expect(founder.line(with: "web-1", of: founder.error) == "member left: web-1 at \(place)")
    quiet.process.terminate()
    let silence = quiet.finish()
    #expect(silence.code == 0 && !silence.output.contains("\"change\""))
    founder.process.terminate()
    #expect(founder.finish().code == 0)
  }

  @Test("grapevine members lists all, by tag and status, and watches who goes")
  func asked() throws {
    let path = "/tmp/gv-\(UInt64.random(in: 0..<(.max))).sock"
    let cluster = try Cluster(4, control: path)
    func members(_ line: String...) throws -> [JSONValue] {
      let result = try EndToEndTests.Running(["members", "--json", "--agent", path] + line).finish()
      #expect(result.code == 0, "\(result)")
      return try ControlEndToEndTests.lines(result.output)
    }
    let all = try members()
    #expect(all.dropLast().map { $0["name"]?.text } == (0..<4).map { "agent-\($0)" })
    #expect(all.dropLast().map { $0["address"]?.text } == cluster.addresses)
    #expect(all.last?["counts"]?["alive"]?.count == 4 && all.last?["localHealth"]?.count != nil)
    #expect(all.count { $0["self"] == .bool(true) } == 1 && all.first?["self"] == .bool(true))
    #expect(try members("--tag", "place=1").dropLast().map { $0["name"]?.text } == ["agent-1", "agent-3"])
    #expect(try members("--status", "failed,left").count == 1)
    let table = try EndToEndTests.Running(["members", "--agent", path]).finish().output
    #expect(
      table.contains("4 alive; local health ") && table.contains("agent-3") && table.contains("place=1"))
    let watch = try EndToEndTests.Running(["members", "--watch", "--agent", path])
    #expect(watch.line(with: "4 alive") != nil)
    cluster.agents[3].signal(SIGTERM)
    #expect(watch.line(with: "member left: agent-3 at \(cluster.addresses[3])") != nil)
    #expect(cluster.agents[3].finish().code == 0)
    watch.process.interrupt()
    #expect(watch.finish().code == 0)
    // The tags that an agent is given through its socket reach the others.
    let client = try TestClient(path)
    client.write(Array("tags place=9\n".utf8))
    #expect(client.readToEnd().contains("\"9\""))
    #expect(
      cluster.agents[1].wait { $0.last("updated", of: cluster.addresses[0])?["tags"]?["place"]?.text == "9" })
    cluster.end()
  }
}
