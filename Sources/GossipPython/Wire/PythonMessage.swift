// The messages of gossip_python as values.
//
// Everything on that wire is text: numbers are decimal digits of a fixed width. A number is kept as a number and
// not as it was written; only what originals write in a way of their own, a member's uid and its address, keeps
// its text, so that a message that was read is written as it came.

import GrapevineCore

/// One datagram: its header and its message.
public struct PythonDatagram: Equatable, Sendable {
  /// The second field of the header, 0 to 99; originals write 0 and do not look at it.
  public var reserved = 0
  /// The number in the header, 0 to 9,999.
  public var sequence: Int
  /// The message.
  public var message: PythonMessage

  /// Creates a datagram.
  public init(sequence: Int, _ message: PythonMessage, reserved: Int = 0) {
    (self.sequence, self.message, self.reserved) = (sequence, message, reserved)
  }
}

/// A message.
public enum PythonMessage: Equatable, Sendable {
  /// Asks to be taken in.
  case hello(PythonMember)
  /// Takes in the one whose Hello had the number `echo` in its header.
  case welcome(echo: Int, PythonMember)
  /// Says who is there.
  case memberList([PythonMember])
  /// Says that a message came; originals have its number in the header, and 0 here.
  case acknowledgement(Int)
  /// A message of an application.
  case data(PythonRecord, [UInt8])
  /// What the sender has seen.
  case status(PythonClock)
}

/// The types of messages as the wire numbers them.
public enum PythonMessageType: Int, Sendable, CaseIterable {
  /// A newcomer's.
  case hello = 1
  /// The answer to it.
  case welcome
  /// Members.
  case memberList
  /// An acknowledgement.
  case acknowledgement
  /// An application's message.
  case data
  /// A clock.
  case status
}

/// A member as it is written.
public struct PythonMember: Equatable, Sendable {
  /// What tells runs at one address apart.
  public enum Uid: Hashable, Sendable {
    /// Four digits.
    case number(Int)
    /// The time in seconds with its fraction, longer than its field: what originals write of themselves.
    case fraction([UInt8])
  }

  /// The version of the protocol: 1, and nobody looks at it.
  public var version: Int
  /// What tells it from an earlier run.
  public var uid: Uid
  /// Where it is.
  public var address: PythonMultiaddress

  /// Creates a member.
  public init(version: Int = 1, uid: Uid, address: PythonMultiaddress) {
    (self.version, self.uid, self.address) = (version, uid, address)
  }
}

/// How many messages of an originator, or which of them.
public struct PythonRecord: Equatable, Sendable {
  /// Its number, 0 to 9,999; 0 from originals, which never get theirs onto the wire.
  public var sequence: Int
  /// The originator: its address and uid; empty from originals.
  public var id: [UInt8]

  /// Creates a record.
  public init(sequence: Int, id: [UInt8]) {
    (self.sequence, self.id) = (sequence, id)
  }
}

/// What a member has seen of each originator.
public struct PythonClock: Equatable, Sendable {
  /// Always 0 from originals, which do not look at it either. A part of a larger clock has 1, between peers that
  /// are no originals.
  public var index: Int
  /// The records.
  public var records: [PythonRecord]

  /// Creates a clock.
  public init(index: Int = 0, records: [PythonRecord]) {
    (self.index, self.records) = (index, records)
  }
}

/// An address as it is written: `/ip4/127.0.0.1/udp/7070`, or `/ip/127.0.0.1/port/7070` as older ones have it.
public struct PythonMultiaddress: Equatable, Sendable {
  /// The text.
  public let text: [UInt8]
  /// Where that is; nil for anything but a numeric IPv4 address with a port that can be sent to.
  public let endpoint: Endpoint?

  /// The longest text read, in bytes. Chosen here: twice the longest IPv4 address.
  public static var textLimit: Int { 64 }

  /// Writes an address; nil for IPv6, to which originals cannot send.
  public init?(_ endpoint: Endpoint) {
    guard let ipv4 = endpoint.ipv4 else { return nil }
    var text = Array("/ip4/".utf8)
    for shift in [24, 16, 8, 0] as [UInt32] {
      text.append(contentsOf: String(ipv4 >> shift & 0xff).utf8)
      if shift > 0 { text.append(UInt8(ascii: ".")) }
    }
    text.append(contentsOf: "/udp/\(endpoint.port)".utf8)
    self.text = text
    self.endpoint = endpoint
  }

  /// Reads an address; nil when it has not exactly five parts. What the labels are called does not matter.
  public init?(reading text: [UInt8]) {
    guard text.count <= Self.textLimit else { return nil }
    let parts = text.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard parts.count == 5, parts[0].isEmpty else { return nil }
    self.text = text
    endpoint = Self.endpoint(parts[2], parts[4])
  }

  /// The address in the name of an originator, `/ip4/127.0.0.1/udp/7070/uid/1234`; nil when it has none.
  init?(originator id: [UInt8]) {
    let parts = id.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard parts.count == 7, parts[5].elementsEqual("uid".utf8), parts[6].count == 4 else { return nil }
    self.init(reading: Array(parts[..<5].joined(separator: [UInt8(ascii: "/")])))
  }

  private static func endpoint(_ host: ArraySlice<UInt8>, _ port: ArraySlice<UInt8>) -> Endpoint? {
    let octets = host.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard octets.count == 4, let port = decimal(port, limit: 65_535) else { return nil }
    var address: UInt32 = 0
    for octet in octets {
      guard let value = decimal(octet, limit: 255) else { return nil }
      address = address << 8 | value
    }
    let endpoint = Endpoint(ipv4: address, port: UInt16(truncatingIfNeeded: port))
    return endpoint.isUsable ? endpoint : nil
  }

  private static func decimal(_ digits: ArraySlice<UInt8>, limit: UInt32) -> UInt32? {
    guard (1...5).contains(digits.count) else { return nil }
    var value: UInt32 = 0
    for digit in digits {
      guard digit >= 0x30, digit <= 0x39 else { return nil }
      value = value * 10 + UInt32(digit - 0x30)
    }
    return value <= limit ? value : nil
  }
}
