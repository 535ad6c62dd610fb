// How members tell each other where others are.
//
//   id(8)  family(1): 4 or 6  address(4 or 16)  port(2)

/// A member and where it was last heard of.
struct PeerRecord: BitwiseCopyable, Equatable {
  var id: UInt64
  var endpoint: Endpoint

  /// The greatest number of bytes a record takes.
  static let lengthLimit = 8 + 1 + 16 + 2
  /// Records in one message; more are not read. Chosen here: fits any datagram, fills a passive view in
  /// rounds.
  static let countLimit = 8

  init(id: UInt64, endpoint: Endpoint) {
    self.id = id
    self.endpoint = endpoint
  }

  init(from cursor: inout Cursor) throws(DecodeError) {
    id = try cursor.read(UInt64.self)
    switch try cursor.read(UInt8.self) {
    case 4:
      endpoint = Endpoint(ipv4: try cursor.read(UInt32.self), port: try cursor.read(UInt16.self))
    case 6:
      let high = try cursor.read(UInt64.self)
      let low = try cursor.read(UInt64.self)
      endpoint = Endpoint(high: high, low: low, port: try cursor.read(UInt16.self))
    default:
      throw .outOfRange
    }
    guard id != 0 else { throw .outOfRange }
  }

  /// The number of bytes that `write` writes.
  var length: Int { endpoint.ipv4 == nil ? Self.lengthLimit : Self.lengthLimit - 12 }

  func write(to writer: inout Writer) {
    writer.write(id)
    if let ipv4 = endpoint.ipv4 {
      writer.write(UInt8(4))
      writer.write(ipv4)
    } else {
      writer.write(UInt8(6))
      writer.write(endpoint.high)
      writer.write(endpoint.low)
    }
    writer.write(endpoint.port)
  }
}
