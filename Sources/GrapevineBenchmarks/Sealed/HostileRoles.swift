// The processes of the hostile benchmark: the node, its honest neighbour, and the attacker.

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

enum HostileRoles {
  private static func node(_ layer: any DatagramLayer) async throws -> GossipNode {
    var core = Configuration()
    core.membership = nil
    core.tuples = nil
    var configuration = GossipNode.Configuration(bind: "127.0.0.1:0", core: core)
    configuration.layer = layer
    return try await GossipNode(configuration)
  }

  /// The node under attack: counts what it delivers, and what of the attacker's passes sealing.
  static func target(_ file: String, attacker: String) async throws {
    let layer = SourceCounter(try ClusterKeys(file: file), watched: try Endpoint(attacker))
    let node = try await node(layer)
    try await node.join()
    System.print("listening \(node.localEndpoint.text)")
    let count = Atomic<Int>(0)
    let disorder = Atomic<Int>(0)
    let input = try EventLoop(name: "input")
    Task(executorPreference: input) {
      while readLine() != nil {
        let (heard, at) = (count.load(ordering: .relaxed), MonotonicClock.now().nanoseconds)
        let statistics = await node.statistics
        let refused = statistics.transport.layer ?? LayerCounters()
        System.print(
          "mark count \(heard) at \(at) disorder \(disorder.load(ordering: .relaxed)) "
            + "refused \(refused.refused) accepted \(layer.accepted.load(ordering: .relaxed)) "
            + "late \(layer.late.load(ordering: .relaxed)) "
            + "strange \(statistics.core.droppedMalformed + statistics.core.droppedChecksum) "
            + "malformed \(refused.refusedMalformed) plain \(refused.refusedPlain) "
            + "unknownKey \(refused.refusedUnknownKey) forged \(refused.refusedForged) "
            + "replayed \(refused.refusedReplayed) tooOld \(refused.refusedTooOld)")
      }
    }
    // Every number once: their sum and count would show a loss, so would a payload that is not ours.
    await withTaskExecutorPreference(node.executor) {
      var windows = [UInt64](repeating: 0, count: 1 << 20)
      for await message in node.messages {
        let number = message.payload.withUnsafeBytes { bytes in
          bytes.count == 64 && bytes[63] == 0x61 ? Int(bytes.loadUnaligned(as: UInt32.self)) : -1
        }
        guard number >= 0 else {
          disorder.add(1, ordering: .relaxed)
          continue
        }
        let (word, bit) = ((number >> 6) & (1 << 20 - 1), UInt64(1) << UInt64(number & 63))
        // A ring of 67 million numbers, far more than messages that can overtake each other.
        if number & 63 == 0 { windows[(word + 1 << 19) & (1 << 20 - 1)] = 0 }
        if windows[word] & bit != 0 { disorder.add(1, ordering: .relaxed) }
        windows[word] |= bit
        count.add(1, ordering: .relaxed)
      }
    }
  }

  /// The honest member: floods until it is told to stop. The attacker gets a copy of some of what it sends.
  static func honest(_ file: String, attacker: String, to address: String) async throws {
    let layer = Eavesdropped(try ClusterKeys(file: file), by: try Endpoint(attacker))
    let node = try await node(layer)
    try await node.join([address])
    System.print("sending")
    let isOver = Atomic<Bool>(false)
    let input = try EventLoop(name: "input")
    Task(executorPreference: input) {
      _ = readLine()
      isOver.store(true, ordering: .relaxed)
    }
    var payload = [UInt8](repeating: 0x61, count: 64)
    var number: UInt32 = 0
    try await withTaskExecutorPreference(node.executor) {
      while !isOver.load(ordering: .relaxed) {
        payload.withUnsafeMutableBytes { $0.storeBytes(of: number, as: UInt32.self) }
        try await node.broadcast(payload)
        number += 1
      }
    }
    System.print("sent \(number)")
    // It stays until its standard input ends, so that what was lost can be asked for.
    try await Task.sleep(for: .seconds(60))
  }
}

/// A layer that counts what comes from one address through the layer within.
private final class SourceCounter: DatagramLayer {
  let keys: ClusterKeys
  let watched: Endpoint
  /// Copies of what had come from somebody else before.
  let accepted = Atomic<Int>(0)
  /// The others: what the network lost, and somebody who heard it then delivers, is as good as late.
  let late = Atomic<Int>(0)
  var overhead: Int { keys.overhead }

