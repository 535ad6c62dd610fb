// Datagrams that nodes of the original exchanged, as recorded on loopback, and how tests write bytes.

import GrapevineCore
import Pittacus

/// The bytes of hexadecimal text, in which spaces, lines and bars do not count.
func hex(_ text: String) -> [UInt8] {
  let digits = text.compactMap(\.hexDigitValue)
  return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

/// The recorded datagrams. The peer is 127.0.0.1:40001, uid 5f000001; the seed 127.0.0.1:65000, uid 6b01ac44.
enum Vectors {
  static let peer = PittacusMember(endpoint: Endpoint(ipv4: 0x7f00_0001, port: 40_001), uid: 0x5f00_0001)
  static let secondPeer = PittacusMember(
    endpoint: Endpoint(ipv4: 0x7f00_0001, port: 40_002), uid: 0x5f00_0001)
  static let seed = PittacusMember(endpoint: Endpoint(ipv4: 0x7f00_0001, port: 65_000), uid: 0x6b01_ac44)
  static let ipv6Peer = PittacusMember(endpoint: Endpoint(high: 0, low: 1, port: 40_004), uid: 0x6b01_ad82)

  static let hello = hex(
    """
    70 74 63 73 00 | 01 | 00 00 | 00 00 00 01 | 00 01 | 5f 00 00 01 | 00 00 00 10 |
    02 00 9c 41 7f 00 00 01 00 00 00 00 00 00 00 00
    """)
  static let welcome = hex(
    """
    70 74 63 73 00 | 02 | 00 00 | 00 00 00 01 | 00 00 00 01 | 00 01 | 6b 01 ac 44 | 00 00 00 10 |
    02 00 fd e8 7f 00 00 01 00 00 00 00 00 00 00 00
    """)
  static let emptyStatus = hex("70 74 63 73 00 | 06 | 00 00 | 00 00 00 02 | 00 00")
  static let data = hex(
    """
    70 74 63 73 00 | 05 | 00 00 | 00 00 00 02 | 00 00 00 05 | 7f 00 00 01 9c 41 5f 00 | 00 06 |
    66 69 76 65 21 00
    """)
  static let acknowledgement = hex("70 74 63 73 00 | 04 | 00 00 | 00 00 00 03 | 00 00 00 02")
  static let echo = hex(
    """
    70 74 63 73 00 | 05 | 00 00 | 00 00 00 04 | 00 00 00 05 | 7f 00 00 01 9c 41 5f 00 | 00 06 |
    66 69 76 65 21 00
    """)
  static let status = hex(
    "70 74 63 73 00 | 06 | 00 00 | 00 00 00 05 | 00 01 | 00 00 00 05 | 7f 00 00 01 9c 41 5f 00")
  static let repair = hex(
    """
    70 74 63 73 00 05 00 00 00 00 00 0b 00 00 00 06 7f 00 00 01 9c 41 5f 00 00 05
    73 69 78 21 00
    """)
  static let memberList = hex(
    """
    70 74 63 73 00 | 03 | 00 00 | 00 00 00 16 | 00 01 | 00 01 | 5f 00 00 01 | 00 00 00 10 |
    02 00 9c 41 7f 00 00 01 00 00 00 00 00 00 00 00
    """)
  static let memberListOfTwo = hex(
    """
    70 74 63 73 00 03 00 00 00 00 00 1b 00 02 00 01 5f 00 00 01 00 00 00 10 02 00 9c 41 7f 00 00 01
    00 00 00 00 00 00 00 00 00 01 5f 00 00 01 00 00 00 10 02 00 9c 42 7f 00 00 01 00 00 00 00 00 00 00 00
    """)
  static let ipv6Hello = hex(
    """
    70 74 63 73 00 01 00 00 00 00 00 01 00 01 6b 01 ad 82 00 00 00 1c 0a 00 9c 44 00 00 00 00
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00 00 00
    """)
  static let ipv6Data = hex(
    """
    70 74 63 73 00 05 00 00 00 00 00 02 00 00 00 01 00 00 00 00 9c 44 6b 01 00 02 68 69
    """)
  static let demoStatus = hex(
    """
    70 74 63 73 00 06 00 00 00 00 00 21 00 02 00 00 00 01 7f 00 00 01 cb 56 6b 01
    00 00 00 01 7f 00 00 01 a1 d3 6b 01
    """)
  static let demoData = hex(
    """
    70 74 63 73 00 05 00 00 00 00 00 16 00 00 00 01 7f 00 00 01 cb 56 6b 01 00 23 5b 41 5d 3a 20 48 65 6c 6c 6f
    20 57 6f 72 6c 64 20 28 74 73 20 3d 20 31 37 39 35 32 37 32 30 31 39 29 00
    """)

  static let all = [
    hello, welcome, emptyStatus, data, acknowledgement, echo, status, repair, memberList, memberListOfTwo,
    ipv6Hello, ipv6Data, demoStatus, demoData,
  ]
}

/// A message in values of its own: what a test compares.
enum Decoded: Equatable {
  case hello(UInt32, PittacusMember)
  case welcome(UInt32, answers: UInt32, PittacusMember)
  case memberList(UInt32, [PittacusMember])
  case acknowledgement(UInt32, of: UInt32)
  case data(UInt32, PittacusVersion, [UInt8])
  case status(UInt32, [PittacusVersion])

  init(_ bytes: [UInt8]) throws(DecodeError) {
    let result = bytes.withUnsafeBytes { raw -> Result<Decoded, DecodeError> in
      do throws(DecodeError) {
        return .success(Decoded(try PittacusMessage(decoding: raw)))
      } catch {
        return .failure(error)
      }
    }
    self = try result.get()
  }

  init(_ message: PittacusMessage) {
    switch message {
    case .hello(let sequence, let member): self = .hello(sequence, member)
    case .welcome(let sequence, let answers, let member):
      self = .welcome(sequence, answers: answers, member)
    case .memberList(let sequence, var members):
      var list: [PittacusMember] = []
      while let member = members.next() { list.append(member) }
      self = .memberList(sequence, list)
    case .acknowledgement(let sequence, let of): self = .acknowledgement(sequence, of: of)
    case .data(let sequence, let version, let payload): self = .data(sequence, version, Array(payload))
    case .status(let sequence, let clock):
      self = .status(sequence, (0..<clock.count).map { clock[$0] })
    }
  }

  /// The datagram.
  var encoded: [UInt8] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1_024, alignment: 8)
    buffer.initializeMemory(as: UInt8.self, repeating: 0xee)
    defer { buffer.deallocate() }
    return Array(buffer[0..<write(into: buffer)])
  }

  private func write(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    switch self {
    case .hello(let sequence, let member): return PittacusEncoder.hello(sequence, member, into: buffer)
    case .welcome(let sequence, let answers, let member):
      return PittacusEncoder.welcome(sequence, answers: answers, member, into: buffer)
    case .memberList(let sequence, let members):
      var list = PittacusEncoder.List.members(sequence, limit: 19, into: buffer)
      for member in members { list.append(member) }
      return list.length
    case .acknowledgement(let sequence, let of):
      return PittacusEncoder.acknowledgement(sequence, of: of, into: buffer)
    case .data(let sequence, let version, let payload):
      return payload.withUnsafeBytes {
        PittacusEncoder.data(sequence, version, payload: $0, into: buffer)
      }
    case .status(let sequence, let versions):
      var list = PittacusEncoder.List.status(sequence, into: buffer)
      for version in versions { list.append(version) }
      return list.length
    }
  }

  var kind: PittacusKind {
    switch self {
    case .hello: .hello
    case .welcome: .welcome
    case .memberList: .memberList
    case .acknowledgement: .acknowledgement
    case .data: .data
    case .status: .status
    }
  }
}
