// One member of a sealed cluster in a process of its own, which does what it is told on its standard input.

import Grapevine
import GrapevineCore
import GrapevineSecurity
import GrapevineTransport
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// What a member has heard of numbered messages.
private final class NumbersHeard: Sendable {
  private struct State {
    var seen: [UInt64] = []
    var count = 0
    var repeated = 0
    var first = Int.max
    var last = -1
  }

  private let state = Mutex(State())

  func note(_ number: Int) {
    guard number >= 0, number < 1 << 30 else { return }
    state.withLock { state in
      while state.seen.count <= number >> 6 { state.seen.append(0) }
      let bit: UInt64 = 1 << UInt64(number & 63)
      guard state.seen[number >> 6] & bit == 0 else {
        state.repeated += 1
        return
      }
      state.seen[number >> 6] |= bit
      state.count += 1
      state.first = min(state.first, number)
      state.last = max(state.last, number)
    }
  }

  var text: String {
    state.withLock {
      "count \($0.count) first \($0.count == 0 ? -1 : $0.first) last \($0.last) repeated \($0.repeated)"
    }
  }
}

enum SealedMemberRole {
  /// Arguments: the file of the keys, and whom to join, `-` for nobody.
  static func play(_ file: String, join contact: String) async throws {
    let keys = try ClusterKeys(file: file)
    var core = Configuration()
    core.joinTimeout = .seconds(1)
    core.tuples = nil
    var configuration = GossipNode.Configuration(bind: "127.0.0.1:0", core: core)
    // A capture sees each datagram by itself then.
    configuration.segmentOffload = false
    configuration.layer = keys
    let node = try await GossipNode(configuration)
    do {
      try await node.join(contact == "-" ? [] : [contact])
    } catch is JoinError {
      let refused = await node.statistics.transport.layer?.refused ?? 0
      System.print("alone refused \(refused)")
      return
    }
    System.print("listening \(node.localEndpoint.text)")
    let heard = NumbersHeard()
    let reading = Task(executorPreference: node.executor) {
      for await message in node.messages {
        heard.note(
          message.payload.withUnsafeBytes { $0.count >= 8 ? Int($0.loadUnaligned(as: Int64.self)) : -1 })
      }
    }
    let input = try EventLoop(name: "input")
    await Task(executorPreference: input) {
      while let line = readLine() {
        if let answer = await obey(line.split(separator: " ").map(String.init), node, keys, heard) {
          System.print(answer)
        }
      }
    }.value
    await node.leave()
    await reading.value
  }

  private static func obey(
    _ words: [String], _ node: GossipNode, _ keys: ClusterKeys, _ heard: NumbersHeard
  ) async -> String? {
    do {
      switch (words.first, words.dropFirst().first) {
      case ("install", let file?): try keys.install(file: file)
      case ("use", let name?): if let id = KeyID(name) { try keys.use(id) }
      case ("retire", let name?): if let id = KeyID(name) { try keys.retire(id) }
      case ("send", let count?):
        guard let count = Int(count), let rate = words.last.flatMap(Double.init) else { return "failed" }
        Task(executorPreference: node.executor) { await send(count, rate, node) }
      case ("report", _):
        let statistics = await node.statistics
        let layer = statistics.transport.layer ?? LayerCounters()
        // What the system did not take at once is sealed again, so that more may be sealed than sent.
        let plainSent = max(0, statistics.transport.datagramsSent - Int(layer.sealed))
        return "report \(heard.text) neighbours \(await node.neighbours.count) plainSent \(plainSent) "
          + "plainTaken \(layer.plain) refused \(layer.refused)"
      default: return "failed"
      }
      return "done"
    } catch {
      return "failed \(error)"
    }
  }

  /// Broadcasts numbers at a rate, a few at a time.
  private static func send(_ count: Int, _ rate: Double, _ node: GossipNode) async {
    let start = MonotonicClock.now()
    var payload = [UInt8](repeating: 0x70, count: 64)
    for number in 0..<count {
      let due = UInt64(Double(number) * 1e9 / rate)
      while case let elapsed = MonotonicClock.now().since(start), elapsed < due {
        try? await Task.sleep(nanoseconds: max(1_000_000, due - elapsed))
      }
      payload.withUnsafeMutableBytes { $0.storeBytes(of: Int64(number), as: Int64.self) }
      do { try await node.broadcast(payload) } catch { return }
    }
    System.print("sent \(count) in \(MonotonicClock.now().since(start))")
  }
}
