// Answering at the control socket, whatever the clients do.
//
// Two threads that sleep unless somebody asks: one waits in `poll`, the other, this actor's, reads, writes and
// runs the answers. Neither is the node's, and nothing here blocks but `poll`. A client that is slow, silent or
// malicious costs a place, some bytes and some seconds, all of them bounded.

import GrapevineConsole
import GrapevineCore
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Serves the clients of one control socket.
actor ControlServer {
  /// Clients served at once. Chosen here: a few watchers and whoever asks.
  static let clientLimit = 16
  /// Bytes that wait for a client at most; beyond, it is dropped. Chosen here: a few thousand events.
  static let outputLimit = 256 << 10
  /// Bytes of a list that are made ahead. Chosen here: what a socket takes at once.
  static let outputMark = 64 << 10

  private let socket: ControlSocket
  private let requests: [ControlRequest]
  /// Time to send a request with its value, and to take some of what waits.
  private let patience: Nanoseconds
  private let loop: EventLoop
  private var clients: [Int: ControlClient] = [:]
  private var nextClient = 0
  private var wakeRead: Int32 = -1
  private var wakeWrite: Int32 = -1
  private var isWoken = false
  private var isStopped = false
  /// Until when nobody is accepted, because the process has no descriptors left.
  private var acceptsFrom = Instant(nanoseconds: 0)
  private var scratch = [UInt8](repeating: 0, count: 64 << 10)

  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  /// Creates a server; `start` has it begin.
  ///
  /// - Parameter patience: Chosen here: 10 s, far beyond what a program needs that is stopped for a moment.
  init(
    _ socket: ControlSocket, requests: [ControlRequest], patience: Nanoseconds = 10_000_000_000
  ) throws(TransportError) {
    self.socket = socket
    self.requests = requests
    self.patience = patience
    loop = try EventLoop(name: "control")
  }

  /// Serves until `stop`.
  ///
  /// - Throws: `TransportError` when the process may have no more descriptors or threads.
  func start() throws {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw TransportError.system(call: "pipe", error: errno) }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      UnixSocket.makeNonBlocking(end)
    }
    (wakeRead, wakeWrite) = (ends[0], ends[1])
    let waiter = try EventLoop(name: "control-wait")
    Task.detached(executorPreference: waiter) {
      var ready: [pollfd] = []
      while let wait = await self.turn(ready) { ready = wait.poll() }
    }
  }

  /// Lets go of all clients and of the socket.
  func stop() {
    isStopped = true
    wake()
  }

  private var now: Instant { MonotonicClock.now() }
}

// Waiting.
extension ControlServer {
  /// What the other thread waits for.
  struct Wait: Sendable {
    var descriptors: [pollfd]
    var milliseconds: Int32

    /// Waits; returns the descriptors that are ready.
    func poll() -> [pollfd] {
      var list = descriptors
      #if canImport(Glibc)
        _ = Glibc.poll(&list, nfds_t(list.count), milliseconds)
      #elseif canImport(Musl)
        _ = Musl.poll(&list, nfds_t(list.count), milliseconds)
      #else
        _ = Darwin.poll(&list, nfds_t(list.count), milliseconds)
      #endif
      return list.filter { $0.revents != 0 }
    }
  }

  /// Ends the other thread's wait, so that it waits for what is to be waited for now.
  private func wake() {
    guard !isWoken, wakeWrite >= 0 else { return }
    isWoken = true
    var byte: UInt8 = 0
    _ = write(wakeWrite, &byte, 1)
  }

  /// Does what the descriptors allow; nil when there is nothing to wait for any more.
  private func turn(_ ready: [pollfd]) -> Wait? {
    isWoken = true
    defer { isWoken = false }
    for item in ready {
      if item.fd == wakeRead {
        _ = scratch.withUnsafeMutableBytes { read(wakeRead, $0.baseAddress, $0.count) }
      } else if let id = clients.first(where: { $0.value.descriptor == item.fd })?.key {
        serve(id, item.revents)
      }
    }
    // Last, since a newcomer may get the descriptor of somebody who is in the list.
    if ready.contains(where: { $0.fd == socket.descriptor }) { acceptAll() }
    guard !isStopped else {
      end()
      return nil
    }
    let time = now
    for (id, client) in clients where client.deadline <= time {
      if client.isAsking { refuse(id, client.missing ?? "no request came") }
      drop(id)
    }
    return nextWait(time)
  }

