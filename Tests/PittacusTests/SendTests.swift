// Datagrams in batches: the same arrive as if each were sent by itself.

import CPittacus
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite("Pittacus: datagrams in batches") struct SendTests {
  @Test("a batch arrives as its datagrams") func aBatchArrivesAsItsDatagrams() {
    let (sender, first, second) = (Socket(), Socket(), Socket())
    let sizes: [(Int, Socket)] =
      [
        (90, first), (90, first), (90, first), (90, first), (90, first), (90, first), (16, first),
        (90, first),
      ]
      + [(1, second), (512, second), (512, second), (511, second), (512, second)]
      + [(16, first), (16, second), (16, first), (16, first)]
    let outcome = sender.send(sizes)
    #expect(outcome.done == sizes.count && outcome.left == sizes.count)
    #expect(first.received() == sent(sizes, to: first))
    #expect(second.received() == sent(sizes, to: second))
  }

  @Test("a full batch of the longest leaves at once") func aFullBatchGoesInOneCall() {
    let (sender, receiver) = (Socket(), Socket())
    let sizes = (0..<Int(ps_batch)).map { _ in (512, receiver) }
    let outcome = sender.send(sizes)
    #expect(outcome.done == 64 && outcome.left == 64)
    #expect(receiver.received() == sent(sizes, to: receiver))
  }

  @Test("refused datagrams hold up nobody") func refusedDatagramsHoldUpNobody() {
    let (sender, receiver) = (Socket(), Socket())
    let nowhere = Socket(port: 0)
    for refused in [1, 2, 20] {
      let sizes =
        [(90, receiver)] + Array(repeating: (90, nowhere), count: refused)
        + Array(repeating: (90, receiver), count: 9)
      let outcome = sender.send(sizes)
      #expect(outcome.done == sizes.count && outcome.left == 10)
      #expect(outcome.takesTrains)
      #expect(receiver.received() == sent(sizes, to: receiver))
    }
  }

  @Test("nothing is sent of nothing") func nothingIsNothing() {
    let outcome = Socket().send([])
    #expect(outcome.done == 0 && outcome.left == 0)
  }

  #if os(Linux)
    /// Linux cuts no trains up for a socket that computes no checksums.
    @Test("where trains are refused, datagrams go one by one") func whereTrainsAreRefusedDatagramsGoOneByOne()
    {
      let (sender, receiver) = (Socket(), Socket())
      var yes: Int32 = 1
      #expect(
        setsockopt(sender.descriptor, SOL_SOCKET, SO_NO_CHECK, &yes, socklen_t(MemoryLayout<Int32>.size)) == 0
      )
      let sizes = (0..<40).map { ($0 < 30 ? 90 : 16, receiver) }
      var outcome = sender.send(sizes)
      #expect(outcome.done == 40 && outcome.left == 40)
      #expect(!outcome.takesTrains)
      #expect(receiver.received() == sent(sizes, to: receiver))
      outcome = sender.send(sizes, takesTrains: false)
      #expect(outcome.left == 40 && !outcome.takesTrains)
      #expect(receiver.received() == sent(sizes, to: receiver))
    }
  #endif

  /// The datagrams of a batch that go to one socket: size and first byte, which is the place in the batch.
  private func sent(_ sizes: [(Int, Socket)], to receiver: Socket) -> [[Int]] {
    sizes.enumerated().filter { $0.element.1 === receiver }.map { [$0.element.0, $0.offset] }
  }
}

/// A UDP socket on the loopback.
private final class Socket {
  let descriptor: Int32
  private var address = ps_endpoint()

  init() {
    var any = sockaddr_in()
    any.sin_family = sa_family_t(AF_INET)
    any.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var bound = ps_endpoint()
    descriptor = withUnsafePointer(to: &any) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        ps_open($0, socklen_t(MemoryLayout<sockaddr_in>.size), &bound)
      }
    }
    address = bound
  }

  /// A destination that the system refuses.
  init(port: UInt16) {
    descriptor = -1
    address = ps_endpoint(high: 0, low: 0xffff_7f00_0001, scope: 0, port: port)
  }

  deinit { if descriptor >= 0 { pt_close(descriptor) } }

  /// Sends datagrams of the given sizes whose first byte counts them.
  func send(
    _ sizes: [(Int, Socket)], takesTrains: Bool = true
  ) -> (done: Int, left: Int, takesTrains: Bool) {
    let bytes = UnsafeMutableRawPointer.allocate(byteCount: 512 * max(1, sizes.count), alignment: 16)
    defer { bytes.deallocate() }
    bytes.initializeMemory(as: UInt8.self, repeating: 7, count: 512 * max(1, sizes.count))
    var datagrams: [ps_datagram] = []
    for (index, (size, receiver)) in sizes.enumerated() {
      bytes.storeBytes(of: UInt8(index), toByteOffset: 512 * index, as: UInt8.self)
      datagrams.append(
        ps_datagram(bytes: bytes + 512 * index, size: size, destination: receiver.address))
    }
    var whole: Int32 = takesTrains ? 1 : 0
    var left: Int32 = 0
    let done = ps_send(descriptor, datagrams, Int32(datagrams.count), &whole, &left)
    return (Int(done), Int(left), whole == 1)
  }

  /// The datagrams that are there: size and first byte.
  func received() -> [[Int]] {
    var datagrams: [[Int]] = []
    var buffer = [UInt8](repeating: 0, count: 600)
    var source = ps_endpoint()
    while true {
      let count = ps_receive(descriptor, &buffer, buffer.count, &source)
      guard count >= 0 else { return datagrams }
      datagrams.append([count, Int(buffer[0])])
    }
  }
}
