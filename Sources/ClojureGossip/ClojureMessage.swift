// The messages of the Clojure gossip as values, their bytes, and how the original reads them.
//
// A datagram is text: a word, and perhaps two hyphens and an argument. The original cuts at every two hyphens,
// takes the first piece for the word and the last one for the argument, and drops empty pieces at the end. We
// read in the same way, oddities included, because the text that comes out is all that a message is known by:
// two peers that read it differently would hold one message for two.

import GrapevineCore

/// A message.
public enum ClojureMessage: Equatable, Sendable {
  /// The sender subscribes.
  case initial
  /// A subscription is passed on; who subscribes.
  case forward(Endpoint)
  /// The sender holds the receiver in its view.
  case heartbeat
  /// The sender leaves.
  case remove
  /// The sender leaves; whom to hold in its place.
  case replace(Endpoint)
  /// A message of an application.
  case gossip([UInt8])
}

/// A message as it stands in a datagram, with the pieces that originals pass over.
public struct ClojureDatagram: Equatable, Sendable {
  /// The message.
  public var message: ClojureMessage
  /// The pieces between the word and the last one, and after a word without an argument; originals do not look at
  /// them, and only peers that are told to do send them.
  public var notes: [[UInt8]]

  /// Creates a datagram.
  public init(_ message: ClojureMessage, notes: [[UInt8]] = []) {
    (self.message, self.notes) = (message, notes)
  }
}

/// Why a datagram is no message.
public enum ClojureWireError: Error, Equatable, Sendable {
  /// The first word is none of the six.
  case wordUnknown
  /// It is not UTF-8.
  case textInvalid
  /// What has to be an address of four numbers and a port is none.
  case addressInvalid
}

extension ClojureDatagram {
  /// The longest datagram, in bytes: what the buffer of the original's README takes.
  public static var lengthLimit: Int { 512 }
  /// The longest payload, in bytes.
  public static var payloadLimit: Int { lengthLimit - 8 }

  /// Reads a datagram.
  public init(reading bytes: UnsafeRawBufferPointer) throws(ClojureWireError) {
    let pieces = Self.pieces(of: Array(bytes))
    guard let word = pieces.first else { throw .wordUnknown }
    let notes = Array(pieces.dropFirst())
    switch word {
    case Array("initial".utf8): self.init(.initial, notes: notes)
    case Array("heartbeat".utf8): self.init(.heartbeat, notes: notes)
    case Array("remove".utf8): self.init(.remove, notes: notes)
    case Array("forward".utf8), Array("replace".utf8):
      guard let last = notes.last, let endpoint = Self.endpoint(last) else { throw .addressInvalid }
      self.init(
        word[0] == UInt8(ascii: "f") ? .forward(endpoint) : .replace(endpoint), notes: Array(notes.dropLast())
      )
    case Array("gossip".utf8):
      // Without an argument the last piece is the word itself, and so is the payload.
      let payload = notes.last ?? word
      guard String(validating: payload, as: UTF8.self) != nil else { throw .textInvalid }
      self.init(.gossip(payload), notes: Array(notes.dropLast()))
    default: throw .wordUnknown
    }
  }

  /// The datagram's bytes.
  public var bytes: [UInt8] {
    let (word, argument): (String, [UInt8]?) =
      switch message {
      case .initial: ("initial", nil)
      case .heartbeat: ("heartbeat", nil)
      case .remove: ("remove", nil)
      case .forward(let endpoint): ("forward", Self.text(endpoint))
      case .replace(let endpoint): ("replace", Self.text(endpoint))
      case .gossip(let payload): ("gossip", payload)
      }
    var output = Array(word.utf8)
    for piece in notes + (argument.map { [$0] } ?? []) {
      output += [0x2d, 0x2d]
      output += piece
    }
    return output
  }

  /// Whether a payload arrives as it is: not empty, without two hyphens in a row, and UTF-8.
  static func carries(_ payload: [UInt8]) -> Bool {
    let datagram = ClojureDatagram(.gossip(payload)).bytes
    let read = datagram.withUnsafeBytes { try? ClojureDatagram(reading: $0) }
    return read == ClojureDatagram(.gossip(payload)) && !payload.isEmpty
  }

  /// Cuts at every two hyphens, from the left, and drops empty pieces at the end.
  private static func pieces(of text: [UInt8]) -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    var piece: [UInt8] = []
    var index = 0
    while index < text.count {
      if text[index] == 0x2d, index + 1 < text.count, text[index + 1] == 0x2d {
        pieces.append(piece)
        piece = []
        index += 2
      } else {
        piece.append(text[index])
        index += 1
      }
    }
    pieces.append(piece)
    while pieces.last?.isEmpty == true { pieces.removeLast() }
    return pieces
  }

  /// Writes an address; anything but IPv4 has no form and gives nothing.
  static func text(_ endpoint: Endpoint) -> [UInt8] {
    guard let ipv4 = endpoint.ipv4 else { return [] }
    let octets = [24, 16, 8, 0].map { String(ipv4 >> $0 & 0xff) }
    return Array("\(octets.joined(separator: ".")):\(endpoint.port)".utf8)
  }

  /// Reads an address: four numbers up to 255 and a port from 1, and nothing else.
  static func endpoint(_ text: [UInt8]) -> Endpoint? {
    let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    guard parts.count == 2, let port = decimal(parts[1], limit: 65_535) else { return nil }
    let octets = parts[0].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard octets.count == 4 else { return nil }
    var address: UInt32 = 0
    for octet in octets {
      guard let value = decimal(octet, limit: 255) else { return nil }
      address = address << 8 | value
    }
    let endpoint = Endpoint(ipv4: address, port: UInt16(truncatingIfNeeded: port))
    return endpoint.isUsable ? endpoint : nil
  }

  /// A number of one to five digits.
  static func decimal(_ digits: ArraySlice<UInt8>, limit: UInt32) -> UInt32? {
    guard (1...5).contains(digits.count) else { return nil }
    var value: UInt32 = 0
    for digit in digits {
      guard digit >= 0x30, digit <= 0x39 else { return nil }
      value = value * 10 + UInt32(digit - 0x30)
    }
    return value <= limit ? value : nil
  }
}
