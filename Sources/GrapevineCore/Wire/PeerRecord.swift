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
    endpoint = try cursor.readEndpoint()
    guard id != 0 else { throw .outOfRange }
  }

  /// The number of bytes that `write` writes.
  var length: Int { endpoint.ipv4 == nil ? Self.lengthLimit : Self.lengthLimit - 12 }

  func write(to writer: inout Writer) {
    writer.write(id)
    writer.write(endpoint: endpoint)
  }
}
