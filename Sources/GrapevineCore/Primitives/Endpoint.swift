// Where a datagram comes from or goes to.

/// A UDP address: an IPv6 address, or an IPv4 address in its mapped form `::ffff:a.b.c.d`, and a port.
///
/// One fixed-size value for both families, so that tables need no allocation and comparing is four integers.
public struct Endpoint: Hashable, Sendable, BitwiseCopyable {
  /// The first eight bytes of the IPv6 address, most significant byte first.
  public var high: UInt64
  /// The last eight bytes of the IPv6 address, most significant byte first.
  public var low: UInt64
  /// The interface index of a link-local IPv6 address; 0 otherwise. Never sent to others.
  public var scope: UInt32
  /// The port in host order.
  public var port: UInt16

  /// Creates an IPv6 endpoint.
  public init(high: UInt64, low: UInt64, scope: UInt32 = 0, port: UInt16) {
    self.high = high
    self.low = low
    self.scope = scope
    self.port = port
  }

  /// Creates an IPv4 endpoint; `address` has its first octet in the most significant byte.
  public init(ipv4 address: UInt32, port: UInt16) {
    self.init(high: 0, low: 0x0000_ffff_0000_0000 | UInt64(address), port: port)
  }

  /// The IPv4 address with its first octet most significant, or nil for an IPv6 endpoint.
  public var ipv4: UInt32? {
    high == 0 && low >> 32 == 0xffff ? UInt32(truncatingIfNeeded: low) : nil
  }

  /// No address at all.
  static var zero: Endpoint { Endpoint(high: 0, low: 0, port: 0) }

  /// Whether a datagram can be addressed to it: the port and the address are not all zero, and the address is
  /// not a multicast or broadcast address.
  public var isUsable: Bool {
    guard port != 0 else { return false }
    if let ipv4 { return ipv4 != 0 && ipv4 >> 28 != 0xe && ipv4 != .max }
    return (high | low) != 0 && high >> 56 != 0xff
  }
}
