// Reading a datagram of gossip_python: every input is a message or an error.
//
// As lenient as the original where that harms nobody: numbers may have spaces around them, a sign and
// underscores, and what follows the last field is not looked at. Stricter where the original takes what
// cannot be meant: a text that is shorter than it says is an error and not a shorter text.

import GrapevineCore

/// Why a datagram is no message.
public enum PythonWireError: Error, Equatable, Sendable {
  /// It ends before its last field does.
  case truncated
  /// A field that has to be a number is none, or is negative.
  case numberInvalid
  /// There is no such type.
  case typeUnknown(Int)
  /// An address has not five parts, or its length is no length.
  case addressInvalid
  /// A text is not UTF-8, or an originator's name is not ASCII or too long.
  case textInvalid
  /// Something but spaces follows an acknowledgement, whose last field has no end.
  case trailingBytes
}

extension PythonDatagram {
  /// The longest name of an originator that is read, in bytes. Chosen here: an address and an original's uid.
  public static var idLimit: Int { 96 }
  /// The longest datagram that originals read whole, in bytes.
  public static var lengthLimit: Int { 1_024 }

  /// Reads a datagram.
  public init(reading bytes: UnsafeRawBufferPointer) throws(PythonWireError) {
    var reader = PythonReader(bytes)
    let number = try reader.number(2)
    reserved = try reader.number(2)
    sequence = try reader.number(4)
    guard let type = PythonMessageType(rawValue: number) else { throw .typeUnknown(number) }
    switch type {
    case .hello: message = .hello(try reader.member())
    case .welcome: message = .welcome(echo: try reader.number(4), try reader.member())
    case .memberList:
      message = .memberList(try reader.list { reader throws(PythonWireError) in try reader.member() })
    case .acknowledgement:
      message = .acknowledgement(try reader.number(4))
      guard reader.rest.allSatisfy(PythonReader.isSpace) else { throw .trailingBytes }
    case .data:
      let record = try reader.record()
      message = .data(record, try reader.text(try reader.number(4)))
    case .status:
      let index = try reader.number(4)
      message = .status(
        PythonClock(
          index: index, records: try reader.list { reader throws(PythonWireError) in try reader.record() }))
    }
  }
}

/// A place in a datagram that is being read.
struct PythonReader {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  var rest: Slice<UnsafeRawBufferPointer> { bytes[offset...] }

  static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }

  mutating func take(_ count: Int) throws(PythonWireError) -> Slice<UnsafeRawBufferPointer> {
    guard count >= 0, count <= bytes.count - offset else { throw .truncated }
    defer { offset += count }
    return bytes[offset..<offset + count]
  }

  /// A number as Python's `int` reads it, of at most four digits and not negative.
  mutating func number(_ width: Int) throws(PythonWireError) -> Int {
    var field = try take(width)
    while let first = field.first, Self.isSpace(first) { field.removeFirst() }
    while let last = field.last, Self.isSpace(last) { field.removeLast() }
    if field.first == UInt8(ascii: "+") { field.removeFirst() }
    var value = 0
    var mayBeUnderscore = false
    for byte in field {
      if byte == UInt8(ascii: "_"), mayBeUnderscore {
        mayBeUnderscore = false
        continue
      }
      guard byte >= 0x30, byte <= 0x39 else { throw .numberInvalid }
      value = value * 10 + Int(byte - 0x30)
      mayBeUnderscore = true
    }
    guard mayBeUnderscore else { throw .numberInvalid }
    return value
  }

  /// A count and so many elements, each of which takes bytes: a false count ends with the datagram.
  mutating func list<Element>(
    _ element: (inout PythonReader) throws(PythonWireError) -> Element
  ) throws(PythonWireError) -> [Element] {
    let count = try number(4)
    var elements: [Element] = []
    for _ in 0..<count { elements.append(try element(&self)) }
    return elements
  }

  mutating func record() throws(PythonWireError) -> PythonRecord {
    let sequence = try number(4)
    let id = Array(try take(try number(4)))
    guard id.count <= PythonDatagram.idLimit, id.allSatisfy({ (0x21...0x7e).contains($0) }) else {
      throw .textInvalid
    }
    return PythonRecord(sequence: sequence, id: id)
  }

  mutating func text(_ length: Int) throws(PythonWireError) -> [UInt8] {
    let text = Array(try take(length))
    guard String(validating: text, as: UTF8.self) != nil else { throw .textInvalid }
    return text
  }

  /// A member, whose uid may be longer than its field: then the address tells where it ends.
  mutating func member() throws(PythonWireError) -> PythonMember {
    let version = try number(4)
    let start = offset
    do throws(PythonWireError) {
      let uid = try number(4)
      let length = try number(4)
      if rest.first == UInt8(ascii: "/") {
        return PythonMember(version: version, uid: .number(uid), address: try address(length))
      }
    } catch .addressInvalid {
      throw .addressInvalid
    } catch {
      // No four digits, or cut: the longer form needs more bytes still, and says so.
    }
    offset = start
    return PythonMember(version: version, uid: .fraction(try fraction()), address: try address(try number(4)))
  }

  /// The longest uid of an original, in bytes. Chosen here: seconds and as many decimals as a number of double
  /// precision is ever written with.
  private static var fractionLimit: Int { 24 }

  /// The uid before an address that begins at the first slash, with its length before it.
  private mutating func fraction() throws(PythonWireError) -> [UInt8] {
    let window = rest.prefix(Self.fractionLimit + 5)
    guard let slash = window.firstIndex(of: UInt8(ascii: "/")) else {
      throw window.count < Self.fractionLimit + 5 ? .truncated : .addressInvalid
    }
    let length = slash - 4 - offset
    guard length > 4 else { throw .addressInvalid }
    let uid = Array(try take(length))
    let parts = uid.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy { (0x30...0x39).contains($0) } })
    else { throw .numberInvalid }
    return uid
  }

  private mutating func address(_ length: Int) throws(PythonWireError) -> PythonMultiaddress {
    guard length <= PythonMultiaddress.textLimit else { throw .addressInvalid }
    guard let address = PythonMultiaddress(reading: Array(try take(length))) else { throw .addressInvalid }
    return address
  }
}