  private func nextWait(_ time: Instant) -> Wait {
    var wait = Wait(descriptors: [pollfd(fd: wakeRead, events: Int16(POLLIN), revents: 0)], milliseconds: -1)
    var deadline = Instant.never
    if acceptsFrom <= time {
      wait.descriptors.append(pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0))
    } else {
      deadline = acceptsFrom
    }
    for client in clients.values {
      // After its request nothing is read any more; that a client is gone is told without being asked for.
      let events = (client.isAsking ? POLLIN : 0) | (client.isBlocked ? POLLOUT : 0)
      wait.descriptors.append(pollfd(fd: client.descriptor, events: Int16(events), revents: 0))
      deadline = min(deadline, client.deadline)
    }
    guard deadline < .never else { return wait }
    let rest = deadline.nanoseconds - min(deadline.nanoseconds, time.nanoseconds)
    wait.milliseconds = Int32(clamping: rest / 1_000_000 + 1)
    return wait
  }

  private func end() {
    for id in clients.keys { drop(id) }
    close(socket.descriptor)
    close(wakeRead)
    close(wakeWrite)
    wakeWrite = -1
  }
}

// Clients come and go.
extension ControlServer {
  private func acceptAll() {
    // One after another, but not without end: those who are here want their answers too.
    for _ in 0..<Self.clientLimit {
      let descriptor = UnixSocket.accept(socket.descriptor)
      if descriptor == -EINTR || descriptor == -ECONNABORTED { continue }
      guard descriptor >= 0 else {
        if descriptor != -EAGAIN { acceptsFrom = now + 1_000_000_000 }
        return
      }
      nextClient += 1
      clients[nextClient] = ControlClient(descriptor: descriptor, deadline: now + patience)
      guard clients.count > Self.clientLimit else { continue }
      refuse(nextClient, "\(Self.clientLimit) others are being answered: try again later")
      drop(nextClient)
    }
  }

  private func serve(_ id: Int, _ events: Int16) {
    if events & Int16(POLLOUT) != 0 { writeOutgoing(id) }
    // No copy of the client, with which what it has sent would be copied at each read.
    guard let isAsking = clients[id]?.isAsking else { return }
    if isAsking, events & Int16(POLLIN) != 0 {
      readRequest(id)
    } else if events & Int16(POLLHUP | POLLERR | POLLNVAL) != 0 {
      drop(id)
    }
  }

  /// Ends a connection and whoever writes to it.
  private func drop(_ id: Int) {
    guard let client = clients.removeValue(forKey: id) else { return }
    client.answer?.cancel()
    client.waiter?.resume(returning: false)
    // A connection that ends with bytes unread looks broken at the other end, which should read its answer.
    _ = scratch.withUnsafeMutableBytes { read(client.descriptor, $0.baseAddress, $0.count) }
    close(client.descriptor)
    // The other thread may hold the connection in `poll`, and its other end sees no end until it lets go.
    wake()
  }

  /// Says why there is no answer, as far as the client takes it now.
  private func refuse(_ id: Int, _ error: String, reason: String? = nil) {
    var writer = JSONWriter()
    writer.object { object in
      object.field("error", error)
      if let reason { object.field("reason", reason) }
    }
    clients[id]?.outgoing += writer.bytes
    writeOutgoing(id)
  }

  private func readRequest(_ id: Int) {
    guard let descriptor = clients[id]?.descriptor else { return }
    let count = scratch.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
    guard count > 0 else {
      guard count == 0 || (errno != EAGAIN && errno != EINTR) else { return }
      if let missing = clients[id]?.missing { refuse(id, missing) }
      return drop(id)
    }
    var part = scratch[..<count]
    if clients[id]?.announced == nil {
      let stop = part.firstIndex(of: UInt8(ascii: "\n"))
      clients[id]?.incoming += part[..<(stop ?? count)]
      guard let line = clients[id]?.incoming, line.count <= ControlRequest.lineLimit else {
        refuse(id, "a request has at most \(ControlRequest.lineLimit) bytes")
        return drop(id)
      }
      guard let stop else { return }
      clients[id]?.incoming = []
      take(id, line)
      part = part[(stop + 1)...]
    }
    takeValue(id, part)
  }

  /// Finds the request, and has it answered unless a value is to come.
  private func take(_ id: Int, _ line: [UInt8]) {
    guard var words = ControlRequest.words(of: line.last == UInt8(ascii: "\r") ? line.dropLast() : line[...])
    else {
      refuse(id, ControlRequest.malformed)
      return drop(id)
    }
    let name = words.isEmpty ? [] : words.removeFirst()
    guard let request = requests.first(where: { $0.name.utf8.elementsEqual(name) }) else {
      let known = requests.map(\.usage).joined(separator: ", ")
      refuse(id, "unknown request \(quoted(String(decoding: name, as: UTF8.self))); allowed are \(known)")
      return drop(id)
    }
    guard let valueLength = request.valueLength else { return begin(id, request, ControlCall(words: words)) }
    do {
      clients[id]?.announced = (request, words, try valueLength(words))
    } catch {
      refuse(id, "\(error)", reason: (error as? ControlFailure)?.reason)
      drop(id)
    }
  }

