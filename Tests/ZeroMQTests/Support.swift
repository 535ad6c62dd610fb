import Testing

@testable import ZeroMQ

#if canImport(Glibc)
  import Glibc
#endif

/// Waits for something about some sockets to become true, for ten seconds at most.
func eventually(_ sockets: [ZeroMQSocket], _ condition: () throws -> Bool) throws -> Bool {
  let poller = try ZeroMQPoller()
  for (index, socket) in sockets.enumerated() { try poller.add(socket, tag: UInt32(index)) }
  defer { for socket in sockets { poller.remove(socket) } }
  let end = ContinuousClock.now + .seconds(60)
  while ContinuousClock.now < end {
    // What is asked for may take a signal away from the poller; so the wait is short.
    if try condition() { return true }
    poller.ready(within: 20) { _ in }
  }
  return false
}

/// The next message, for which it waits.
func next(_ socket: ZeroMQSocket) throws -> (parts: Int, bytes: [UInt8]) {
  var result: (Int, [UInt8])?
  _ = try eventually([socket]) {
    guard let parts = try socket.receive() else { return false }
    result = (parts, Array(socket.message))
    return true
  }
  return try #require(result, "no message came")
}

/// Sends, waiting for room.
func send(_ text: String, _ socket: ZeroMQSocket, to peer: [UInt8]? = nil) throws {
  let isSent = try eventually([socket]) {
    try Array(text.utf8).withUnsafeBytes { bytes in
      guard let peer else { return try socket.send(bytes) == .sent }
      return try peer.withUnsafeBytes { try socket.send(bytes, to: $0) == .sent }
    }
  }
  #expect(isSent, "nothing could be sent")
}

/// The next event of the given kind, for which it waits.
func event(_ monitor: ZeroMQMonitor, _ isWanted: (ZeroMQMonitorEvent) -> Bool) throws -> ZeroMQMonitorEvent? {
  var result: ZeroMQMonitorEvent?
  _ = try eventually([monitor.socket]) {
    while let event = try monitor.next() {
      guard isWanted(event) else { continue }
      result = event
      return true
    }
    return false
  }
  return result
}

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
