// The exchanges that were recorded with a node of the original, with ours in its place.
//
// Where ours answers otherwise, the test says why.

import GrapevineCore
import GrapevineDialect
import Pittacus
import Testing

/// One engine at the recorded seed's address, and peers that are only addresses.
private final class Exchange {
  let network = PittacusNetwork(seed: 5)
  let peer = Vectors.peer.endpoint
  let seed = Vectors.seed.endpoint

  init(_ change: (inout PittacusConfiguration) -> Void = { _ in }) throws {
    var configuration = PittacusConfiguration()
    configuration.numbersFromUID = false
    change(&configuration)
    network.delays = 1...1
    network.add(
      seed,
      try PittacusEngine(
        configuration: configuration, address: seed, uid: Vectors.seed.uid, seed: 1))
    try network[0].engine.join([], now: network.now)
  }

  /// Sends from a peer and returns what the engine answers it with in the next milliseconds, STATUS by itself left out.
  func ask(_ bytes: [UInt8], from source: Endpoint? = nil, milliseconds: Int = 5) -> [[UInt8]] {
    network.send(bytes, from: source ?? peer, to: seed)
    network.run(milliseconds: milliseconds)
    return network.takeStrays().filter { $0.destination == source ?? peer }.map(\.bytes)
  }

  func ask(_ message: Decoded, from source: Endpoint? = nil) throws -> [Decoded] {
    try ask(message.encoded, from: source).map { bytes in try Decoded(bytes) }
  }

  /// Everything that goes to anybody for some time.
  func listen(milliseconds: Int) throws -> [(to: Endpoint, message: Decoded)] {
    network.run(milliseconds: milliseconds)
    return try network.takeStrays().map { ($0.destination, try Decoded($0.bytes)) }
  }

  var deliveries: [String] { network[0].deliveries.map { String(decoding: $0.payload, as: UTF8.self) } }
  var counters: DialectCounters { network[0].engine.counters }
}

@Suite("Pittacus: recorded exchanges")
struct ExchangeTests {
  private let id = Vectors.peer.id

  private func version(_ number: UInt32) -> PittacusVersion { PittacusVersion(number: number, id: id) }

  private func data(_ sequence: UInt32, _ number: UInt32, _ text: String) -> Decoded {
    .data(sequence, version(number), Array(text.utf8))
  }

  /// An exchange whose peer has joined, with messages 5 and 6 known for long.
  private func joined() throws -> Exchange {
    let exchange = try Exchange()
    _ = exchange.ask(Vectors.hello)
    _ = exchange.ask(Vectors.data)
    _ = try exchange.ask(data(3, 6, "six!\0"))
    // The holes below 5 are given up in this time, and the retries end.
    for _ in 0..<60 {
      for (_, message) in try exchange.listen(milliseconds: 500) {
        guard case .status(let sequence, _) = message else { continue }
        _ = try exchange.ask(.acknowledgement(1_000, of: sequence))
      }
    }
    return exchange
  }

  @Test("HELLO is answered by the recorded WELCOME, and the first tick by the recorded STATUS, to the byte")
  func welcome() throws {
    let exchange = try Exchange()
    #expect(exchange.ask(Vectors.hello) == [Vectors.welcome, Vectors.emptyStatus])
    #expect(exchange.network[0].engine.members == [Vectors.peer.endpoint])
  }

  @Test("DATA is acknowledged to the byte, and delivered")
  func firstData() throws {
    let exchange = try Exchange()
    _ = exchange.ask(Vectors.hello)
    // The original also echoes the message to its only member, from whom it has it. Ours does not.
    #expect(exchange.ask(Vectors.data) == [Vectors.acknowledgement])
    #expect(exchange.deliveries == ["five!\0"])
    let next = try exchange.listen(milliseconds: 1_100)
    // The original names number 5, which it sends as its datagram 5. Ours did not echo, so this is its datagram 4;
    // and it names the number before the first that may be missing, 1 to 4, to be told of them.
    #expect(next.map(\.message) == [.status(4, [version(0)])])
  }

  @Test("an older message that comes after a newer one is delivered, once; the original loses it")
  func older() throws {
    let exchange = try joined()
    for _ in 0..<2 {
      let answers = try exchange.ask(data(4, 4, "four!\0"))
      #expect(answers.map(\.kind) == [.acknowledgement])
    }
    #expect(exchange.deliveries == ["five!\0", "six!\0", "four!\0"])
  }

  @Test("an empty STATUS of a member is answered by an acknowledgement and the latest message")
  func emptyStatus() throws {
    let exchange = try joined()
    let answers = try exchange.ask(.status(5, []))
    guard answers.count > 1, case .acknowledgement(_, of: 5) = answers[0] else {
      Issue.record("\(answers)")
      return
    }
    // The original sends its latest, 6. The peer was a member when 5 came, so ours begins with that, and tells that
    // there is more.
    #expect(try exchange.ask(.status(6, [version(5)])).contains { $0.kind == .data })
    guard case .data(_, version(5), _) = answers[1] else {
      Issue.record("\(answers)")
      return
    }
    #expect(answers.dropFirst(2).map(\.kind) == [.status])
  }

  @Test("a stranger that has nothing gets the latest message of each, as the original sends it")
  func strangersStatus() throws {
    let exchange = try joined()
    let stranger = Endpoint(ipv4: 0x7f00_0001, port: 41_000)
    let answers = try exchange.ask(.status(5, []), from: stranger)
    #expect(answers.map(\.kind) == [.acknowledgement, .data])
    guard case .data(_, version(6), let payload) = answers.last else { return }
    #expect(payload == Array("six!\0".utf8))
  }

