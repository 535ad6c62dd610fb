// The system calls of datagrams, in one shape for every system.
//
// Linux moves a batch of messages in one call and cuts one message into equal datagrams (`UDP_SEGMENT`);
// elsewhere a loop does the first and nothing does the second. `GRAPEVINE_PORTABLE` builds the loop on Linux
// too, so that it can be tested there. Every call returns minus the error number when it fails.

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

/// One message of a batch, and how the kernel moves batches.
#if os(Linux)
  typealias Message = gv_message
#else
  struct Message {
    var header = msghdr()
    var length: UInt32 = 0
  }
#endif

/// A call that moves up to so many messages: socket, messages, count.
typealias MessageCall = @Sendable (Int32, UnsafeMutablePointer<Message>, Int) -> Int32

package enum SystemCalls {
  #if canImport(Darwin)
    static let datagramSocketType = SOCK_DGRAM
    static let streamSocketType = SOCK_STREAM
  #elseif canImport(Musl)
    static let datagramSocketType = SOCK_DGRAM
    static let streamSocketType = SOCK_STREAM
  #else
    static let datagramSocketType = Int32(SOCK_DGRAM.rawValue)
    static let streamSocketType = Int32(SOCK_STREAM.rawValue)
  #endif

  /// What the system calls the error.
  package static func text(ofError error: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
      buffer.initialize(repeating: 0)
      guard let base = buffer.baseAddress, strerror_r(error, base, buffer.count) == 0 else {
        return "unknown error"
      }
      return String(cString: base)
    }
  }

  /// Makes a descriptor close on exec and never block; false when the system refuses.
  static func prepare(_ descriptor: Int32) -> Bool {
    fcntl(descriptor, F_SETFD, FD_CLOEXEC) != -1
      && fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) != -1
  }

  /// Turns an option of a socket on, where the system knows it.
  static func turnOn(_ descriptor: Int32, _ level: Int32, _ option: Int32) {
    var on: Int32 = 1
    setsockopt(descriptor, level, option, &on, socklen_t(MemoryLayout<Int32>.size))
  }

  #if os(Linux) && !GRAPEVINE_PORTABLE
    static let sendMessages: MessageCall = { gv_send_messages($0, $1, UInt32($2), 0) }
    static let receiveMessages: MessageCall = {
      gv_receive_messages($0, $1, UInt32($2), 0)
    }

    /// The bytes of control data that a message needs to be cut into segments.
    static let segmentSpace = gv_segment_space()

    static func supportsSegments(_ socket: Int32) -> Bool { gv_segment_supported(socket) != 0 }

    /// Makes the kernel cut the message into datagrams of `size` bytes.
    static func setSegment(
      _ header: inout msghdr, control: UnsafeMutableRawPointer, size: UInt16
    ) {
      gv_segment_set(&header, control, size)
    }

    static func receiveDrops(_ socket: Int32) -> Int { Int(gv_receive_drops(socket)) }
  #else
    static let sendMessages: MessageCall = { socket, messages, count in
      for index in 0..<count where sendmsg(socket, &messages[index].header, 0) < 0 {
        return index > 0 ? Int32(index) : -errno
      }
      return Int32(count)
    }
    static let receiveMessages: MessageCall = { socket, messages, count in
      for index in 0..<count {
        let length = recvmsg(socket, &messages[index].header, 0)
        guard length >= 0 else { return index > 0 ? Int32(index) : -errno }
        messages[index].length = UInt32(length)
      }
      return Int32(count)
    }
    static let segmentSpace = 0
    static func supportsSegments(_ socket: Int32) -> Bool { false }
    static func setSegment(_ header: inout msghdr, control: UnsafeMutableRawPointer, size: UInt16) {}
    static func receiveDrops(_ socket: Int32) -> Int { 0 }
  #endif
}
