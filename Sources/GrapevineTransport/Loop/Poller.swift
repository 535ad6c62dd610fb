// Waiting for one descriptor, a doorbell and a time limit, on Linux: epoll.
//
// The doorbell is an eventfd watched edge-triggered: every ring is one event, and nobody ever has to read it.

#if os(Linux)
  import CLinux
  import Synchronization

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// One thread waits; any thread may ring, watch or close.
  final class Poller: @unchecked Sendable {
    /// What has happened to the watched descriptor.
    struct Ready: Equatable {
      var readable = false
      var writable = false
    }

    /// What is guarded, so that nobody uses a descriptor that was closed and is somebody else's by now.
    private struct Guarded {
      var isOpen = true
      var watched: Int32 = -1
      var wantsWritable = false
      var wantsReadable = true
    }

    private static let doorbellTag: UInt64 = 0
    private static let watchedTag: UInt64 = 1
    private static let eventLimit = 4

    private let epoll: Int32
    private let doorbell: Int32
    private let guarded = Mutex(Guarded())
    private let events: UnsafeMutablePointer<epoll_event> = zeroed(eventLimit)
    /// Whether the kernel waits in nanoseconds (Linux 5.11); only the waiting thread touches it.
    var hasNanoseconds = true

    init() throws(TransportError) {
      epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
      let firstError = errno
      doorbell = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
      let secondError = errno
      guard epoll >= 0 else { throw .system(call: "epoll_create1", error: firstError) }
      guard doorbell >= 0 else { throw .system(call: "eventfd", error: secondError) }
      let interest = EPOLLIN.rawValue | EPOLLET.rawValue
      let error = control(EPOLL_CTL_ADD, doorbell, interest, Self.doorbellTag)
      guard error == 0 else { throw .system(call: "epoll_ctl", error: error) }
    }

    deinit {
      close()
      free(events)
    }

    /// Closes the descriptors; everything but `wait` may still be called and does nothing.
    func close() {
      guarded.withLock { guarded in
        guard guarded.isOpen else { return }
        guarded.isOpen = false
        if epoll >= 0 { closeDescriptor(epoll) }
        if doorbell >= 0 { closeDescriptor(doorbell) }
      }
    }

    /// Ends the wait that is under way, or the next one.
    func ring() {
      guarded.withLock { guarded in
        guard guarded.isOpen else { return }
        var one: UInt64 = 1
        write(doorbell, &one, MemoryLayout<UInt64>.size)
      }
    }

    /// Watches a descriptor for reading, in place of the one before.
    func watch(_ descriptor: Int32) throws(TransportError) {
      let error = guarded.withLock { guarded in
        guard guarded.isOpen else { return EBADF }
        if guarded.watched >= 0 { _ = control(EPOLL_CTL_DEL, guarded.watched, 0, 0) }
        guarded.watched = -1
        guarded.wantsWritable = false
        guarded.wantsReadable = true
        let error = control(EPOLL_CTL_ADD, descriptor, EPOLLIN.rawValue, Self.watchedTag)
        if error == 0 { guarded.watched = descriptor }
        return error
      }
      guard error == 0 else { throw .system(call: "watching descriptor \(descriptor)", error: error) }
    }

    /// Says what of the watched descriptor ends a wait.
    func setInterest(readable: Bool, writable: Bool) {
      guarded.withLock { guarded in
        guard guarded.isOpen, guarded.watched >= 0,
          guarded.wantsWritable != writable || guarded.wantsReadable != readable
        else { return }
        guarded.wantsWritable = writable
        guarded.wantsReadable = readable
        let interest = (readable ? EPOLLIN.rawValue : 0) | (writable ? EPOLLOUT.rawValue : 0)
        _ = control(EPOLL_CTL_MOD, guarded.watched, interest, Self.watchedTag)
      }
    }

    /// Waits at most so long, or without limit when nil; a signal may end it early.
    func wait(nanoseconds: UInt64?) -> Ready {
      var ready = Ready()
      for index in 0..<max(0, Int(waitForEvents(nanoseconds))) where events[index].data.u64 == Self.watchedTag
      {
        let flags = events[index].events
        // An error shows when the descriptor is read, which also takes it away.
        ready.readable = flags & ~EPOLLOUT.rawValue != 0
        ready.writable = flags & EPOLLOUT.rawValue != 0
      }
      return ready
    }

    private func waitForEvents(_ nanoseconds: UInt64?) -> Int32 {
      let limit = nanoseconds.map { Int64(clamping: $0) } ?? -1
      let count = Int32(Self.eventLimit)
      if hasNanoseconds {
        let result = gv_epoll_wait(epoll, events, count, limit)
        // Some sandboxes answer an unknown call with EPERM.
        guard result == -ENOSYS || result == -EPERM else { return result }
        hasNanoseconds = false
      }
      // Rounded up: rather late by a part of a millisecond than spinning until the deadline.
      let milliseconds =
        limit < 0 ? -1 : Int32(clamping: limit / 1_000_000 + (limit % 1_000_000 == 0 ? 0 : 1))
      return epoll_wait(epoll, events, count, milliseconds)
    }

    /// Changes what epoll watches; returns 0 or the error number.
    private func control(_ operation: Int32, _ descriptor: Int32, _ interest: UInt32, _ tag: UInt64) -> Int32
    {
      var event = epoll_event()
      event.events = interest
      event.data.u64 = tag
      return epoll_ctl(epoll, operation, descriptor, &event) == 0 ? 0 : errno
    }
  }

  /// The system's close, which a method of that name hides.
  private func closeDescriptor(_ descriptor: Int32) { close(descriptor) }
#endif