  @Test("a STATUS that is ahead is answered by a STATUS, one that is equal by an acknowledgement alone")
  func aheadAndEqual() throws {
    let exchange = try joined()
    let ahead = try exchange.ask(.status(6, [version(9)]))
    #expect(ahead.map(\.kind) == [.acknowledgement, .status])
    guard case .status(_, let records) = ahead.last else { return }
    #expect(records == [version(6)])
    #expect(try exchange.ask(.status(7, [version(6)])).map(\.kind) == [.acknowledgement])
    var slack = Decoded.status(8, [version(6)]).encoded + [1, 2, 3, 4, 5, 6, 7, 8]
    (slack[6], slack[7]) = (0xab, 0xcd)
    let answers = try exchange.ask(slack).map { bytes in try Decoded(bytes) }
    #expect(answers.map(\.kind) == [.acknowledgement])
  }

  @Test("a STATUS in conflict is answered by data and a STATUS")
  func conflict() throws {
    let exchange = try joined()
    let other = PittacusVersion(number: 1, id: PittacusID(bytes: 0x7f00_0001_1234_5f00))
    let answers = try exchange.ask(.status(7, [other]))
    #expect(answers.map(\.kind) == [.acknowledgement, .data, .status])
    guard case .status(_, let records) = answers.last else { return }
    // The original leaves out whom it does not know. Ours names it with number 0, which compares the same.
    #expect(Set(records) == [version(6), PittacusVersion(number: 0, id: other.id)])
  }

  @Test("a second newcomer gets the first one's record, and the first one the newcomer's")
  func secondNewcomer() throws {
    let exchange = try Exchange()
    _ = exchange.ask(Vectors.hello)
    exchange.network.send(
      Decoded.hello(1, Vectors.secondPeer).encoded, from: Vectors.secondPeer.endpoint, to: exchange.seed)
    let sent = try exchange.listen(milliseconds: 5)
    #expect(sent.map(\.to) == [Vectors.secondPeer.endpoint, Vectors.secondPeer.endpoint, exchange.peer])
    #expect(
      sent.dropFirst().map(\.message) == [
        .memberList(4, [Vectors.peer]), .memberList(5, [Vectors.secondPeer]),
      ])
    // A repeated HELLO: the original sends the node its own record and announces it again. Ours does neither.
    let again = try exchange.ask(Vectors.hello).map { bytes in try Decoded(bytes) }
    #expect(again.map(\.kind) == [.welcome, .memberList])
    #expect(again.last == .memberList(7, [Vectors.secondPeer]))
  }

  @Test(
    "what is not acknowledged is sent at 0, 10 and 20 seconds with one number; then its silence ends a member"
  )
  func retries() throws {
    let exchange = try Exchange { $0.tickInterval = .seconds(100) }
    _ = exchange.ask(Vectors.hello)
    try exchange.network[0].broadcast([1, 2], now: exchange.network.now)
    var times: [Int] = []
    var numbers: Set<UInt32> = []
    for second in 0..<45 {
      for case (_, .data(let sequence, _, _)) in try exchange.listen(milliseconds: 1_000) {
        times.append(second)
        numbers.insert(sequence)
      }
    }
    #expect(times == [0, 10, 20])
    #expect(numbers.count == 1)
    exchange.network[0].engine.tick(now: exchange.network.now + 100_000_000_000)
    #expect(exchange.network[0].engine.members.isEmpty)
    #expect(exchange.counters.membersLost == 1)
  }

  @Test("an acknowledgement ends the retries when it comes from where the message went")
  func acknowledged() throws {
    let exchange = try Exchange { $0.tickInterval = .seconds(100) }
    _ = exchange.ask(Vectors.hello)
    try exchange.network[0].broadcast([1, 2], now: exchange.network.now)
    let sent = try exchange.listen(milliseconds: 5)
    guard case .data(let sequence, _, _) = sent.first?.message else {
      Issue.record("\(sent)")
      return
    }
    // The original takes anybody's, so anybody can make it lose messages.
    _ = try exchange.ask(.acknowledgement(1, of: sequence), from: Endpoint(ipv4: 0x7f00_0001, port: 9))
    #expect(try exchange.listen(milliseconds: 11_000).contains { $0.message.kind == .data })
    _ = try exchange.ask(.acknowledgement(1, of: sequence))
    #expect(try exchange.listen(milliseconds: 14_000).allSatisfy { $0.message.kind != .data })
  }

  @Test("malformed datagrams are counted, dropped and not answered")
  func malformed() throws {
    let exchange = try joined()
    var lists = Vectors.status
    lists[13] = 21
    var length = Vectors.data
    length[25] = 9
    var address = Vectors.hello
    address[21] = 0
    let bad = [[], [1], lists, length, address, Vectors.hello.dropLast(1) + []] as [[UInt8]]
    let before = exchange.counters.droppedMalformed
    for bytes in bad { #expect(exchange.ask(bytes) == []) }
    #expect(exchange.counters.droppedMalformed - before == UInt64(bad.count))
    #expect(exchange.ask([UInt8](repeating: 0, count: 513)) == [])
    #expect(exchange.counters.droppedOversized == 1)
  }
}
