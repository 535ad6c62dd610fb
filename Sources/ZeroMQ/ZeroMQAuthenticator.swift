// Lets in those clients whose CURVE keys are on a list: a handler of ZeroMQ's authentication protocol (RFC 27, ZAP).
//
// A context has one such handler, found by its name. It answers the library's own threads, so it has a thread of
// its own and never waits for anything else.

import CZeroMQ
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Answers authentication requests of one context.
final class ZeroMQAuthenticator: Sendable {
  /// What the handler, its thread and its owner share.
  private final class Rules: @unchecked Sendable {
    let keys = Mutex<[String: Set<[UInt8]>]>([:])
    let isStopped = Atomic<Bool>(false)
    let socket: UnsafeMutableRawPointer
    init(socket: UnsafeMutableRawPointer) { self.socket = socket }
  }

  private let rules: Rules
  private let thread: Thread

  private struct Thread: @unchecked Sendable { let handle: pthread_t }

  private init(rules: Rules, thread: Thread) {
    self.rules = rules
    self.thread = thread
  }

  /// Starts the handler's thread.
  ///
  /// - Throws: `addressInUse` when the context has a handler already.
  static func start(in context: ZeroMQContext) throws(ZeroMQError) -> ZeroMQAuthenticator {
    let socket = try bound(context.handle)
    return try start(Rules(socket: socket))
  }

  private static func start(_ rules: Rules) throws(ZeroMQError) -> ZeroMQAuthenticator {
    let start = Unmanaged.passRetained(rules)
    #if canImport(Darwin)
      var thread: pthread_t?
    #else
      var thread = pthread_t()
    #endif
    let error = pthread_create(&thread, nil, { runAuthenticator($0) }, start.toOpaque())
    guard error == 0 else {
      start.release()
      zmq_close(rules.socket)
      throw .system(call: "pthread_create", error: error)
    }
    #if canImport(Darwin)
      guard let thread else { throw .system(call: "pthread_create", error: EAGAIN) }
    #endif
    return ZeroMQAuthenticator(rules: rules, thread: Thread(handle: thread))
  }

  /// The socket that requests come to.
  private static func bound(_ context: UnsafeMutableRawPointer?) throws(ZeroMQError)
    -> UnsafeMutableRawPointer
  {
    let name = "inproc://zeromq.zap.01"
    guard let socket = zmq_socket(context, ZMQ_REP) else { throw .last("zmq_socket") }
    var linger: Int32 = 0
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, MemoryLayout<Int32>.size)
    // The thread looks for its end between requests.
    var limit: Int32 = 100
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &limit, MemoryLayout<Int32>.size)
    guard zmq_bind(socket, name) == 0 else {
      let error = ZeroMQError.last("zmq_bind", endpoint: name)
      zmq_close(socket)
      throw error
    }
    return socket
  }

  /// Lets in the given keys, and no others, where clients are asked for in this domain.
  func set(_ domain: String, keys: Set<[UInt8]>) {
    rules.keys.withLock { $0[domain] = keys }
  }

  /// Ends the thread, and waits for that.
  func stop() {
    guard !rules.isStopped.exchange(true, ordering: .relaxed) else { return }
    pthread_join(thread.handle, nil)
  }

  fileprivate static func main(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    let rules = Unmanaged<Rules>.fromOpaque(argument).takeRetainedValue()
    while !rules.isStopped.load(ordering: .relaxed) {
      guard let request = receive(rules.socket) else {
        if zmq_errno() == ETERM { break }
        continue
      }
      reply(to: request, on: rules.socket, isAdmitted: admits(request, rules))
    }
    zmq_close(rules.socket)
    return nil
  }

  /// A request: version, request id, domain, address, identity, mechanism, and for CURVE the client's key.
  private static func admits(_ request: [[UInt8]], _ rules: Rules) -> Bool {
    guard request.count >= 6, request[0] == Array("1.0".utf8) else { return false }
    guard let keys = rules.keys.withLock({ $0[String(decoding: request[2], as: UTF8.self)] }) else {
      // Nobody asked for a choice in this domain.
      return true
    }
    return request.count == 7 && request[5] == Array("CURVE".utf8) && keys.contains(request[6])
  }

  private static func reply(to request: [[UInt8]], on socket: UnsafeMutableRawPointer, isAdmitted: Bool) {
    let id = request.count > 1 ? request[1] : []
    let parts = [
      Array("1.0".utf8), id, Array((isAdmitted ? "200" : "400").utf8),
      Array((isAdmitted ? "OK" : "key not admitted").utf8), [], [],
    ]
    for (index, part) in parts.enumerated() {
      _ = part.withUnsafeBytes {
        zmq_send(socket, $0.baseAddress, $0.count, index < parts.count - 1 ? ZMQ_SNDMORE : 0)
      }
    }
  }

  /// All parts of the next request; nil when none came in time.
  private static func receive(_ socket: UnsafeMutableRawPointer) -> [[UInt8]]? {
    var message = zmq_msg_t()
    zmq_msg_init(&message)
    defer { zmq_msg_close(&message) }
    var parts: [[UInt8]] = []
    repeat {
      guard zmq_msg_recv(&message, socket, 0) >= 0 else { return nil }
      let bytes = UnsafeRawBufferPointer(start: zmq_msg_data(&message), count: zmq_msg_size(&message))
      parts.append(Array(bytes))
    } while zmq_msg_more(&message) != 0
    return parts
  }
}

private func runAuthenticator(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  ZeroMQAuthenticator.main(argument)
}
