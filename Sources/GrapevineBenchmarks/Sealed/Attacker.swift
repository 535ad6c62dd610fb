// An attacker that hears what members send, and has no key of theirs.

import GrapevineCore
import GrapevineSecurity
import GrapevineTransport

/// Sends hostile datagrams at a rate to whom its standard input says.
enum Attacker {
  static func play(_ file: String, rate: Int) throws {
    let transport = try UDPTransport(bind: "127.0.0.1:0")
    System.print("listening \(transport.localEndpoint.text)")
    var arsenal = try Arsenal(file)
    while let line = readLine() {
      let words = line.split(separator: " ").map(String.init)
      guard words.count == 2, let count = Int(words[1]) else { return }
      let sent = try attack(Endpoint(words[0]), count, rate, transport, &arsenal)
      System.print("done sent \(sent)")
    }
  }

  private static func attack(
    _ target: Endpoint, _ count: Int, _ rate: Int, _ transport: UDPTransport, _ arsenal: inout Arsenal
  ) throws -> Int {
    var buffer = DatagramBuffer(datagrams: 64, datagramLimit: 2_048)
    let start = MonotonicClock.now()
    var sent = 0
    while sent < count {
      arsenal.hear(transport)
      buffer.removeAll()
      for _ in 0..<min(64, count - sent) { try arsenal.next(into: &buffer, to: target) }
      sent += transport.send(buffer, from: 0)
      let due = UInt64(Double(sent) * 1e9 / Double(rate))
      while case let elapsed = MonotonicClock.now().since(start), elapsed < due {
        guard due - elapsed > 200_000 else { continue }
        System.sleep(nanoseconds: min(due - elapsed, 2_000_000))
      }
    }
    return sent
  }
}

/// What an attacker can send: noise, and what it heard, changed and as it was.
private struct Arsenal: ~Copyable {
  private var heard: [[UInt8]] = []
  private var nextHeard = 0
  private var protection: FrameProtection
  private var generator = Generator(seed: 0x6172_7365_6e61_6c00)
  private var turn = 0
  private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 2_048, alignment: 16)

  /// - Parameter file: A key that is not the cluster's.
  init(_ file: String) throws { protection = try ClusterKeys(file: file).makeProtection() }

  deinit { scratch.deallocate() }

  /// Takes what members sent, of which it remembers some thousand.
  mutating func hear(_ transport: UDPTransport) {
    let count = transport.receive()
    for index in 0..<count {
      let datagram = Array(transport.datagram(index))
      guard datagram.count > 40 else { continue }
      if heard.count < 4_096 {
        heard.append(datagram)
      } else {
        heard[nextHeard] = datagram
        nextHeard = (nextHeard + 1) % heard.count
      }
    }
  }

  /// The next of five kinds.
  mutating func next(into buffer: inout DatagramBuffer, to target: Endpoint) throws {
    turn += 1
    let length = 28 + Int(generator.next() % 1_172)
    for offset in stride(from: 0, to: length, by: 8) {
      scratch.storeBytes(of: generator.next(), toByteOffset: offset, as: UInt64.self)
    }
    var count = length
    switch turn % 5 {
    case 0:
      // Half of the noise looks like a frame.
      if turn % 10 == 0 { scratch[0] = 0xb0 }
    case 1:
      // Sealed, with another key.
      let payload = UnsafeRawBufferPointer(rebasing: scratch[1_280..<1_280 + min(700, length)])
      let frame = UnsafeMutableRawBufferPointer(rebasing: scratch[..<1_280])
      count = try protection.seal(payload, into: frame)
    default:
      guard !heard.isEmpty else { break }
      let old = heard[Int(generator.next() % UInt64(heard.count))]
      scratch.copyBytes(from: old)
      count = old.count
      if turn % 5 == 2 { count = Int(generator.next() % UInt64(count)) }
      if turn % 5 == 3 { count = renumber(old) }
    }
    buffer.append(UnsafeRawBufferPointer(rebasing: scratch[..<max(1, count)]), to: target)
  }

  /// Puts a frame of a member into the scratch, with a counter that nobody has used yet: the window lets each pass, and
  /// each costs the check of its tag.
  ///
  /// - Returns: Its length.
  private func renumber(_ frame: [UInt8]) -> Int {
    let counter = 10
    let width = Int(frame[0] & 3) + 1
    guard frame[0] & 0xfc == 0xb0, frame.count > counter + width else { return frame.count }
    scratch[0] = 0xb3
    (scratch[counter], scratch[counter + 1]) = (0xff, UInt8.random(in: 0xf0...0xff))
    (scratch[counter + 2], scratch[counter + 3]) = (UInt8.random(in: 0...255), UInt8.random(in: 0...255))
    let body = frame[(counter + width)...]
    UnsafeMutableRawBufferPointer(rebasing: scratch[(counter + 4)...]).copyBytes(from: body)
    return counter + 4 + body.count
  }
}
