// One agent of a demo: a process and the pipes to it.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A child process with pipes for its standard input and output, both non-blocking at this end.
final class ChildProcess {
  /// The process; not signalled any more once it was waited for.
  private let pid: pid_t
  /// What goes to its standard input; -1 when closed.
  private(set) var input: Int32
  /// What comes from its standard output; -1 at its end.
  private(set) var output: Int32
  /// What it ended with, as `waitpid` tells; nil while it was not waited for.
  private(set) var status: Int32?

  private var incoming: [UInt8] = []
  private var outgoing: [UInt8] = []

  /// Bytes of one line, and bytes waiting to be written, at most. Chosen here: an agent's longest line has 8
  /// KiB.
  private static let bufferLimit = 64 << 10

  /// Whether it leads a process group of its own, which is signalled as a whole.
  private let leadsGroup: Bool

  /// Starts `path`; its other descriptors are standard error and nothing else.
  ///
  /// - Parameter leadsGroup: Whether it gets a process group of its own: then signals go to what it starts as well,
  ///   those of the terminal not.
  init(path: String, arguments: [String], leadsGroup: Bool = false) throws(DemoFailure) {
    self.leadsGroup = leadsGroup
    let toChild = try Self.makePipe()
    let fromChild: (read: Int32, write: Int32)
    do {
      fromChild = try Self.makePipe()
    } catch {
      close(toChild.read)
      close(toChild.write)
      throw error
    }
    let (error, pid) = Self.spawn(
      path, arguments, input: toChild.read, output: fromChild.write, leadsGroup: leadsGroup)
    close(toChild.read)
    close(fromChild.write)
    guard error == 0 else {
      close(toChild.write)
      close(fromChild.read)
      throw .system(call: "starting \(path)", error: error)
    }
    self.pid = pid
    input = toChild.write
    output = fromChild.read
    _ = fcntl(input, F_SETFL, O_NONBLOCK)
    _ = fcntl(output, F_SETFL, O_NONBLOCK)
  }

  deinit {
    closeInput()
    closeOutput()
  }

  /// Whether bytes wait to be written.
  var hasOutgoing: Bool { input >= 0 && !outgoing.isEmpty }
  /// Whether another line can be queued.
  var takesLines: Bool { outgoing.count < Self.bufferLimit }

  /// Queues a line for its standard input and writes what the pipe takes.
  func send(_ line: [UInt8]) { write(line + [UInt8(ascii: "\n")]) }

  /// Queues bytes for its standard input and writes what the pipe takes.
  func write(_ bytes: [UInt8]) {
    outgoing += bytes
    writeOutgoing()
  }

  /// Writes what the pipe takes now.
  func writeOutgoing() {
    guard hasOutgoing else { return }
    let count = outgoing.withUnsafeBytes { systemWrite(input, $0.baseAddress, $0.count) }
    if count > 0 {
      outgoing.removeFirst(count)
    } else if count < 0, errno != EAGAIN, errno != EINTR {
      closeInput()
    }
  }

  /// Reads what is there, once, and calls `body` with every complete line.
  ///
  /// - Returns: False when a line is longer than any that an agent writes.
  func readLines(_ body: (ArraySlice<UInt8>) throws(DemoFailure) -> Void) throws(DemoFailure) -> Bool {
    let kept = incoming.count
    incoming += [UInt8](repeating: 0, count: Self.bufferLimit)
    let count = incoming.withUnsafeMutableBytes { bytes in
      read(output, bytes.baseAddress?.advanced(by: kept), Self.bufferLimit)
    }
    incoming.removeLast(Self.bufferLimit - max(0, count))
    if count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) { closeOutput() }
    guard count > 0 else { return true }
    var start = 0
    while let stop = incoming[max(start, kept)...].firstIndex(of: UInt8(ascii: "\n")) {
      try body(incoming[start..<stop])
      start = stop + 1
    }
    incoming.removeFirst(start)
    return incoming.count <= Self.bufferLimit
  }

  /// Reads what is there, once.
  func readBytes() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Self.bufferLimit)
    let count = bytes.withUnsafeMutableBytes { read(output, $0.baseAddress, $0.count) }
    if count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) { closeOutput() }
    bytes.removeLast(Self.bufferLimit - max(0, count))
    return bytes
  }

  /// Closes its standard input, which makes an agent leave that was started with `--exit-at-end`.
  func closeInput() {
    if input >= 0 { close(input) }
    input = -1
    outgoing = []
  }

  private func closeOutput() {
    if output >= 0 { close(output) }
    output = -1
  }

  /// Sends a signal, unless it has ended already.
  func signal(_ number: Int32) {
    guard status == nil else { return }
    kill(leadsGroup ? -pid : pid, number)
  }

  /// Takes notice of its end; returns whether it has ended.
  @discardableResult
  func reap(waiting: Bool = false) -> Bool {
    guard status == nil else { return true }
    var status: Int32 = 0
    while true {
      let result = waitpid(pid, &status, waiting ? 0 : WNOHANG)
      if result == pid { self.status = status }
      if result < 0, errno == EINTR { continue }
      return result != 0
    }
  }

  /// How it ended, in words.
  var statusText: String {
    guard let status else { return "it is still running" }
    let signal = status & 0x7f
    return signal == 0 ? "exit code \(status >> 8 & 0xff)" : "signal \(signal)"
  }
}

/// The system's `write`, which the class has a method of the name of.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
  write(descriptor, bytes, count)
}

// Starting it.
extension ChildProcess {
  /// A pipe that no other child inherits.
  private static func makePipe() throws(DemoFailure) -> (read: Int32, write: Int32) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw .system(call: "pipe", error: errno) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  private static func spawn(
    _ path: String, _ arguments: [String], input: Int32, output: Int32, leadsGroup: Bool
  ) -> (error: Int32, pid: pid_t) {
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
      var attributes: posix_spawnattr_t?
    #else
      var actions = posix_spawn_file_actions_t()
      var attributes = posix_spawnattr_t()
    #endif
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, input, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The child starts as a shell would start it: no signal blocked, and none ignored that this process ignores.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var defaults = sigset_t()
    sigemptyset(&defaults)
    sigaddset(&defaults, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    posix_spawnattr_setpgroup(&attributes, 0)
    let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (leadsGroup ? POSIX_SPAWN_SETPGROUP : 0)
    posix_spawnattr_setflags(&attributes, Int16(flags))
    var list: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) }
    list.append(nil)
    defer { for case let text? in list { free(text) } }
    var pid: pid_t = 0
    return (posix_spawn(&pid, path, &actions, &attributes, list, environ), pid)
  }
}
