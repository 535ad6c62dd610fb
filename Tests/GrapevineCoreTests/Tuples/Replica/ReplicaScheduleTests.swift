// Random lives of replicas on random graphs, against what each write should come to.

import Testing

@testable import GrapevineCore

@Suite("Replicas under random schedules")
struct ReplicaScheduleTests {
  /// What should be at the end: of each key the greatest version, and its value, nil when it was removed.
  private struct Oracle {
    var best: [String: (version: TupleVersion, value: String?)] = [:]

    mutating func note(_ key: String, _ version: TupleVersion, _ value: String?) {
      if let present = best[key], present.version >= version { return }
      best[key] = (version, value)
    }

    var tuples: [String: String] { best.compactMapValues(\.value) }
  }

  private func run(seed: UInt64) throws -> Bool {
    var generator = Generator(seed: seed)
    let count = 2 + generator.below(6)
    var rules = ReplicaNet.rules
    (rules.syncInterval, rules.capacity) = (.seconds(2), 1 << 12)
    let net = ReplicaNet(
      count, seed: seed, messageLimit: generator.below(3) == 0 ? 2_048 : 65_536,
      newsSize: generator.below(3) == 0 ? 16 : 1 << 12, rules: rules)
    net.delay = UInt64(1 + generator.below(40)) * 1_000_000
    net.window = 1 + generator.below(4)
    var links: [(link: Int, ends: (Int, Int))] = []
    var oracle = Oracle()
    for _ in 0..<40 + generator.below(60) {
      switch generator.below(10) {
      case 0...1:
        let (a, b) = (generator.below(count), generator.below(count))
        if a != b { links.append((net.link(a, b), (a, b))) }
      case 2 where !links.isEmpty:
        net.cut(links.remove(at: generator.below(links.count)).link)
      case 3:
        let key = "key/\(generator.below(30))"
        if let version = try net.remove(key, by: generator.below(count)) { oracle.note(key, version, nil) }
      default:
        for _ in 0...generator.below(20) {
          let key = "key/\(generator.below(30))"
          let value = String(repeating: "v", count: generator.below(9) == 0 ? 3_000 : 1 + generator.below(20))
          guard let version = try? net.publish(key, value, by: generator.below(count)) else { continue }
          oracle.note(key, version, value)
        }
      }
      net.run(generator.below(60))
    }
    // All are joined by something at last.
    for party in 1..<count { net.link(generator.below(party), party) }
    // Soon, but for values in small pieces on slow links.
    for _ in 0..<200 where !net.areAlike { net.run(100) }
    var found: [String: String] = [:]
    for tuple in net.parties[0].replica.tuples() {
      found[String(decoding: tuple.key, as: UTF8.self)] = String(decoding: tuple.value, as: UTF8.self)
    }
    return net.areEqual() && found == oracle.tuples
  }

  @Test("All end with the greatest versions", arguments: 0..<30)
  func schedules(_ block: Int) throws {
    for seed in 0..<10 {
      let isRight = try run(seed: UInt64(block * 10 + seed))
      #expect(isRight, "schedule \(block * 10 + seed)")
    }
  }
}
