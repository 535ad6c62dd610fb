import GrapevineCore
import Testing

@testable import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite("UDP: datagrams over loopback")
struct UDPTransportTests {
  @Test("a thousand datagrams arrive whole and in order", arguments: loopbacks, [false, true])
  func thousand(address: String, offload: Bool) throws {
    let sender = try UDPTransport(bind: address)
    let receiver = try UDPTransport(bind: address)
    sender.segmentOffload = offload
    transfer(1_000, from: sender, to: receiver)
    #expect(sender.segmentOffload == (offload && sender.supportsSegmentOffload))
    // Sixteen batches, each in one call.
    #expect(sender.counters.systemCallsSend == (1_000 + 63) / 64)
  }

  @Test("an IPv4 peer reaches a socket of all addresses of both families, and gets its answer")
  func dualStack() throws {
    let wide = try UDPTransport(bind: "[::]:0")
    let narrow = try UDPTransport(bind: "127.0.0.1:0")
    let target = Endpoint(ipv4: 0x7f00_0001, port: wide.localEndpoint.port)
    var buffer = DatagramBuffer()
    buffer.append([1, 2], to: target)
    #expect(narrow.send(buffer, from: 0) == 1)
    try #require(isReadable(wide.fileDescriptor) && wide.receive() == 1)
    #expect(wide.source(0) == narrow.localEndpoint)
    buffer.removeAll()
    buffer.append([3], to: wide.source(0))
    #expect(wide.send(buffer, from: 0) == 1)
    #expect(narrow.take(1) == [[3]])
  }

  @Test("a datagram above 2,048 bytes is marked and its neighbours are whole", arguments: loopbacks)
  func truncated(address: String) throws {
    let sender = try UDPTransport(bind: address)
    let receiver = try UDPTransport(bind: address)
    var buffer = DatagramBuffer(datagrams: 8, datagramLimit: 4_000)
    for length in [2_048, 2_049, 4_000, 5] {
      buffer.append([UInt8](repeating: 9, count: length), to: receiver.localEndpoint)
    }
    #expect(sender.send(buffer, from: 0) == 4)
    try #require(isReadable(receiver.fileDescriptor) && receiver.receive() == 4)
    #expect((0..<4).map { receiver.isTruncated($0) } == [false, true, true, false])
    #expect((0..<4).map { receiver.datagram($0).count } == [2_048, 0, 0, 5])
    #expect(receiver.counters.truncated == 2)
    // The mark does not stick to the slot.
    buffer.removeAll()
    for byte in 0..<UInt8(4) { buffer.append([byte], to: receiver.localEndpoint) }
    #expect(sender.send(buffer, from: 0) == 4)
    #expect(receiver.take(4) == [[0], [1], [2], [3]])
  }

  @Test("a destination that fails is counted and those behind it are sent", arguments: [false, true])
  func badDestination(offload: Bool) throws {
    let sender = try UDPTransport(bind: "127.0.0.1:0")
    let receiver = try UDPTransport(bind: "127.0.0.1:0")
    sender.segmentOffload = offload
    var buffer = DatagramBuffer()
    let port0 = Endpoint(ipv4: 0x7f00_0001, port: 0)
    let broadcast = Endpoint(ipv4: 0xffff_ffff, port: 9)
    let otherFamily = Endpoint(high: 0, low: 1, port: 9)
    for destination in [port0, port0, broadcast, otherFamily, otherFamily] {
      buffer.append([1, 2, 3], to: receiver.localEndpoint)
      buffer.append([4], to: destination)
    }
    for _ in 0..<3 { buffer.append([5], to: port0) }
    buffer.append([6], to: receiver.localEndpoint)
    #expect(sender.send(buffer, from: 0) == buffer.count)
    #expect(receiver.take(6) == Array(repeating: [1, 2, 3], count: 5) + [[6]])
    #expect(sender.counters.sendFailures == 8 && sender.counters.datagramsSent == 6)
    #expect(sender.segmentOffload == (offload && sender.supportsSegmentOffload))
  }

