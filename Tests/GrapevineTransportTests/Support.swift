// What the transports' tests share: datagrams whose content tells their number, and waits that end.

import GrapevineCore
import GrapevineTransport
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Waits until the descriptor is readable; false after five seconds.
func isReadable(_ descriptor: Int32, milliseconds: Int32 = 5_000) -> Bool {
  var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
  return poll(&entry, 1, milliseconds) == 1
}

/// Asks again every millisecond until the condition holds; false after a minute.
func eventually(_ condition: () -> Bool) -> Bool {
  for _ in 0..<60_000 {
    if condition() { return true }
    poll(nil, 0, 1)
  }
  return condition()
}

/// The content of datagram `number`: trains of 1,200 bytes, ends of trains, small ones and empty ones.
func content(_ number: Int) -> [UInt8] {
  let length =
    switch number % 23 {
    case 7: 1_199
    case 8: 0
    case 9, 10, 11: 64
    case 12: 1
    case 20: 300
    default: 1_200
    }
  return (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ number &* 7) }
}

extension DatagramBuffer {
  /// Appends an array; false when there is no room.
  @discardableResult
  mutating func append(_ bytes: [UInt8], to destination: Endpoint) -> Bool {
    bytes.withUnsafeBytes { append($0, to: destination) }
  }
}

extension DatagramTransport {
  /// Copies of what waits: each with where it came from.
  func takeAll() -> [(bytes: [UInt8], source: Endpoint)] {
    var taken: [(bytes: [UInt8], source: Endpoint)] = []
    while true {
      let count = receive()
      if count == 0 { return taken }
      for index in 0..<count { taken.append((Array(datagram(index)), source(index))) }
    }
  }

  /// Copies of the next `count` datagrams, or fewer when no more came for five seconds.
  func take(_ count: Int) -> [[UInt8]] {
    var taken: [[UInt8]] = []
    while taken.count < count, isReadable(fileDescriptor) {
      taken += takeAll().map(\.bytes)
    }
    return taken
  }
}

/// Sends `count` datagrams from one to the other and checks each byte, boundary and source.
func transfer(_ count: Int, from sender: some DatagramTransport, to receiver: some DatagramTransport) {
  var buffer = DatagramBuffer()
  var number = 0
  while number < count {
    buffer.removeAll()
    let first = number
    while number < count, buffer.append(content(number), to: receiver.localEndpoint) { number += 1 }
    #expect(sender.send(buffer, from: 0) == buffer.count)
    var received: [(bytes: [UInt8], source: Endpoint)] = []
    while received.count < number - first, isReadable(receiver.fileDescriptor) {
      received += receiver.takeAll()
    }
    #expect(received.map(\.bytes) == (first..<number).map(content))
    #expect(received.allSatisfy { $0.source == sender.localEndpoint })
  }
  let bytes = (0..<count).reduce(0) { $0 + content($1).count }
  #expect(sender.counters.datagramsSent == count && sender.counters.bytesSent == bytes)
  #expect(receiver.counters.datagramsReceived == count && receiver.counters.bytesReceived == bytes)
  #expect(sender.counters.sendFailures == 0 && receiver.counters.receiveErrors == 0)
  #expect(receiver.counters.receiveDrops == 0 && receiver.counters.truncated == 0)
}

/// The loopback address of each family, with any port.
let loopbacks = ["127.0.0.1:0", "[::1]:0"]
