// What goes over the loopback interface, as the kernel sees it: for a look at whether anything is plain.

import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// Counts the datagrams of some ports by their first byte, on a thread of its own, from a raw socket.
final class WireCapture: Sendable {
  struct Counts {
    var sealed = 0
    var plain = 0
    /// Whether the marker was found in any of them.
    var readable = 0
  }

  private let descriptor: Int32
  private let state = Mutex((ports: Set<UInt16>(), counts: Counts(), isOver: false))
  private let marker: UInt8
  /// Bytes of the marker in a row that do not come about by chance.
  private static let markerRun = 16

  /// Begins; nil where the system does not allow it, which takes CAP_NET_RAW.
  ///
  /// - Parameter marker: A byte of which the messages hold many in a row, which must not be seen.
  init?(marker: UInt8) {
    // ETH_P_IP in network order: every packet of IPv4, on all interfaces, without the header of the link.
    descriptor = socket(AF_PACKET, Int32(SOCK_DGRAM.rawValue), Int32(UInt16(0x0800).bigEndian))
    guard descriptor >= 0 else { return nil }
    self.marker = marker
    var bytes: Int32 = 64 << 20
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, socklen_t(4))
    var limit = timeval(tv_sec: 0, tv_usec: 100_000)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    let capture = Unmanaged.passRetained(self)
    var thread = pthread_t()
    pthread_create(
      &thread, nil,
      { raw in
        guard let raw else { return nil }
        Unmanaged<WireCapture>.fromOpaque(raw).takeRetainedValue().run()
        return nil
      }, capture.toOpaque())
    pthread_detach(thread)
  }

  deinit { close(descriptor) }

  /// Looks at the datagrams to and from a port from now on.
  func watch(_ port: UInt16) { state.withLock { _ = $0.ports.insert(port) } }

  /// Ends; returns what was seen.
  func end() -> Counts {
    state.withLock {
      $0.isOver = true
      return $0.counts
    }
  }

  private func run() {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while !state.withLock({ $0.isOver }) {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count >= 28, buffer[0] >> 4 == 4, buffer[9] == 17 else { continue }
      let header = Int(buffer[0] & 15) * 4
      guard count > header + 8 else { continue }
      let ports = [0, 2].map { UInt16(buffer[header + $0]) << 8 | UInt16(buffer[header + $0 + 1]) }
      let payload = buffer[(header + 8)..<count]
      let isSealed = payload[payload.startIndex] & 0xfc == 0xb0
      let isReadable = contains(payload)
      state.withLock { state in
        guard ports.contains(where: { state.ports.contains($0) }) else { return }
        if isSealed { state.counts.sealed += 1 } else { state.counts.plain += 1 }
        if isReadable { state.counts.readable += 1 }
      }
    }
  }

  private func contains(_ payload: ArraySlice<UInt8>) -> Bool {
    var run = 0
    for byte in payload {
      run = byte == marker ? run + 1 : 0
      if run == Self.markerRun { return true }
    }
    return false
  }
}