  init(_ keys: ClusterKeys, watched: Endpoint) { (self.keys, self.watched) = (keys, watched) }

  func wrap(_ transport: any DatagramTransport) throws -> any DatagramTransport {
    let memory = RememberingTransport(transport, watched: watched)
    return WatchingTransport(try keys.wrap(memory)) { [self] transport, count in
      for index in 0..<count {
        switch transport.source(index) {
        case watched: accepted.add(1, ordering: .relaxed)
        case RememberingTransport.stranger: late.add(1, ordering: .relaxed)
        default: break
        }
      }
    }
  }
}

/// A transport that remembers what came, and gives what one address sends another source unless it is a copy of that.
private final class RememberingTransport: WatchingTransport {
  /// The source of what is no copy.
  static let stranger = Endpoint(high: 0x0100_0000_0000_0000, low: 1, port: 1)

  private let watched: Endpoint
  /// The last eight bytes of frames, which are part of their tags, in places by themselves.
  private var tags = [UInt64](repeating: 0, count: 1 << 20)

  init(_ inner: any DatagramTransport, watched: Endpoint) {
    self.watched = watched
    super.init(inner)
  }

  private func tag(_ index: Int) -> UInt64 {
    let bytes = inner.datagram(index)
    return bytes.count >= 40 ? bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self) : 0
  }

  private func place(_ tag: UInt64) -> Int { Int(truncatingIfNeeded: tag) & (tags.count - 1) }

  override func receive() -> Int {
    let count = inner.receive()
    for index in 0..<count where inner.source(index) != watched {
      let tag = tag(index)
      tags[place(tag)] = tag
    }
    return count
  }

  override func source(_ index: Int) -> Endpoint {
    let source = inner.source(index)
    guard source == watched else { return source }
    let tag = tag(index)
    return tags[place(tag)] == tag ? source : Self.stranger
  }
}

/// A layer that hands a copy of every eighth sealed datagram to somebody who listens.
private final class Eavesdropped: DatagramLayer {
  let keys: ClusterKeys
  let listener: Endpoint
  var overhead: Int { keys.overhead }

  init(_ keys: ClusterKeys, by listener: Endpoint) { (self.keys, self.listener) = (keys, listener) }

  func wrap(_ transport: any DatagramTransport) throws -> any DatagramTransport {
    let copies = CopyingTransport(transport, to: listener)
    return try keys.wrap(copies)
  }
}

/// A transport that is looked at after each batch that it receives.
private class WatchingTransport: DatagramTransport {
  let inner: any DatagramTransport
  private let onReceive: (any DatagramTransport, Int) -> Void

  init(
    _ inner: any DatagramTransport, onReceive: @escaping (any DatagramTransport, Int) -> Void = { _, _ in }
  ) {
    (self.inner, self.onReceive) = (inner, onReceive)
  }

  var localEndpoint: Endpoint { inner.localEndpoint }
  var fileDescriptor: Int32 { inner.fileDescriptor }
  var receiveWindow: Int { inner.receiveWindow }
  var counters: TransportCounters { inner.counters }
  var overhead: Int { inner.overhead }
  func datagram(_ index: Int) -> UnsafeRawBufferPointer { inner.datagram(index) }
  func isTruncated(_ index: Int) -> Bool { inner.isTruncated(index) }
  func source(_ index: Int) -> Endpoint { inner.source(index) }

  func receive() -> Int {
    let count = inner.receive()
    onReceive(inner, count)
    return count
  }

  func send(_ buffer: borrowing DatagramBuffer, from first: Int) -> Int { inner.send(buffer, from: first) }
}

/// A transport that sends copies, after the datagrams themselves.
private final class CopyingTransport: WatchingTransport {
  private let listener: Endpoint
  private var copies = DatagramBuffer(datagrams: 16, datagramLimit: 2_048)

  init(_ inner: any DatagramTransport, to listener: Endpoint) {
    self.listener = listener
    super.init(inner)
  }

  override func send(_ buffer: borrowing DatagramBuffer, from first: Int) -> Int {
    let sent = inner.send(buffer, from: first)
    copies.removeAll()
    for index in first..<first + sent where index % 8 == 0 && copies.hasRoom {
      copies.append(buffer.bytes(index), to: listener)
    }
    if copies.count > 0 { _ = inner.send(copies, from: 0) }
    return sent
  }
}
