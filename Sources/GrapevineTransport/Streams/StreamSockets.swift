// The system calls of streams: each returns minus the error number when it fails, and none of them waits.

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

/// What streams need of the system.
enum StreamSockets {
  /// Connections that may wait to be accepted. Chosen here: what Linux grants unless told otherwise, it caps.
  private static let backlog: Int32 = 1_024

  #if os(Linux)
    /// A peer that is gone shows as an error, not as a signal that ends the process.
    private static let sendFlags = Int32(MSG_NOSIGNAL)
  #else
    private static let sendFlags: Int32 = 0
  #endif

  /// Begins to accept connections; 0 or minus the error number.
  static func startListening(_ socket: Int32) -> Int32 {
    listen(socket, backlog) == 0 ? 0 : -errno
  }

  /// Takes one connection that waits, with where it comes from.
  static func accept(on listener: Int32) -> (descriptor: Int32, peer: Endpoint?) {
    var address = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &address) { pointer in
      let raw = UnsafeMutableRawPointer(pointer)
      let socket = takeConnection(listener, raw.assumingMemoryBound(to: sockaddr.self), &length)
      guard socket >= 0 else { return (-errno, nil) }
      guard prepare(socket) else {
        close(socket)
        return (-EINVAL, nil)
      }
      return (socket, Endpoint(socketAddress: raw))
    }
  }

  /// The system's call, which the function above hides.
  private static func takeConnection(
    _ listener: Int32, _ address: UnsafeMutablePointer<sockaddr>, _ length: inout socklen_t
  ) -> Int32 {
    #if canImport(Glibc)
      Glibc.accept(listener, address, &length)
    #elseif canImport(Musl)
      Musl.accept(listener, address, &length)
    #else
      Darwin.accept(listener, address, &length)
    #endif
  }

  /// Begins to connect from an address of this machine; a descriptor, also when the connection is not there yet.
  static func open(from local: Endpoint, to remote: Endpoint) -> Int32 {
    var source = local
    source.port = 0
    guard let socket = try? BoundSocket(bind: source, isStream: true) else { return -EADDRNOTAVAIL }
    guard prepare(socket.descriptor) else { return -EINVAL }
    var address = sockaddr_in6()
    let descriptor = socket.descriptor
    let family = socket.family
    let error = withUnsafeMutablePointer(to: &address) { pointer in
      let raw = UnsafeMutableRawPointer(pointer)
      let length = remote.write(to: raw, family: family)
      return connect(descriptor, raw.assumingMemoryBound(to: sockaddr.self), length) == 0 ? 0 : errno
    }
    guard error == 0 || error == EINPROGRESS else { return -error }
    return socket.release()
  }

  /// Begins to connect to the Unix socket at a path, as `open(from:to:)` does; no connection when the queue there is
  /// full, since the system does not tell when it no longer is.
  static func open(path: String) -> Int32 {
    guard let socket = try? BoundSocket(unix: nil) else { return -EMFILE }
    guard prepare(socket.descriptor) else { return -EINVAL }
    let descriptor = socket.descriptor
    let error = UnixPath.with(path) { connect(descriptor, $0, $1) == 0 ? 0 : errno }
    guard error == 0 || error == EINPROGRESS else { return -error }
    return socket.release()
  }

  /// Why a connection did not come to be; 0 when it did.
  static func outcome(of socket: Int32) -> Int32 {
    var error: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    let result = getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length)
    return result == 0 ? error : errno
  }

  /// Receives what there is, up to `room` bytes; 0 at the end of the stream.
  static func receive(_ socket: Int32, into memory: UnsafeMutableRawPointer, room: Int) -> Int {
    let length = recv(socket, memory, room, 0)
    return length >= 0 ? length : -Int(errno)
  }

  /// Sends what the system takes of two pieces.
  static func send(_ socket: Int32, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) -> Int
  {
    var parts = (
      iovec(iov_base: UnsafeMutableRawPointer(mutating: first.baseAddress), iov_len: first.count),
      iovec(iov_base: UnsafeMutableRawPointer(mutating: second.baseAddress), iov_len: second.count)
    )
    return withUnsafeMutableBytes(of: &parts) { bytes in
      var message = msghdr()
      message.msg_iov = bytes.baseAddress?.assumingMemoryBound(to: iovec.self)
      message.msg_iovlen = second.isEmpty ? 1 : 2
      let length = sendmsg(socket, &message, sendFlags)
      return length >= 0 ? length : -Int(errno)
    }
  }

  /// Says that no more will be sent.
  static func endSending(_ socket: Int32) {
    _ = shutdown(socket, Int32(SHUT_WR))
  }

  static func shut(_ socket: Int32) {
    close(socket)
  }

  /// What connecting to an address of another family returns.
  static let otherFamily = -EAFNOSUPPORT

  /// The error of the call before.
  static var lastError: Int32 { errno }

  static func isTaken(_ error: Int32) -> Bool { error == EADDRINUSE }

  /// Gives back memory of `zeroed`.
  static func release(_ memory: UnsafeMutableRawPointer) { free(memory) }

  /// Whether an error says no more than that nothing can be moved right now.
  static func isTransient(_ error: Int) -> Bool {
    error == Int(EAGAIN) || error == Int(EWOULDBLOCK) || error == Int(EINTR)
  }

  /// Whether an error of `accept` says that there are no descriptors or memory left.
  static func isShortage(_ error: Int32) -> Bool {
    error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM
  }

  /// Whether an error of `accept` concerns the one connection alone, so that the next can be taken.
  static func isOfOne(_ error: Int32) -> Bool {
    error == ECONNABORTED || error == EINTR || error == EPROTO || error == EINVAL
  }

  private static func prepare(_ socket: Int32) -> Bool {
    // Frames are put together here, so that waiting for more would only delay them.
    SystemCalls.turnOn(socket, Int32(IPPROTO_TCP), TCP_NODELAY)
    #if canImport(Darwin)
      SystemCalls.turnOn(socket, SOL_SOCKET, SO_NOSIGPIPE)
    #endif
    return SystemCalls.prepare(socket)
  }
}
