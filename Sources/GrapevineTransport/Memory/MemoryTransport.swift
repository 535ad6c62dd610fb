// One end of the network inside a process.

import GrapevineCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// One port of a `MemoryNetwork` as a transport. One thread uses it; it frees the port when released.
public final class MemoryTransport: DatagramTransport {
  /// Where peers reach this transport, with the real port.
  public let localEndpoint: Endpoint
  private let network: MemoryNetwork
  private let mailbox: Mailbox
  private let entries: UnsafeMutablePointer<Mailbox.Entry> = zeroed(TransportLimits.batch)
  private var count = 0
  private var counted = TransportCounters()

  init(network: MemoryNetwork, mailbox: Mailbox, endpoint: Endpoint) {
    self.network = network
    self.mailbox = mailbox
    localEndpoint = endpoint
  }

  deinit {
    network.release(port: localEndpoint.port)
    free(entries)
  }

  /// A descriptor that is readable while datagrams wait; closed after the transport is released.
  public var fileDescriptor: Int32 { mailbox.descriptor }

  /// The datagrams that may wait: the network's `queueLimit`.
  public var receiveWindow: Int { mailbox.limit }

  /// What has happened since the transport was made.
  public var counters: TransportCounters {
    var counters = counted
    counters.receiveDrops = mailbox.dropped
    return counters
  }

  /// Takes up to 64 datagrams that wait and forgets those of the call before; returns their number.
  public func receive() -> Int {
    count = mailbox.exchange(entries, used: count)
    counted.datagramsReceived += count
    for index in 0..<count {
      counted.bytesReceived += max(0, Int(entries[index].length))
      if entries[index].length < 0 { counted.truncated += 1 }
    }
    return count
  }

  /// The bytes of a received datagram, valid until the next `receive`; empty when it was truncated.
  public func datagram(_ index: Int) -> UnsafeRawBufferPointer { mailbox.bytes(of: entry(index)) }

  /// Whether a received datagram was longer than 2,048 bytes.
  public func isTruncated(_ index: Int) -> Bool { entry(index).length < 0 }

  /// Where a received datagram came from.
  public func source(_ index: Int) -> Endpoint { entry(index).source }

  private func entry(_ index: Int) -> Mailbox.Entry {
    precondition(index >= 0 && index < count, "datagram index out of range")
    return entries[index]
  }

  /// Puts the datagrams into the queues of their destinations; it never blocks. An endpoint outside the
  /// network counts as a failure, as a missing route does with UDP.
  public func send(_ buffer: borrowing DatagramBuffer, from first: Int) -> Int {
    guard first < buffer.count else { return 0 }
    var last = Endpoint(high: 0, low: 0, port: 0)
    var target: Mailbox?
    for index in first..<buffer.count {
      let record = buffer.record(index)
      if record.destination != last {
        last = record.destination
        target = network.mailbox(at: last)
      }
      guard last.port != 0, last == MemoryNetwork.endpoint(port: last.port) else {
        counted.sendFailures += 1
        continue
      }
      target?.deliver(buffer.bytes(index), from: localEndpoint)
      counted.datagramsSent += 1
      counted.bytesSent += record.length
    }
    return buffer.count - first
  }
}
