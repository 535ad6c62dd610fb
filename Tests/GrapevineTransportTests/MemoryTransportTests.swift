import GrapevineCore
import GrapevineTransport
import Testing

@Suite("In memory: the same face without a network")
struct MemoryTransportTests {
  @Test("a thousand datagrams arrive whole and in order")
  func thousand() throws {
    let network = MemoryNetwork()
    transfer(1_000, from: try network.bind(), to: try network.bind())
  }

  @Test("ports are given out, taken, and free again once released")
  func ports() throws {
    let network = MemoryNetwork()
    var first: MemoryTransport? = try network.bind()
    let second = try network.bind(port: 2)
    let third = try network.bind()
    #expect(first?.localEndpoint.port == 1 && third.localEndpoint.port == 3)
    #expect(first?.localEndpoint.isUsable == true && first?.localEndpoint.text == "[100::]:1")
    #expect(throws: TransportError.addressInUse(second.localEndpoint)) { try network.bind(port: 2) }
    first = nil
    #expect(try network.bind(port: 1).localEndpoint.port == 1)
  }

  @Test("a datagram above 2,048 bytes is marked and its neighbours are whole")
  func truncated() throws {
    let network = MemoryNetwork()
    let (sender, receiver) = (try network.bind(), try network.bind())
    var buffer = DatagramBuffer(datagrams: 8, datagramLimit: 4_000)
    for length in [2_048, 2_049, 0, 5] {
      buffer.append([UInt8](repeating: 9, count: length), to: receiver.localEndpoint)
    }
    #expect(sender.send(buffer, from: 0) == 4)
    try #require(isReadable(receiver.fileDescriptor) && receiver.receive() == 4)
    #expect((0..<4).map { receiver.isTruncated($0) } == [false, true, false, false])
    #expect((0..<4).map { receiver.datagram($0).count } == [2_048, 0, 0, 5])
    #expect(receiver.counters.truncated == 1)
  }

  @Test("a full queue drops what comes last, counts it, and works on")
  func full() throws {
    let network = MemoryNetwork(queueLimit: 20)
    let (sender, receiver) = (try network.bind(), try network.bind())
    #expect(receiver.receiveWindow == 20)
    var buffer = DatagramBuffer()
    for byte in 0..<UInt8(64) { buffer.append([byte], to: receiver.localEndpoint) }
    for _ in 0..<3 {
      #expect(sender.send(buffer, from: 0) == 64)
      #expect(receiver.takeAll().map(\.bytes) == (0..<20).map { [$0] })
      #expect(!isReadable(receiver.fileDescriptor, milliseconds: 0))
    }
    #expect(receiver.counters.receiveDrops == 3 * 44)
  }

  @Test("a destination outside the network fails, an unheld port is silence, and those behind are sent")
  func badDestination() throws {
    let network = MemoryNetwork()
    let (sender, receiver) = (try network.bind(), try network.bind())
    var buffer = DatagramBuffer()
    buffer.append([1], to: Endpoint(ipv4: 0x7f00_0001, port: 2))
    buffer.append([2], to: MemoryNetwork.endpoint(port: 0))
    buffer.append([3], to: MemoryNetwork.endpoint(port: 999))
    buffer.append([4], to: receiver.localEndpoint)
    #expect(sender.send(buffer, from: 0) == 4)
    #expect(receiver.take(1) == [[4]])
    #expect(sender.counters.sendFailures == 2 && sender.counters.datagramsSent == 2)
  }

  @Test("many threads send to one")
  func threads() async throws {
    let network = MemoryNetwork(queueLimit: 8_192)
    let receiver = try network.bind()
    let target = receiver.localEndpoint
    await withTaskGroup(of: Void.self) { group in
      for sender in 0..<UInt8(8) {
        group.addTask {
          guard let transport = try? network.bind() else { return }
          var buffer = DatagramBuffer()
          for _ in 0..<10 {
            buffer.removeAll()
            while buffer.append([sender], to: target) {}
            _ = transport.send(buffer, from: 0)
          }
        }
      }
    }
    #expect(receiver.takeAll().count == 8 * 640)
  }
}
