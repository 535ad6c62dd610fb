// Which of many descriptors are ready, itself a descriptor that a loop can watch: epoll on Linux.

#if os(Linux)
  import CLinux

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// Watches descriptors for one thread. A descriptor is not watched any more once it is closed.
  final class ReadyQueue {
    /// What has happened to a descriptor.
    struct Event {
      /// What it was added with.
      var tag: UInt64
      /// It has something to receive, an end, or an error.
      var readable: Bool
      /// It takes bytes, or has an error.
      var writable: Bool
    }

    /// Readable while one of the watched is ready.
    let descriptor: Int32
    private let events: UnsafeMutablePointer<epoll_event> = zeroed(eventLimit)

    /// Events of one look. Chosen here: as many as datagrams in a batch.
    private static let eventLimit = TransportLimits.batch

    init() throws(TransportError) {
      descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
      guard descriptor >= 0 else { throw .system(call: "epoll_create1", error: errno) }
    }

    deinit {
      if descriptor >= 0 { close(descriptor) }
      free(events)
    }

    /// Watches a descriptor; false when the system refuses.
    func add(_ watched: Int32, tag: UInt64, readable: Bool, writable: Bool) -> Bool {
      control(EPOLL_CTL_ADD, watched, tag, readable, writable)
    }

    /// Says for what a watched descriptor is watched from now on.
    func change(_ watched: Int32, tag: UInt64, readable: Bool, writable: Bool) {
      _ = control(EPOLL_CTL_MOD, watched, tag, readable, writable)
    }

    /// Looks which are ready, without waiting; returns their number.
    func look() -> Int {
      max(0, Int(epoll_wait(descriptor, events, Int32(Self.eventLimit), 0)))
    }

    /// What `look` has found.
    func event(_ index: Int) -> Event {
      let flags = events[index].events
      let isBroken = flags & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
      return Event(
        tag: events[index].data.u64, readable: isBroken || flags & EPOLLIN.rawValue != 0,
        writable: isBroken || flags & EPOLLOUT.rawValue != 0)
    }

    private func control(
      _ operation: Int32, _ watched: Int32, _ tag: UInt64, _ readable: Bool, _ writable: Bool
    ) -> Bool {
      var event = epoll_event()
      event.events = (readable ? EPOLLIN.rawValue : 0) | (writable ? EPOLLOUT.rawValue : 0)
      event.data.u64 = tag
      return epoll_ctl(descriptor, operation, watched, &event) == 0
    }
  }
#endif
