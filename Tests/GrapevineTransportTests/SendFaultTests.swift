// What the kernel answers only rarely: a scripted kernel answers it here.

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
  import CLinux
#endif

/// A kernel that takes messages as scripted and remembers what it took.
private final class ScriptedKernel: Sendable {
  struct Taken: Equatable { var bytes: Int, isTrain: Bool }
  private struct State { var answers: [Int32] = [], taken: [Taken] = [], refusesTrains: Int32 = 0 }
  private let state: Mutex<State>

  /// - Parameters:
  ///   - answers: What the calls return, one after the other; then they take everything.
  ///   - refusesTrains: The error for a train at the head of a call; 0 to take trains.
  init(answers: [Int32] = [], refusesTrains: Int32 = 0) {
    state = Mutex(State(answers: answers, refusesTrains: refusesTrains))
  }

  var taken: [Taken] { state.withLock { $0.taken } }

  var call: MessageCall {
    { [self] _, messages, count in
      state.withLock { state in
        var take = Int32(count)
        if !state.answers.isEmpty { take = state.answers.removeFirst() }
        var done: Int32 = 0
        while done < take {
          let header = messages[Int(done)].header
          let isTrain = header.msg_controllen > 0
          if isTrain, state.refusesTrains != 0 { return done > 0 ? done : -state.refusesTrains }
          state.taken.append(Taken(bytes: header.msg_iov[0].iov_len, isTrain: isTrain))
          done += 1
        }
        return take
      }
    }
  }
}

@Suite("UDP: when the kernel does not take everything")
struct SendFaultTests {
  private func transport(_ kernel: ScriptedKernel) throws -> UDPTransport {
    try UDPTransport(
      bind: Endpoint("127.0.0.1:0"), receiveBufferBytes: 1 << 16, sendBufferBytes: 1 << 16,
      sendCall: kernel.call, receiveCall: SystemCalls.receiveMessages)
  }

  private func endpoint(_ port: UInt16) -> Endpoint { Endpoint(ipv4: 0x7f00_0001, port: port) }

  @Test("a full send buffer returns how far it came, and the rest follows")
  func blocked() throws {
    let kernel = ScriptedKernel(answers: [3, -EAGAIN, -EAGAIN, 2])
    let transport = try transport(kernel)
    transport.segmentOffload = false
    var buffer = DatagramBuffer()
    for length in 1...10 { buffer.append([UInt8](repeating: 0, count: length), to: endpoint(9)) }
    #expect(transport.send(buffer, from: 0) == 3)
    #expect(transport.send(buffer, from: 3) == 0)
    #expect(transport.send(buffer, from: 3) == 7)
    #expect(kernel.taken.map(\.bytes) == Array(1...10))
    #expect(transport.counters.sendsBlocked == 2 && transport.counters.datagramsSent == 10)
    #expect(transport.send(buffer, from: 10) == 0)
  }

  @Test("an interruption or a stale report is retried, but not for ever")
  func retried() throws {
    let kernel = ScriptedKernel(answers: [-EINTR, -ECONNREFUSED, 1])
    let transport = try transport(kernel)
    var buffer = DatagramBuffer()
    buffer.append([1], to: endpoint(9))
    #expect(transport.send(buffer, from: 0) == 1)
    #expect(transport.counters.datagramsSent == 1 && transport.counters.sendFailures == 0)
    let stubborn = try self.transport(ScriptedKernel(answers: Array(repeating: -EINTR, count: 1_000)))
    #expect(stubborn.send(buffer, from: 0) == 1)
    #expect(stubborn.counters.sendFailures == 1)
  }

  @Test(
    "a path that refuses trains gets single datagrams from then on, and nothing is lost",
    .enabled(if: SystemCalls.segmentSpace > 0), arguments: [EINVAL, EIO, EMSGSIZE])
  func refusedTrain(error: Int32) throws {
    let kernel = ScriptedKernel(refusesTrains: error)
    let transport = try transport(kernel)
    try #require(transport.segmentOffload)
    var buffer = DatagramBuffer()
    buffer.append([1], to: endpoint(8))
    for _ in 0..<5 { buffer.append([1, 2], to: endpoint(9)) }
    for _ in 0..<5 { buffer.append([1, 2, 3], to: endpoint(10)) }
    #expect(transport.send(buffer, from: 0) == 11)
    #expect(kernel.taken.map(\.bytes) == [1] + Array(repeating: 2, count: 5) + Array(repeating: 3, count: 5))
    #expect(kernel.taken.allSatisfy { !$0.isTrain })
    #expect(!transport.segmentOffload && transport.counters.sendFailures == 0)
    let calls = transport.counters.systemCallsSend
    #expect(transport.send(buffer, from: 0) == 11)
    #expect(transport.counters.systemCallsSend == calls + 1)
  }

  @Test(
    "trains end where the destination, the length or the limits do",
    .enabled(if: SystemCalls.segmentSpace > 0))
  func trains() throws {
    let kernel = ScriptedKernel()
    let transport = try transport(kernel)
    var buffer = DatagramBuffer(datagrams: 400)
    let plan: [(length: Int, count: Int, port: UInt16)] = [
      (100, 3, 1), (40, 1, 1), (40, 1, 1), (100, 2, 2), (0, 1, 2), (0, 2, 2), (10, 66, 3), (1_200, 60, 4),
    ]
    for step in plan {
      for _ in 0..<step.count {
        buffer.append([UInt8](repeating: 1, count: step.length), to: endpoint(step.port))
      }
    }
    #expect(transport.send(buffer, from: 0) == buffer.count)
    let expected: [(Int, Bool)] = [
      (340, true), (40, false), (200, true), (0, false), (0, false), (0, false), (640, true), (20, true),
      (64_800, true), (7_200, true),
    ]
    #expect(kernel.taken.map(\.bytes) == expected.map(\.0))
    #expect(kernel.taken.map(\.isTrain) == expected.map(\.1))
    #expect(transport.counters.datagramsSent == buffer.count)
  }

  @Test("errors while receiving are counted and passed over")
  func receiveErrors() throws {
    let answers = Mutex<[Int32]>([-ECONNREFUSED, -EINTR])
    let transport = try UDPTransport(
      bind: Endpoint("127.0.0.1:0"), receiveBufferBytes: 1 << 16, sendBufferBytes: 1 << 16,
      sendCall: SystemCalls.sendMessages,
      receiveCall: { socket, messages, count in
        let answer = answers.withLock { $0.popLast() }
        return answer ?? SystemCalls.receiveMessages(socket, messages, count)
      })
    var buffer = DatagramBuffer()
    buffer.append([5], to: transport.localEndpoint)
    #expect(transport.send(buffer, from: 0) == 1)
    #expect(transport.receive() == 1 && Array(transport.datagram(0)) == [5])
    #expect(transport.counters.receiveErrors == 2)
  }
}
