// Which of many descriptors are ready, itself a descriptor that a loop can watch: kqueue on macOS.

#if canImport(Darwin)
  import Darwin

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
    private let events: UnsafeMutablePointer<kevent> = zeroed(eventLimit)

    /// Events of one look. Chosen here: as many as datagrams in a batch.
    private static let eventLimit = TransportLimits.batch

    init() throws(TransportError) {
      descriptor = kqueue()
      guard descriptor >= 0 else { throw .system(call: "kqueue", error: errno) }
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    deinit {
      if descriptor >= 0 { close(descriptor) }
      free(events)
    }

    /// Watches a descriptor; false when the system refuses.
    func add(_ watched: Int32, tag: UInt64, readable: Bool, writable: Bool) -> Bool {
      control(watched, EVFILT_READ, tag, readable) && control(watched, EVFILT_WRITE, tag, writable)
    }

    /// Says for what a watched descriptor is watched from now on.
    func change(_ watched: Int32, tag: UInt64, readable: Bool, writable: Bool) {
      _ = add(watched, tag: tag, readable: readable, writable: writable)
    }

    /// Looks which are ready, without waiting; returns their number.
    func look() -> Int {
      var none = timespec()
      return max(0, Int(kevent(descriptor, nil, 0, events, Int32(Self.eventLimit), &none)))
    }

    /// What `look` has found.
    func event(_ index: Int) -> Event {
      let isEnd = events[index].flags & UInt16(EV_EOF) != 0
      return Event(
        tag: UInt64(UInt(bitPattern: events[index].udata)),
        readable: isEnd || events[index].filter == Int16(EVFILT_READ),
        writable: events[index].filter == Int16(EVFILT_WRITE))
    }

    private func control(_ watched: Int32, _ filter: Int32, _ tag: UInt64, _ isWanted: Bool) -> Bool {
      var change = kevent()
      change.ident = UInt(bitPattern: Int(watched))
      change.filter = Int16(filter)
      change.flags = UInt16(EV_ADD | (isWanted ? EV_ENABLE : EV_DISABLE))
      change.udata = UnsafeMutableRawPointer(bitPattern: UInt(tag))
      return kevent(descriptor, &change, 1, nil, 0, nil) == 0
    }
  }
#endif