  @Test("a report that nobody listens at a port stops neither side")
  func portUnreachable() throws {
    let sender = try UDPTransport(bind: "127.0.0.1:0")
    let receiver = try UDPTransport(bind: "127.0.0.1:0")
    // A connected socket is told of unreachable ports, as any is on some systems.
    var gone: UDPTransport? = try UDPTransport(bind: "127.0.0.1:0")
    let target = try #require(gone).localEndpoint
    gone = nil
    withUnsafeTemporaryAllocation(byteCount: 28, alignment: 8) { address in
      guard let base = address.baseAddress else { return }
      let length = target.write(to: base, family: AF_INET)
      #expect(connect(sender.fileDescriptor, base.assumingMemoryBound(to: sockaddr.self), length) == 0)
    }
    var buffer = DatagramBuffer()
    for _ in 0..<3 { buffer.append([1], to: target) }
    sender.segmentOffload = false
    #expect(sender.send(buffer, from: 0) == 3)
    #expect(sender.counters.datagramsSent == 3)
    #expect(sender.receive() == 0)
    buffer.removeAll()
    buffer.append([7], to: receiver.localEndpoint)
    #expect(sender.send(buffer, from: 0) == 1)
    #expect(receiver.take(1) == [[7]])
  }

  @Test("a tiny send buffer loses nothing", arguments: [false, true])
  func tinySendBuffer(offload: Bool) throws {
    let sender = try UDPTransport(bind: "127.0.0.1:0", sendBufferBytes: 0)
    let receiver = try UDPTransport(bind: "127.0.0.1:0")
    sender.segmentOffload = offload
    var buffer = DatagramBuffer()
    while buffer.append([UInt8](repeating: 7, count: 1_200), to: receiver.localEndpoint) {}
    var done = 0
    for _ in 0..<1_000 where done < buffer.count { done += sender.send(buffer, from: done) }
    #expect(done == buffer.count && sender.counters.sendFailures == 0)
    #expect(receiver.take(buffer.count).count == buffer.count)
  }

  @Test("a full receive buffer drops and says how many")
  func drops() throws {
    let sender = try UDPTransport(bind: "127.0.0.1:0")
    let receiver = try UDPTransport(bind: "127.0.0.1:0", receiveBufferBytes: 0)
    #expect(receiver.receiveWindow == 16)
    #expect(sender.receiveWindow >= 16 && sender.receiveWindow <= 8_192)
    var buffer = DatagramBuffer()
    while buffer.append([UInt8](repeating: 7, count: 1_200), to: receiver.localEndpoint) {}
    #expect(sender.send(buffer, from: 0) == 64)
    let received = receiver.takeAll().count
    #if os(Linux) && !GRAPEVINE_PORTABLE
      #expect(received < 64 && receiver.counters.receiveDrops == 64 - received)
    #endif
  }

  @Test("an address that cannot be bound is explained, and nothing stays open")
  func bindErrors() throws {
    let first = try UDPTransport(bind: "127.0.0.1:0")
    let taken = first.localEndpoint
    let error = #expect(throws: TransportError.addressInUse(taken)) { try UDPTransport(bind: taken) }
    #expect(error?.description.contains("\(taken.text) is in use") == true)
    let foreign = Endpoint(ipv4: 0x0808_0808, port: 7_946)
    #expect(throws: TransportError.addressNotAvailable(foreign)) { try UDPTransport(bind: foreign) }
    let unscoped = Endpoint(high: 0xfe80 << 48, low: 1, port: 7_946)
    #expect(throws: TransportError.interfaceMissing(unscoped)) { try UDPTransport(bind: unscoped) }
    let nowhere = Endpoint(high: 0xfe80 << 48, low: 1, scope: 999_999, port: 7_946)
    #expect(throws: TransportError.interfaceMissing(nowhere)) { try UDPTransport(bind: nowhere) }
    let text = "[fe80::1%eth9none]:7946"
    #expect(throws: TransportError.address(.interfaceInvalid(text: text, interface: "eth9none"))) {
      try UDPTransport(bind: text)
    }
  }
}
