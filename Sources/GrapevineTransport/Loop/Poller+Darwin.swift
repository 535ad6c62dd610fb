// Waiting for one descriptor, a doorbell and a time limit, on macOS: kqueue.
//
// The doorbell is a user event of the kqueue itself, which clears itself when it is delivered.

#if canImport(Darwin)
  import Darwin
  import Synchronization

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

    private static let eventLimit = 4

    private let queue: Int32
    private let guarded = Mutex(Guarded())
    private let events: UnsafeMutablePointer<kevent> = zeroed(eventLimit)

    init() throws(TransportError) {
      queue = kqueue()
      guard queue >= 0 else { throw .system(call: "kqueue", error: errno) }
      _ = fcntl(queue, F_SETFD, FD_CLOEXEC)
      let error = control(0, Int16(EVFILT_USER), EV_ADD | EV_CLEAR)
      guard error == 0 else { throw .system(call: "kevent", error: error) }
    }

    deinit {
      close()
      free(events)
    }

    /// Closes the descriptor; everything but `wait` may still be called and does nothing.
    func close() {
      guarded.withLock { guarded in
        guard guarded.isOpen else { return }
        guarded.isOpen = false
        if queue >= 0 { Darwin.close(queue) }
      }
    }

    /// Ends the wait that is under way, or the next one.
    func ring() {
      guarded.withLock { guarded in
        if guarded.isOpen { _ = control(0, Int16(EVFILT_USER), 0, UInt32(NOTE_TRIGGER)) }
      }
    }

    /// Watches a descriptor for reading, in place of the one before.
    func watch(_ descriptor: Int32) throws(TransportError) {
      let error = guarded.withLock { guarded in
        guard guarded.isOpen else { return EBADF }
        if guarded.watched >= 0 {
          if guarded.wantsReadable { _ = control(guarded.watched, Int16(EVFILT_READ), EV_DELETE) }
          if guarded.wantsWritable { _ = control(guarded.watched, Int16(EVFILT_WRITE), EV_DELETE) }
        }
        guarded.watched = -1
        guarded.wantsWritable = false
        guarded.wantsReadable = true
        let error = control(descriptor, Int16(EVFILT_READ), EV_ADD)
        if error == 0 { guarded.watched = descriptor }
        return error
      }
      guard error == 0 else { throw .system(call: "watching descriptor \(descriptor)", error: error) }
    }

    /// Says what of the watched descriptor ends a wait.
    func setInterest(readable: Bool, writable: Bool) {
      guarded.withLock { guarded in
        guard guarded.isOpen, guarded.watched >= 0 else { return }
        if guarded.wantsWritable != writable {
          guarded.wantsWritable = writable
          _ = control(guarded.watched, Int16(EVFILT_WRITE), writable ? EV_ADD : EV_DELETE)
        }
        if guarded.wantsReadable != readable {
          guarded.wantsReadable = readable
          _ = control(guarded.watched, Int16(EVFILT_READ), readable ? EV_ADD : EV_DELETE)
        }
      }
    }

    /// Waits at most so long, or without limit when nil; a signal may end it early.
    func wait(nanoseconds: UInt64?) -> Ready {
      var limit = timespec()
      // A day at most: longer waits are refused by some kernels, and waking once a day costs nothing.
      let capped = min(nanoseconds ?? 0, 86_400_000_000_000)
      limit.tv_sec = Int(capped / 1_000_000_000)
      limit.tv_nsec = Int(capped % 1_000_000_000)
      let count =
        nanoseconds == nil
        ? kevent(queue, nil, 0, events, Int32(Self.eventLimit), nil)
        : kevent(queue, nil, 0, events, Int32(Self.eventLimit), &limit)
      var ready = Ready()
      for index in 0..<max(0, Int(count)) {
        if events[index].filter == Int16(EVFILT_READ) { ready.readable = true }
        if events[index].filter == Int16(EVFILT_WRITE) { ready.writable = true }
      }
      return ready
    }

    /// Changes what the kqueue watches; returns 0 or the error number.
    private func control(_ identifier: Int32, _ filter: Int16, _ flags: Int32, _ details: UInt32 = 0) -> Int32
    {
      var change = kevent()
      change.ident = UInt(bitPattern: Int(identifier))
      change.filter = filter
      change.flags = UInt16(flags)
      change.fflags = details
      return kevent(queue, &change, 1, nil, 0, nil) < 0 ? errno : 0
    }
  }
#endif
