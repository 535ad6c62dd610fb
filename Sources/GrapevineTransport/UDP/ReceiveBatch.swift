// The memory into which one system call receives many datagrams.
//
// Everything the kernel needs is laid out once: a message, an address and 2,048 bytes for each of 64
// datagrams. The memory comes zeroed from the system, so that pages which no datagram ever reached cost
// nothing.

import GrapevineCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif
#if os(Linux)
  import CLinux
#endif

/// Receives datagrams from one socket in batches.
struct ReceiveBatch: ~Copyable {
  private let messages: UnsafeMutablePointer<Message>
  private let parts: UnsafeMutablePointer<iovec>
  private let addresses: UnsafeMutablePointer<sockaddr_storage>
  private let bytes: UnsafeMutableRawPointer
  private let call: MessageCall
  private(set) var count = 0

  /// Errors that one `receive` overlooks before it gives up for this time. Chosen here: each takes one report
  /// of the network off the socket, and more than a batch of them must not hold up the loop.
  private static let errorLimit = TransportLimits.batch

  /// Lays out the memory; `call` is the system's call, or what a test puts in its place.
  init(call: @escaping MessageCall = SystemCalls.receiveMessages) {
    let limit = TransportLimits.batch
    self.call = call
    messages = zeroed(limit)
    parts = zeroed(limit)
    addresses = zeroed(limit)
    let room: UnsafeMutablePointer<UInt8> = zeroed(limit * TransportLimits.datagramBytes)
    bytes = UnsafeMutableRawPointer(room)
    for index in 0..<limit {
      parts[index].iov_base = bytes + index * TransportLimits.datagramBytes
      parts[index].iov_len = TransportLimits.datagramBytes
      messages[index].header.msg_iov = parts + index
      messages[index].header.msg_iovlen = 1
      messages[index].header.msg_name = UnsafeMutableRawPointer(addresses + index)
      restore(index)
    }
  }

  deinit {
    free(messages)
    free(parts)
    free(addresses)
    free(bytes)
  }

  /// Sets what the kernel changed in a message back to what it must find.
  private func restore(_ index: Int) {
    messages[index].header.msg_namelen = socklen_t(MemoryLayout<sockaddr_storage>.size)
    messages[index].header.msg_flags = 0
  }

  /// Replaces the batch by what waits at the socket; errors are counted and passed over.
  mutating func receive(from socket: Int32, counters: inout TransportCounters) -> Int {
    for index in 0..<count { restore(index) }
    count = 0
    var errors = 0
    while true {
      counters.systemCallsReceive += 1
      let result = call(socket, messages, TransportLimits.batch)
      if result >= 0 {
        count = min(Int(result), TransportLimits.batch)
        break
      }
      if result == -EAGAIN || result == -EWOULDBLOCK { break }
      counters.receiveErrors += 1
      errors += 1
      if errors == Self.errorLimit { break }
    }
    for index in 0..<count {
      counters.bytesReceived += datagram(index).count
      if isTruncated(index) { counters.truncated += 1 }
    }
    counters.datagramsReceived += count
    return count
  }

  /// The bytes of one datagram; none when it was truncated.
  func datagram(_ index: Int) -> UnsafeRawBufferPointer {
    precondition(index >= 0 && index < count, "datagram index out of range")
    let length = isTruncated(index) ? 0 : min(Int(messages[index].length), TransportLimits.datagramBytes)
    return UnsafeRawBufferPointer(start: bytes + index * TransportLimits.datagramBytes, count: length)
  }

  func isTruncated(_ index: Int) -> Bool {
    precondition(index >= 0 && index < count, "datagram index out of range")
    return messages[index].header.msg_flags & Int32(MSG_TRUNC) != 0
  }

  /// Where one datagram came from; an endpoint that is not usable when the system named none.
  func source(_ index: Int) -> Endpoint {
    precondition(index >= 0 && index < count, "datagram index out of range")
    return Endpoint(socketAddress: addresses + index) ?? Endpoint(high: 0, low: 0, port: 0)
  }
}

/// Zeroed memory for `count` plain C values, whose pages become resident when they are first written.
func zeroed<Value>(_ count: Int) -> UnsafeMutablePointer<Value> {
  guard let memory = calloc(count, MemoryLayout<Value>.stride) else {
    preconditionFailure("no memory for \(count * MemoryLayout<Value>.stride) bytes of a transport")
  }
  return memory.bindMemory(to: Value.self, capacity: count)
}
