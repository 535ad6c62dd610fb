// Where datagrams can be sent from where: a node of the original that is told of an address to which its system
// refuses to send stops there for ever, so such addresses are neither kept nor passed on.

import GrapevineCore

/// What is known of an address without asking the system.
enum PittacusReach {
  /// Whether it is an address of one host: not of this network (0/8, RFC 1122 section 3.2.1.3), not reserved (240/4,
  /// RFC 1112 section 4) and not the broadcast address of a network with an 8-bit prefix.
  static func isOrdinary(_ endpoint: Endpoint) -> Bool {
    guard endpoint.isUsable else { return false }
    guard let ipv4 = endpoint.ipv4 else { return true }
    return ipv4 >> 24 != 0 && ipv4 >> 28 != 0xf && ipv4 & 0xff_ffff != 0xff_ffff
  }

  /// Whether datagrams go from one address to the other: of one family, and both or neither on the loopback.
  static func isReachable(_ endpoint: Endpoint, from own: Endpoint) -> Bool {
    isOrdinary(endpoint) && (endpoint.ipv4 == nil) == (own.ipv4 == nil)
      && isLoopback(endpoint) == isLoopback(own)
  }

  /// 127/8 and ::1.
  private static func isLoopback(_ endpoint: Endpoint) -> Bool {
    if let ipv4 = endpoint.ipv4 { return ipv4 >> 24 == 127 }
    return endpoint.high == 0 && endpoint.low == 1
  }
}
