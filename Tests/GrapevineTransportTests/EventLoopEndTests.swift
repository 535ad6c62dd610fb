// That a loop leaves nothing behind. Other tests run in the same process at the same time, so threads are
// told by their names, and descriptors are counted with room for what others hold.

import GrapevineCore
import Synchronization
import Testing

@testable import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

#if os(Linux)
  /// The entries of a directory.
  private func entries(of directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// The threads of this process that have the name.
  private func threads(named name: String) -> Int {
    entries(of: "/proc/self/task").count { task in
      let file = open("/proc/self/task/\(task)/comm", O_RDONLY)
      guard file >= 0 else { return false }
      defer { close(file) }
      return withUnsafeTemporaryAllocation(byteCount: 32, alignment: 1) { bytes in
        let length = read(file, bytes.baseAddress, bytes.count)
        return length > 0 && String(decoding: bytes.prefix(length), as: UTF8.self) == name + "\n"
      }
    }
  }

  @Suite("Event loop: what it leaves behind", .serialized)
  struct EventLoopEndTests {
    /// How a loop ends.
    enum End: CaseIterable { case stop, release, stopFromItself, releaseByItself }

    private final class Owner: EventLoopClient {
      let loop: EventLoop
      let end: End
      let started: Atomic<Bool> = .init(false)

      init(name: String, end: End) throws {
        loop = try EventLoop(name: name)
        self.end = end
      }

      deinit { if end == .stop || end == .releaseByItself { loop.stop() } }

      func step(readable: Bool, writable: Bool) -> EventLoopWait {
        started.store(true, ordering: .relaxed)
        if end == .stopFromItself { loop.stop() }
        return EventLoopWait(deadline: end == .releaseByItself ? MonotonicClock.now() : .never)
      }
    }

    @Test("six hundred loops leave no thread and no descriptor", arguments: End.allCases)
    func sixHundred(end: End) throws {
      let name = "gv-end-\(End.allCases.firstIndex(of: end) ?? 0)"
      let before = eventDescriptors()
      for number in 0..<600 {
        let owner = try Owner(name: name, end: end)
        owner.loop.attach(owner)
        if number % 2 == 0 {
          #expect(eventually { owner.started.load(ordering: .relaxed) })
        }
      }
      #expect(eventually { threads(named: name) == 0 })
      // A leak would be of one or two for each loop. Tests that run beside this one come and go.
      #expect(eventually { eventDescriptors() < before + 300 })
    }

    @Test("all descriptors of a stopped loop are closed while it is still held")
    func descriptors() throws {
      let before = eventDescriptors()
      let loops = try (0..<200).map { _ in try EventLoop(name: "gv-held") }
      for loop in loops { loop.stop() }
      #expect(eventually { threads(named: "gv-held") == 0 })
      #expect(eventually { eventDescriptors() <= before + 20 })
      #expect(loops.count == 200)
    }

    /// The descriptors of epoll and eventfd in this process; other tests hold a few.
    private func eventDescriptors() -> Int {
      entries(of: "/proc/self/fd").count { number in
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { bytes in
          let base = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
          guard let base else { return false }
          let length = readlink("/proc/self/fd/\(number)", base, bytes.count)
          return length > 0
            && String(decoding: bytes.prefix(length), as: UTF8.self).hasPrefix("anon_inode:[event")
        }
      }
    }
  }
#endif
