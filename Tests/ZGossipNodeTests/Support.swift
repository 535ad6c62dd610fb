import GrapevineCore
import Testing
import ZGossip
import ZeroMQ

@testable import ZGossipNode

#if canImport(Glibc)
  import Glibc
#endif

/// An endpoint of one transport that no other test uses.
func endpoint(_ transport: String) -> String {
  let number = UInt64.random(in: 0 ... .max)
  switch transport {
  case "ipc": return "ipc:///tmp/grapevine-\(number).socket"
  case "inproc": return "inproc://grapevine-\(number)"
  default: return "tcp://127.0.0.1:!"
  }
}

/// Removes what `ipc` leaves behind.
func forget(_ endpoint: String) {
  if endpoint.hasPrefix("ipc://") { unlink(String(endpoint.dropFirst(6))) }
}

/// A node with short times, in a context that tests share.
func makeNode(_ change: (inout ZGossipNodeConfiguration) -> Void = { _ in }) throws -> ZGossipNode {
  var configuration = ZGossipNodeConfiguration()
  configuration.reconnect = .milliseconds(10)
  change(&configuration)
  return try ZGossipNode(configuration: configuration)
}

/// Waits until something is true, for a minute at most.
func eventually(_ condition: () async throws -> Bool) async rethrows -> Bool {
  let end = ContinuousClock.now + .seconds(60)
  while ContinuousClock.now < end {
    if try await condition() { return true }
    // A wait that kept trying would take the processor from what it waits for.
    try? await Task.sleep(for: .milliseconds(2))
  }
  return false
}

/// Waits until a node has a tuple.
func has(_ node: ZGossipNode, _ key: String, _ value: String?) async -> Bool {
  let value = value.map { Array($0.utf8) }
  return await eventually { await node.tuple(at: key)?.value == value }
}

/// Somebody on the other end of a socket who says what nobody of ours would.
final class Stranger {
  let socket: ZeroMQSocket
  private let poller: ZeroMQPoller
  /// The routing id of who is spoken to, on a ROUTER: who sent last.
  private var peer: [UInt8] = []

  init(_ kind: ZeroMQSocket.Kind) throws {
    socket = try ZeroMQSocket(kind, in: .shared)
    try socket.setLinger(milliseconds: 0)
    try socket.setReconnect(milliseconds: 10)
    if kind == .router { try socket.setRouterMandatory(true) }
    poller = try ZeroMQPoller()
    try poller.add(socket, tag: 0)
  }

  deinit { poller.remove(socket) }

  func say(_ message: ZGossipMessage) throws {
    try withUnsafeTemporaryAllocation(byteCount: 1_024, alignment: 8) { buffer in
      let length = message.write(into: buffer)
      try say(Array(buffer[..<length]))
    }
  }

  func publish(_ key: String, _ value: String) throws {
    try Array(key.utf8).withUnsafeBytes { key in
      try Array(value.utf8).withUnsafeBytes { value in try say(.publish(key: key, value: value)) }
    }
  }

  func say(_ bytes: [UInt8]) throws {
    let end = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < end {
      let outcome = try bytes.withUnsafeBytes { bytes in
        try peer.withUnsafeBytes { try socket.send(bytes, to: socket.kind == .router ? $0 : nil) }
      }
      if outcome == .sent { return }
      poller.ready(within: 10) { _ in }
    }
    Issue.record("nothing could be sent")
  }

  func say(parts: [[UInt8]]) throws {
    #expect(try socket.send(parts: (socket.kind == .router ? [peer] : []) + parts) == .sent)
  }

  /// What it hears next; nil when that takes longer than so many milliseconds.
  ///
  /// Lets others have the thread meanwhile: what it waits for may need it.
  func hear(within milliseconds: Int = 60_000) async throws -> [UInt8]? {
    let end = ContinuousClock.now + .milliseconds(milliseconds)
    while ContinuousClock.now < end {
      if try socket.receive() != nil {
        if socket.kind == .router { peer = Array(socket.peer) }
        return Array(socket.message)
      }
      poller.ready(within: 0) { _ in }
      try await Task.sleep(for: .milliseconds(2))
    }
    return nil
  }

  /// The next tuple it hears, as `key=value`.
  func hearTuple() async throws -> String? {
    while let bytes = try await hear() {
      let text = try bytes.withUnsafeBytes { bytes -> String? in
        guard case .publish(let key, let value, _) = try ZGossipMessage(decoding: bytes) else { return nil }
        return String(decoding: key, as: UTF8.self) + "=" + String(decoding: value, as: UTF8.self)
      }
      if let text { return text }
    }
    return nil
  }

  /// Waits for a message of the given kind.
  func hears(_ kind: ZGossipKind) async throws -> Bool {
    while let bytes = try await hear() {
      if bytes.count > 2, bytes[2] == kind.rawValue { return true }
    }
    return false
  }
}