  /// Bytes of a value after which there is time for more. Chosen here: the most that a value of a tuple has by default.
  private static let renewal = 64 << 10

  /// Takes a part of a value, and has the request answered when it is whole.
  ///
  /// The time for it runs since the client connected, and anew with every so many bytes: what comes from a program on
  /// this machine comes at once, but a large message may take longer where others are busy.
  private func takeValue(_ id: Int, _ part: ArraySlice<UInt8>) {
    guard let (request, words, length) = clients[id]?.announced else { return }
    let before = clients[id]?.incoming.count ?? 0
    clients[id]?.incoming += part
    if before / Self.renewal != (before + part.count) / Self.renewal {
      clients[id]?.deadline = now + patience
    }
    guard let client = clients[id], client.incoming.count >= length else { return }
    guard client.incoming.count == length else {
      refuse(id, "the value was announced with \(length) bytes, and more came: nothing was done")
      return drop(id)
    }
    clients[id]?.announced = nil
    clients[id]?.incoming = []
    begin(id, request, ControlCall(words: words, value: client.incoming))
  }

  /// Has a request answered.
  private func begin(_ id: Int, _ request: ControlRequest, _ call: ControlCall) {
    clients[id]?.deadline = .never
    let answer = ControlAnswer(server: self, client: id)
    clients[id]?.answer = Task(executorPreference: loop) {
      do {
        try await request.answer(call, answer)
      } catch is CancellationError {
        return await self.drop(id)
      } catch {
        try? await answer.post { $0.object { $0.field("error", "\(error)") } }
      }
      await self.finish(id)
    }
  }
}

// Answers.
extension ControlServer {
  /// Sends a list, page by page as the client takes it; what is posted comes behind it.
  func list(for id: Int, pages: @escaping @Sendable (Int) -> [UInt8]?) throws {
    clients[id]?.pages = pages
    try kick(id)
  }

  /// Queues bytes for a client, or drops it when more than the limit would wait then.
  func post(_ bytes: [UInt8], to id: Int, limit: Int? = outputLimit) throws {
    guard let client = clients[id] else { throw CancellationError() }
    let waiting = client.pages == nil ? client.backlog : client.later.count
    if let limit, waiting + bytes.count > limit {
      drop(id)
      throw CancellationError()
    }
    clients[id]?.append(bytes)
    try kick(id)
  }

  /// Waits until little is left for the client to take. Only its answer may wait, so at most one does.
  func room(for id: Int) async throws {
    guard let client = clients[id] else { throw CancellationError() }
    guard client.pages != nil || client.backlog >= Self.outputMark else { return }
    let isThere = await withUnsafeContinuation { clients[id]?.waiter = $0 }
    guard isThere else { throw CancellationError() }
  }

  /// Writes unless the client is known to take nothing now.
  private func kick(_ id: Int) throws {
    if clients[id]?.isBlocked == false { writeOutgoing(id) }
    guard clients[id] != nil else { throw CancellationError() }
  }

  /// Ends the connection when all is sent.
  private func finish(_ id: Int) {
    clients[id]?.isAnswered = true
    if clients[id]?.isIdle == true { drop(id) }
  }

  /// Writes what the client takes now.
  private func writeOutgoing(_ id: Int) {
    clients[id]?.fill(upTo: Self.outputMark)
    guard let client = clients[id], client.backlog > 0 else { return }
    let count = client.outgoing.withUnsafeBytes { bytes in
      write(client.descriptor, bytes.baseAddress?.advanced(by: client.taken), client.backlog)
    }
    guard count > 0 || errno == EAGAIN || errno == EINTR else { return drop(id) }
    if count > 0 { clients[id]?.take(count) }
    clients[id]?.fill(upTo: Self.outputMark)
    guard let rest = clients[id] else { return }
    if rest.pages == nil, rest.backlog < Self.outputMark {
      clients[id]?.waiter?.resume(returning: true)
      clients[id]?.waiter = nil
    }
    if rest.isIdle {
      clients[id]?.isBlocked = false
      clients[id]?.deadline = .never
      if rest.isAnswered { drop(id) }
    } else {
      clients[id]?.isBlocked = true
      if count > 0 || rest.deadline == .never { clients[id]?.deadline = now + patience }
      wake()
    }
  }
}
