// Writing a datagram of gossip_python. No number leaves here that would not fit its field, since the original
// would take what follows for something else.

import GrapevineCore

extension PythonDatagram {
  /// The datagram's bytes.
  public var bytes: [UInt8] {
    var output = Self.header(message.type, reserved: reserved, sequence: sequence)
    message.writeBody(to: &output)
    return output
  }

  /// The eight bytes that every datagram begins with.
  static func header(_ type: PythonMessageType, reserved: Int = 0, sequence: Int) -> [UInt8] {
    var output: [UInt8] = []
    output.write(type.rawValue, width: 2)
    output.write(reserved, width: 2)
    output.write(sequence, width: 4)
    return output
  }
}

extension PythonMessage {
  /// Its type.
  public var type: PythonMessageType {
    switch self {
    case .hello: .hello
    case .welcome: .welcome
    case .memberList: .memberList
    case .acknowledgement: .acknowledgement
    case .data: .data
    case .status: .status
    }
  }

  /// What follows the header.
  var body: [UInt8] {
    var output: [UInt8] = []
    writeBody(to: &output)
    return output
  }

  func writeBody(to output: inout [UInt8]) {
    switch self {
    case .hello(let member): output.write(member)
    case .welcome(let echo, let member):
      output.write(echo)
      output.write(member)
    case .memberList(let members):
      output.write(members.count)
      for member in members { output.write(member) }
    case .acknowledgement(let number): output.write(number)
    case .data(let record, let payload):
      output.write(record)
      output.write(payload.count)
      output += payload
    case .status(let clock):
      output.write(clock.index)
      output.write(clock.records.count)
      for record in clock.records { output.write(record) }
    }
  }
}

extension [UInt8] {
  /// Writes a number with zeros before it; one that does not fit becomes the largest that does.
  fileprivate mutating func write(_ value: Int, width: Int = 4) {
    let limit = width == 2 ? 99 : 9_999
    let digits = String(Swift.min(Swift.max(value, 0), limit)).utf8
    append(contentsOf: repeatElement(0x30, count: width - digits.count))
    append(contentsOf: digits)
  }

  fileprivate mutating func write(_ member: PythonMember) {
    write(member.version)
    switch member.uid {
    case .number(let number): write(number)
    case .fraction(let text): append(contentsOf: text)
    }
    write(member.address.text.count)
    append(contentsOf: member.address.text)
  }

  fileprivate mutating func write(_ record: PythonRecord) {
    write(record.sequence)
    write(record.id.count)
    append(contentsOf: record.id)
  }
}
