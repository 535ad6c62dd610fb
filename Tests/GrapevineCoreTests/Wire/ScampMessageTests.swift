import Testing

@testable import GrapevineCore

@Suite("SCAMP: messages and parameters")
struct ScampMessageTests {
  static let samples: [WireMessage] = {
    let near = PeerRecord(id: 7, endpoint: World.endpoint(7))
    let far = PeerRecord(id: .max, endpoint: Endpoint(high: 0x2001_0db8_0000_0000, low: 1, port: 65_535))
    let subscription = Subscription(purpose: .isolated, lease: Subscription.leaseLimit, subscriber: far)
    // The purpose of a copy is not on the wire.
    let copy = Subscription(purpose: .renewal, lease: 300, subscriber: near)
    return [
      .scamp(1, .subscribe(.newcomer, lease: 0)), .scamp(65_535, .subscribe(.renewal, lease: 86_400)),
      .scamp(2, .indirect(IndirectWalk(subscription: subscription, steps: 64, degree: 128, isBack: true))),
      .scamp(3, .indirect(IndirectWalk(subscription: copy, steps: 0, degree: 1, isBack: false))),
      .scamp(4, .subscription(copy, hops: 255)), .scamp(5, .arc(isHeld: true)),
      .scamp(6, .arc(isHeld: false)),
      .scamp(7, .adopt), .replace(Replace(lease: 12, substitute: near)), .taken(9),
    ]
  }()

  @Test("what is written is read, and what is cut short is not", arguments: samples)
  func roundTrip(message: WireMessage) throws {
    let body = bytes(of: [message])
    let (again, rest) = try read(body) { (try WireMessage(from: &$0, sender: 1), $0.remaining) }
    #expect(again == message && rest == 0)
    for length in 0..<body.count {
      #expect(throws: DecodeError.self) {
        try read(Array(body[..<length])) { _ = try WireMessage(from: &$0, sender: 1) }
      }
    }
  }

  @Test("a parameter out of its limits is refused by name")
  func limits() {
    let changes: [(String, (inout ScampRules) -> Void)] = [
      ("copies is -1", { $0.copies = -1 }), ("copies is 17", { $0.copies = 17 }),
      ("hopLimit is 0", { $0.hopLimit = 0 }), ("hopLimit is 256", { $0.hopLimit = 256 }),
      ("walkLength is 65", { $0.walkLength = 65 }), ("walkLength is -1", { $0.walkLength = -1 }),
      ("isolationTime is 0.5 seconds", { $0.isolationTime = .milliseconds(500) }),
      ("lease is 0.0 seconds", { $0.lease = .zero }),
      ("lease is 1000001.0 seconds", { $0.lease = .seconds(1_000_001) }),
    ]
    for (name, change) in changes {
      let error = #expect(throws: ConfigurationError.self) { try scampConfiguration(change).validate() }
      #expect(error?.description.hasPrefix(name) == true, "\(name): \(error?.description ?? "")")
    }
    var configuration = scampConfiguration()
    configuration.viewCapacity = 7
    #expect(throws: ConfigurationError.self) { try configuration.validate() }
  }

  @Test("what errands take is part of the memory bound")
  func memory() {
    let scamp = scampConfiguration()
    var other = scamp
    other.overlay = .full
    #expect(scamp.memoryBound - other.memoryBound == 120 * MemoryLayout<Errand>.stride)
  }
}
