// What the tests of streams share: transports that are driven together, and peers that are no node.

import GrapevineCore
import Testing

@testable import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Transports that are driven together, as event loops would, and what came to each.
final class Bench {
  var transports: [any DatagramTransport]
  var arrived: [[(bytes: [UInt8], source: Endpoint)]]

  init(_ transports: [any DatagramTransport]) {
    self.transports = transports
    arrived = Array(repeating: [], count: transports.count)
  }

  func step() {
    for index in transports.indices { arrived[index] += transports[index].takeAll() }
  }

  /// Drives all until the condition holds; false after a minute.
  func drive(until condition: () -> Bool) -> Bool {
    let limit = MonotonicClock.now() + 60_000_000_000
    while !condition() {
      guard MonotonicClock.now() < limit else { return false }
      step()
      poll(nil, 0, 1)
    }
    return true
  }

  func bytes(_ index: Int) -> [[UInt8]] { arrived[index].map(\.bytes) }
}

extension DatagramTransport {
  /// Sends arrays to one destination.
  func send(_ datagrams: [[UInt8]], to destination: Endpoint) {
    var buffer = DatagramBuffer(datagrams: max(1, datagrams.count), datagramLimit: 4_096)
    for bytes in datagrams { buffer.append(bytes, to: destination) }
    #expect(send(buffer, from: 0) == datagrams.count)
  }

  var streams: StreamCounters { counters.streams ?? .init() }
}

/// What streams run over.
enum StreamKind: CaseIterable {
  case tcp
  case unix
}

/// Where the transports of one test are: on loopback, or in a directory of their own.
final class StreamPlace {
  let kind: StreamKind
  /// Without meaning for TCP.
  let directory: String

  init(_ kind: StreamKind, mode: mode_t = 0o700) throws {
    self.kind = kind
    var template = Array("/tmp/gv-test-XXXXXX".utf8CString)
    let isMade = template.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.flatMap { mkdtemp($0) } != nil
    }
    #expect(isMade)
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    chmod(directory, mode)
  }

  deinit {
    for name in files { unlink("\(directory)/\(name)") }
    rmdir(directory)
  }

  /// What is in the directory.
  var files: Set<String> {
    guard let listing = opendir(directory) else { return [] }
    defer { closedir(listing) }
    var names: Set<String> = []
    while let entry = readdir(listing) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.insert(name) }
    }
    return names
  }

  func mode(of name: String) -> mode_t? {
    var status = stat()
    return lstat("\(directory)/\(name)", &status) == 0 ? status.st_mode & 0o777 : nil
  }

  func endpoint(_ number: UInt16) -> Endpoint {
    kind == .tcp ? Endpoint(ipv4: 0x7f00_0001, port: number) : Endpoint(unix: number)
  }

  func transport(_ number: UInt16 = 0, _ change: (inout StreamConfiguration) -> Void = { _ in })
    throws(TransportError) -> StreamTransport
  {
    var configuration = StreamConfiguration()
    change(&configuration)
    return kind == .tcp
      ? try StreamTransport(bind: endpoint(number), configuration: configuration)
      : try StreamTransport(directory: directory, number: number, configuration: configuration)
  }

  /// A transport where another one was. A process that another test is just starting may still hold the port.
  func transportAgain(_ number: UInt16) throws -> StreamTransport {
    for _ in 0..<600 {
      do throws(TransportError) {
        return try transport(number)
      } catch {
        guard case .addressInUse = error else { throw error }
        poll(nil, 0, 100)
      }
    }
    return try transport(number)
  }
}

/// A connection of somebody who is no node.
final class RawPeer {
  let descriptor: Int32

  init(to endpoint: Endpoint, in place: StreamPlace) {
    descriptor =
      place.kind == .tcp
      ? StreamSockets.open(from: Endpoint(ipv4: 0x7f00_0001, port: 0), to: endpoint)
      : StreamSockets.open(path: "\(place.directory)/\(endpoint.port).sock")
    var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    poll(&entry, 1, 5_000)
  }

  deinit { StreamSockets.shut(descriptor) }

  /// Sends what the system takes; the number of bytes, or minus an error.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Int {
    bytes.withUnsafeBytes { StreamSockets.send(descriptor, $0, UnsafeRawBufferPointer(start: nil, count: 0)) }
  }

  /// Whether the other side has closed the connection.
  var isClosed: Bool {
    withUnsafeTemporaryAllocation(byteCount: 4_096, alignment: 1) { room in
      guard let base = room.baseAddress else { return false }
      while true {
        let length = StreamSockets.receive(descriptor, into: base, room: room.count)
        if length == 0 || length < 0 && !StreamSockets.isTransient(-length) { return true }
        if length < 0 { return false }
      }
    }
  }

  static func hello(port: UInt16, run: UInt64 = 7) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: StreamHello.byteCount)
    bytes.withUnsafeMutableBytes { StreamHello(port: port, run: run).write(to: $0) }
    return bytes
  }

  static func frame(_ datagram: [UInt8]) -> [UInt8] {
    [UInt8(datagram.count >> 8), UInt8(datagram.count & 0xff)] + datagram
  }
}
