// Another process whose standard output we read.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A started process; it is ended with the value.
final class Child {
  let process: pid_t
  /// What `poll` can wait at for its output.
  let output: Int32
  private let input: Int32
  private var pending: [UInt8] = []
  private var isReaped = false

  /// Starts a program with its standard input and output connected to us.
  init(_ path: String, _ arguments: [String]) throws {
    var toChild: [Int32] = [0, 0]
    var fromChild: [Int32] = [0, 0]
    guard pipe(&toChild) == 0, pipe(&fromChild) == 0 else {
      throw BenchmarkError("no pipe: too many open files")
    }
    for descriptor in toChild + fromChild { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, toChild[0], 0)
    posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)
    defer { posix_spawn_file_actions_destroy(&actions) }
    var argv = ([path] + arguments).map { strdup($0) }
    argv.append(nil)
    defer { for argument in argv { free(argument) } }
    var started = pid_t()
    let status = posix_spawn(&started, path, &actions, nil, argv, environ)
    close(toChild[0])
    close(fromChild[1])
    guard status == 0 else {
      close(toChild[1])
      close(fromChild[0])
      throw BenchmarkError("cannot start \(path): error \(status)")
    }
    process = started
    output = fromChild[0]
    input = toChild[1]
  }

  deinit {
    if !isReaped { end(SIGKILL) }
    close(output)
    close(input)
  }

  /// Writes a line to its input.
  func say(_ line: String) throws {
    let bytes = Array((line + "\n").utf8)
    guard write(input, bytes, bytes.count) == bytes.count else {
      throw BenchmarkError("a process has ended before it was told: \(line)")
    }
  }

  /// The next line of its output; nil when it ended or said nothing for `seconds`.
  func line(seconds: Int = 60) -> String? {
    while true {
      if let end = pending.firstIndex(of: 10) {
        defer { pending.removeFirst(end + 1) }
        return String(decoding: pending[0..<end], as: UTF8.self)
      }
      var wait = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
      guard poll(&wait, 1, Int32(seconds * 1_000)) > 0 else { return nil }
      var chunk = [UInt8](repeating: 0, count: 65_536)
      let count = read(output, &chunk, chunk.count)
      guard count > 0 else { return nil }
      pending.append(contentsOf: chunk[0..<count])
    }
  }

  /// Reads what is there, once, and hands out each line that is whole; false when the output has ended.
  ///
  /// Waits when nothing is there: for use after `poll`.
  func readLines(_ body: (ArraySlice<UInt8>) -> Void) -> Bool {
    var chunk = [UInt8](repeating: 0, count: 65_536)
    let count = read(output, &chunk, chunk.count)
    guard count > 0 else { return false }
    pending.append(contentsOf: chunk[0..<count])
    var start = 0
    while let end = pending[start...].firstIndex(of: 10) {
      body(pending[start..<end])
      start = end + 1
    }
    pending.removeFirst(start)
    return true
  }

  /// The first line that begins with `prefix`, without it.
  func line(after prefix: String, seconds: Int = 60) -> String? {
    while let line = line(seconds: seconds) {
      if line.hasPrefix(prefix) { return String(line.dropFirst(prefix.count)) }
    }
    return nil
  }

  /// Sends a signal and waits for its end.
  func end(_ signal: Int32 = SIGTERM) {
    guard !isReaped else { return }
    kill(process, signal)
    wait()
  }

  /// Waits for its end.
  func wait() {
    guard !isReaped else { return }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    isReaped = true
  }

  /// Runs a program to its end and returns the last line it printed.
  static func lastLine(_ path: String, _ arguments: [String], seconds: Int = 120) throws -> String {
    let child = try Child(path, arguments)
    var last: String?
    while let line = child.line(seconds: seconds) { last = line }
    child.wait()
    guard let last else {
      throw BenchmarkError("\(path) \(arguments.joined(separator: " ")) printed nothing")
    }
    return last
  }
}

/// Reads numbers out of lines that our own programs print: `name value name value` or a flat JSON object.
enum Fields {
  static func number(_ name: String, in line: String) -> Double? {
    let words = line.split(whereSeparator: { " \t,:{}\"".contains($0) })
    guard let index = words.firstIndex(where: { $0 == name }), index + 1 < words.count else { return nil }
    return Double(String(words[index + 1]))
  }
}
