import Testing

@testable import GrapevineCore

@Suite("Peer table: a bounded set by endpoint")
struct PeerTableTests {
  private static func record(_ number: Int, id: UInt64? = nil) -> PeerRecord {
    PeerRecord(id: id ?? UInt64(number), endpoint: World.endpoint(number))
  }

  private static func endpoints(_ table: borrowing PeerTable) -> Set<Endpoint> {
    var endpoints: Set<Endpoint> = []
    for index in 0..<table.count { endpoints.insert(table[index].endpoint) }
    return endpoints
  }

  @Test("random insertions and removals agree with a set")
  func model() {
    var generator = Generator(seed: 4)
    var table = PeerTable(capacity: 16)
    var model: Set<Endpoint> = []
    for _ in 0..<10_000 {
      let record = Self.record(1 + generator.below(40))
      if generator.chance(0.4) {
        table.remove(record.endpoint)
        model.remove(record.endpoint)
      } else {
        table.insert(record, notBefore: Instant(), using: &generator)
        if model.insert(record.endpoint).inserted, model.count > 16 {
          let displaced = model.subtracting(Self.endpoints(table))
          #expect(displaced.count == 1 && displaced != [record.endpoint])
          model.subtract(displaced)
        }
      }
      let endpoints = Self.endpoints(table)
      let count = table.count
      #expect(endpoints == model && count == model.count)
    }
  }

  @Test("the same endpoint with a new identity takes the old one's place")
  func renewed() throws {
    var generator = Generator(seed: 4)
    var table = PeerTable(capacity: 8)
    table.insert(Self.record(1, id: 5), notBefore: Instant(), using: &generator)
    table.insert(Self.record(1, id: 6), notBefore: Instant(), using: &generator)
    let peers = (count: table.count, id: table[0].id)
    #expect(peers == (1, 6))
  }

  @Test("a peer is picked only when its time has come")
  func eligible() {
    var generator = Generator(seed: 4)
    var table = PeerTable(capacity: 8)
    let none = table.firstEligible
    #expect(none == .never)
    for number in 1...8 {
      table.insert(Self.record(number), notBefore: Instant(nanoseconds: UInt64(number)), using: &generator)
    }
    table.delay(World.endpoint(1), until: Instant(nanoseconds: 100))
    table.delay(World.endpoint(9), until: Instant(nanoseconds: 0))
    let first = table.firstEligible
    #expect(first == Instant(nanoseconds: 2))
    var picked: Set<UInt64> = []
    for _ in 0..<200 {
      if let peer = table.pick(now: Instant(nanoseconds: 4), using: &generator) { picked.insert(peer.id) }
    }
    #expect(picked == [2, 3, 4])
    let tooEarly = table.pick(now: Instant(nanoseconds: 1), using: &generator)
    #expect(tooEarly?.id == nil)
  }
}
