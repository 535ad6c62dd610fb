// Sending many datagrams with few system calls.
//
// Datagrams that go to one destination, lie one behind the other and have equal length (the last may be
// shorter) form a train: the kernel takes the train as one message and cuts it (`UDP_SEGMENT`), which costs
// it far less than as many datagrams. Up to 64 messages, trains or single datagrams, go to the kernel at
// once.
//
// A network path may refuse trains: its interface cannot compute checksums, or its limit is below the
// datagrams' length. So a refused train is sent again datagram by datagram, and if that works, trains are
// over for good. If it does not, the destination was bad and only its own datagrams are counted as failed.

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

/// Sends datagrams from one socket in batches.
struct SendBatch: ~Copyable {
  /// Segments in one train: the kernel's `UDP_MAX_SEGMENTS` before Linux 6.9, which made it 128.
  static let segmentLimit = 64
  /// Bytes in one train. Chosen here: below the 65,507 that fit an IPv4 packet behind its headers.
  static let trainBytes = 65_000
  /// Interruptions and stale reports that one `send` passes over before it counts a datagram as failed.
  /// Chosen here: each is taken off the socket by being reported, so a second in a row is already rare.
  private static let retryLimit = 16

  private let messages: UnsafeMutablePointer<Message>
  private let parts: UnsafeMutablePointer<iovec>
  private let addresses: UnsafeMutablePointer<sockaddr_in6>
  private let controls: UnsafeMutableRawPointer
  /// How many datagrams each message carries.
  private let trains: UnsafeMutablePointer<Int32>
  private let family: Int32
  private let call: MessageCall
  /// Whether trains are formed.
  var segments: Bool

  /// Lays out the memory; `call` is the system's call, or what a test puts in its place.
  init(family: Int32, segments: Bool, call: @escaping MessageCall = SystemCalls.sendMessages) {
    let limit = TransportLimits.batch
    self.family = family
    self.segments = segments
    self.call = call
    messages = zeroed(limit)
    parts = zeroed(limit)
    addresses = zeroed(limit)
    trains = zeroed(limit)
    let room: UnsafeMutablePointer<UInt8> = zeroed(max(1, limit * SystemCalls.segmentSpace))
    controls = UnsafeMutableRawPointer(room)
    for index in 0..<limit {
      messages[index].header.msg_iov = parts + index
      messages[index].header.msg_iovlen = 1
      messages[index].header.msg_name = UnsafeMutableRawPointer(addresses + index)
    }
  }

  deinit {
    free(messages)
    free(parts)
    free(addresses)
    free(trains)
    free(controls)
  }

  /// Sends the datagrams from `first` on; returns how many are done with.
  mutating func send(
    _ buffer: borrowing DatagramBuffer, from first: Int, to socket: Int32, counters: inout TransportCounters
  ) -> Int {
    var next = first
    var retries = 0
    // Datagrams before this index go singly, because the train they were in was refused.
    var singlesEnd = first
    while next < buffer.count {
      let filled = fill(buffer, from: next, singlesEnd: singlesEnd)
      counters.systemCallsSend += 1
      let result = call(socket, messages, filled)
      if result > 0 {
        let sent = account(min(Int(result), filled), counters: &counters)
        if next < singlesEnd { segments = false }
        next += sent
        continue
      }
      switch -result {
      case EINTR where retries < Self.retryLimit, ECONNREFUSED where retries < Self.retryLimit:
        retries += 1
      case EAGAIN, EWOULDBLOCK, 0:
        counters.sendsBlocked += 1
        return next - first
      case EINVAL where trains[0] > 1, EIO where trains[0] > 1, EMSGSIZE where trains[0] > 1,
        EOPNOTSUPP where trains[0] > 1:
        singlesEnd = next + Int(trains[0])
      default:
        counters.sendFailures += Int(trains[0])
        next += Int(trains[0])
      }
    }
    return max(0, next - first)
  }

  /// Counts the datagrams of the first `sent` messages and returns their number.
  private func account(_ sent: Int, counters: inout TransportCounters) -> Int {
    var datagrams = 0
    for index in 0..<sent {
      datagrams += Int(trains[index])
      counters.bytesSent += parts[index].iov_len
    }
    counters.datagramsSent += datagrams
    return datagrams
  }

  /// Lays out messages for the datagrams from `first` on, as many as fit; returns the number of messages.
  private func fill(_ buffer: borrowing DatagramBuffer, from first: Int, singlesEnd: Int) -> Int {
    var filled = 0
    var next = first
    while next < buffer.count, filled < TransportLimits.batch {
      let record = buffer.record(next)
      let end = segments && next >= singlesEnd ? trainEnd(buffer, from: next, record) : next + 1
      var length = record.length
      for index in next + 1..<max(end, next + 1) { length += buffer.record(index).length }
      parts[filled].iov_base = UnsafeMutableRawPointer(mutating: buffer.bytes(next).baseAddress)
      parts[filled].iov_len = length
      messages[filled].header.msg_namelen = record.destination.write(to: addresses + filled, family: family)
      if end - next > 1, let size = UInt16(exactly: record.length) {
        let control = controls + filled * SystemCalls.segmentSpace
        SystemCalls.setSegment(&messages[filled].header, control: control, size: size)
      } else {
        messages[filled].header.msg_control = nil
        messages[filled].header.msg_controllen = 0
      }
      trains[filled] = Int32(end - next)
      filled += 1
      next = end
    }
    return filled
  }

  /// The index behind the train that starts with `head`, the datagram at `first`.
  private func trainEnd(
    _ buffer: borrowing DatagramBuffer, from first: Int, _ head: DatagramBuffer.Record
  ) -> Int {
    var end = first + 1
    var total = head.length
    guard head.length > 0 else { return end }
    while end < buffer.count, end - first < Self.segmentLimit {
      let record = buffer.record(end)
      // An empty datagram cannot be a segment: the kernel would not see it.
      guard record.length > 0, record.length <= head.length, record.destination == head.destination,
        record.offset == head.offset + total, total + record.length <= Self.trainBytes
      else { break }
      total += record.length
      end += 1
      if record.length < head.length { break }
    }
    return end
  }
}
