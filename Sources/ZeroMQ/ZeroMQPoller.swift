// Many sockets behind one descriptor, for an event loop that watches one.
//
// An epoll or kqueue descriptor is itself readable while one of those it watches is.

import CZeroMQ

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Says which of several sockets may have something new.
public final class ZeroMQPoller {
  /// Readable while a watched socket may have something new.
  public let descriptor: Int32

  /// Sockets that `ready` tells at once at most.
  public static let eventLimit = 64

  /// Opens a poller that watches nothing yet.
  ///
  /// - Throws: `tooManySockets` or `system`.
  public init() throws(ZeroMQError) {
    #if canImport(Darwin)
      descriptor = kqueue()
      if descriptor >= 0 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    #else
      descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
    #endif
    guard descriptor >= 0 else { throw .last("opening a poller") }
  }

  deinit { close(descriptor) }

  /// Watches a socket, which must be removed before it is closed.
  ///
  /// - Parameters:
  ///   - socket: The socket.
  ///   - tag: What `ready` calls it.
  /// - Throws: `tooManySockets` or `system`.
  public func add(_ socket: ZeroMQSocket, tag: UInt32) throws(ZeroMQError) {
    let watched = try socket.descriptor
    #if canImport(Darwin)
      var change = kevent()
      change.ident = UInt(watched)
      change.filter = Int16(EVFILT_READ)
      change.flags = UInt16(EV_ADD)
      change.udata = UnsafeMutableRawPointer(bitPattern: UInt(tag) + 1)
      let result = kevent(descriptor, &change, 1, nil, 0, nil)
    #else
      var event = epoll_event()
      event.events = EPOLLIN.rawValue
      event.data.u32 = tag
      let result = epoll_ctl(descriptor, EPOLL_CTL_ADD, watched, &event)
    #endif
    guard result == 0 else { throw .last("watching a socket") }
  }

  /// Watches a socket no longer.
  public func remove(_ socket: ZeroMQSocket) {
    guard let watched = try? socket.descriptor else { return }
    #if canImport(Darwin)
      var change = kevent()
      change.ident = UInt(watched)
      change.filter = Int16(EVFILT_READ)
      change.flags = UInt16(EV_DELETE)
      _ = kevent(descriptor, &change, 1, nil, 0, nil)
    #else
      var event = epoll_event()
      _ = epoll_ctl(descriptor, EPOLL_CTL_DEL, watched, &event)
    #endif
  }

  /// Waits at most so long, and calls `body` with the tag of each socket that may have something new.
  ///
  /// Those that were not told for want of room come first the next time. A signal may end the wait early.
  ///
  /// - Parameters:
  ///   - milliseconds: The limit; 0 only looks.
  ///   - body: Told the tags.
  /// - Returns: How many there were.
  @discardableResult
  public func ready(within milliseconds: Int32 = 0, _ body: (UInt32) -> Void) -> Int {
    #if canImport(Darwin)
      return withUnsafeTemporaryAllocation(of: kevent.self, capacity: Self.eventLimit) { events in
        var limit = timespec(
          tv_sec: Int(milliseconds / 1_000), tv_nsec: Int(milliseconds % 1_000) * 1_000_000)
        let count = kevent(descriptor, nil, 0, events.baseAddress, Int32(events.count), &limit)
        for event in events.prefix(max(0, Int(count))) {
          body(UInt32(truncatingIfNeeded: UInt(bitPattern: event.udata) &- 1))
        }
        return max(0, Int(count))
      }
    #else
      return withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: Self.eventLimit) { events in
        let count = epoll_wait(descriptor, events.baseAddress, Int32(events.count), milliseconds)
        for event in events.prefix(max(0, Int(count))) { body(event.data.u32) }
        return max(0, Int(count))
      }
    #endif
  }
}
