// How an endpoint is written.
//
// IPv6 follows RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups as `::`. So
// one endpoint has one text, and texts can be compared by eye.

import GrapevineCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension Endpoint {
  /// The endpoint as `127.0.0.1:7946`, `[::1]:7946`, `[fe80::1%eth0]:7946` or, among Unix sockets, `unix:5`;
  /// `Endpoint.init` reads it back.
  public var text: String {
    if let unixNumber { return "unix:\(unixNumber)" }
    if ipv4 != nil { return "\(addressText):\(port)" }
    return scope == 0 ? "[\(addressText)]:\(port)" : "[\(addressText)%\(scopeText)]:\(port)"
  }

  /// The endpoint as `/ip4/127.0.0.1/udp/7946`, `/ip6/::1/udp/7946` or `/ip6zone/eth0/ip6/fe80::1/udp/7946`;
  /// among Unix sockets, which have no such form, as `text`.
  public var multiaddress: String {
    if unixNumber != nil { return text }
    if ipv4 != nil { return "/ip4/\(addressText)/udp/\(port)" }
    let zone = scope == 0 ? "" : "/ip6zone/\(scopeText)"
    return "\(zone)/ip6/\(addressText)/udp/\(port)"
  }

  /// The address alone, as `127.0.0.1` or `fe80::1`: no port, brackets or interface.
  public var addressText: String {
    if let ipv4 {
      return "\(ipv4 >> 24).\(ipv4 >> 16 & 0xff).\(ipv4 >> 8 & 0xff).\(ipv4 & 0xff)"
    }
    let zeros = longestZeroRun
    var text = ""
    var index = 0
    while index < 8 {
      if index == zeros.lowerBound, !zeros.isEmpty {
        text += "::"
        index = zeros.upperBound
        continue
      }
      if !text.isEmpty, !text.hasSuffix(":") { text += ":" }
      text += String(group(index), radix: 16)
      index += 1
    }
    return text
  }

  /// The 16-bit group at `index`, 0 to 7, the leftmost first.
  private func group(_ index: Int) -> UInt64 {
    (index < 4 ? high : low) >> UInt64(48 - 16 * (index & 3)) & 0xffff
  }

  /// The first of the longest runs of zero groups; empty when none has two groups.
  private var longestZeroRun: Range<Int> {
    var longest = 0..<0
    var start = 0
    for index in 0...8 where index == 8 || group(index) != 0 {
      if index - start > max(longest.count, 1) { longest = start..<index }
      start = index + 1
    }
    return longest
  }

  /// The name of the interface, or its number when no interface has it.
  private var scopeText: String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(IF_NAMESIZE)) { name in
      guard let base = name.baseAddress, if_indextoname(scope, base) != nil else { return String(scope) }
      return String(cString: base)
    }
  }
}
