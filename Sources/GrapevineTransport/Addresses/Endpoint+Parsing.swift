// Reading written addresses, strictly: what is not fully understood is refused, never guessed.
//
// A text is first cut into host, port and interface (`AddressParts`), which needs no system; then a numeric
// host becomes an endpoint here, and a name becomes endpoints in `Endpoint+Resolving.swift`.

import GrapevineCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension Endpoint {
  /// Reads a numeric address: `host:port`, `[v6]:port`, `[fe80::1%eth0]:port`, `/ip4/…/udp/port`,
  /// `/ip6/…/udp/port`, `/ip6zone/eth0/ip6/…/udp/port` or `/ip/…/port/port`; or `unix:NUMBER`, a node of a
  /// directory of Unix sockets (`UnixAddress`).
  ///
  /// It looks up no names and never blocks; `resolve` does both.
  ///
  /// - Parameter text: At most 512 bytes of printable ASCII.
  public init(_ text: String) throws(AddressError) {
    if let endpoint = try UnixAddress.endpoint(text) {
      self = endpoint
      return
    }
    let parts = try AddressParts(text)
    guard let endpoint = try parts.numericEndpoint() else { throw .hostInvalid(text: text, host: parts.host) }
    self = endpoint
  }
}

/// A written address, cut into its parts.
struct AddressParts {
  /// The families that a multiaddress allows for its host.
  enum Family { case any, ipv4, ipv6 }

  let text: String
  var host: String
  var interface: String?
  var port: UInt16
  var family = Family.any
  var mayBeName = true

  /// The longest text read, in bytes. Chosen here: a host name has at most 253.
  static let textLimit = 512

  init(_ text: String) throws(AddressError) {
    guard !text.isEmpty, text.utf8.count <= Self.textLimit,
      text.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
    else { throw .malformed(text: text) }
    self.text = text
    if text.hasPrefix("/") {
      (host, interface, port, family, mayBeName) = try Self.multiaddress(text)
    } else {
      (host, interface, port) = try Self.hostAndPort(text)
    }
    guard !host.isEmpty else { throw .malformed(text: text) }
  }

  /// Cuts `host:port`, `[v6]:port` and `[v6%interface]:port`.
  private static func hostAndPort(_ text: String) throws(AddressError) -> (String, String?, UInt16) {
    guard let colon = text.lastIndex(of: ":") else { throw .portMissing(text: text) }
    var host = text[..<colon]
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
    // A colon in the host without brackets: an IPv6 address whose last group would be taken for a port.
    guard isBracketed || !host.contains(where: { ":[]".contains($0) }) else { throw .portMissing(text: text) }
    let port = try number(text[text.index(after: colon)...], in: text)
    guard isBracketed else { return (String(host), nil, port) }
    host = host.dropFirst().dropLast()
    guard host.contains(":") else { throw .hostInvalid(text: text, host: String(host)) }
    guard let percent = host.firstIndex(of: "%") else { return (String(host), nil, port) }
    return (String(host[..<percent]), String(host[host.index(after: percent)...]), port)
  }

  private static func multiaddress(
    _ text: String
  ) throws(AddressError) -> (String, String?, UInt16, Family, Bool) {
    var parts = text.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    // A slash at the end says nothing more.
    if parts.last == "" { parts = parts.dropLast() }
    func take() throws(AddressError) -> Substring {
      guard let part = parts.popFirst(), !part.isEmpty else { throw .malformed(text: text) }
      return part
    }
    var kind = try take()
    var interface: String?
    if kind == "ip6zone" {
      interface = String(try take())
      kind = try take()
      guard kind == "ip6" else { throw .multiaddressInvalid(text: text, part: String(kind)) }
    }
    let host = String(try take())
    let (family, mayBeName): (Family, Bool)
    switch kind {
    case "ip4": (family, mayBeName) = (.ipv4, false)
    case "ip6": (family, mayBeName) = (.ipv6, false)
    case "dns4": (family, mayBeName) = (.ipv4, true)
    case "dns6": (family, mayBeName) = (.ipv6, true)
    case "dns", "ip": (family, mayBeName) = (.any, true)
    default: throw .multiaddressInvalid(text: text, part: String(kind))
    }
    guard let carrier = parts.popFirst() else { throw .portMissing(text: text) }
    guard carrier == (kind == "ip" ? "port" : "udp") else {
      throw .multiaddressInvalid(text: text, part: String(carrier))
    }
    guard let digits = parts.popFirst() else { throw .portMissing(text: text) }
    let port = try number(digits, in: text)
    if let rest = parts.first { throw .multiaddressInvalid(text: text, part: String(rest)) }
    return (host, interface, port, family, mayBeName)
  }

  /// A port: one to five digits, at most 65535; no sign, no space.
  private static func number(_ digits: Substring, in text: String) throws(AddressError) -> UInt16 {
    guard !digits.isEmpty else { throw .portMissing(text: text) }
    guard digits.utf8.count <= 5, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let port = UInt16(digits)
    else { throw .portInvalid(text: text, port: String(digits)) }
    return port
  }

  /// The endpoint, or nil when the host is not numeric.
  func numericEndpoint() throws(AddressError) -> Endpoint? {
    var four = in_addr()
    if family != .ipv6, interface == nil, inet_pton(AF_INET, host, &four) == 1 {
      return Endpoint(ipv4: UInt32(bigEndian: four.s_addr), port: port)
    }
    var six = in6_addr()
    guard family != .ipv4, inet_pton(AF_INET6, host, &six) == 1 else {
      if mayBeName, interface == nil { return nil }
      throw .hostInvalid(text: text, host: host)
    }
    var endpoint = Endpoint(six, port: port)
    if let interface {
      endpoint.scope = try scope(named: interface, of: endpoint)
    }
    return endpoint
  }

  private func scope(named name: String, of endpoint: Endpoint) throws(AddressError) -> UInt32 {
    guard endpoint.isLinkLocal else { throw .interfaceInvalid(text: text, interface: name) }
    let index = if_nametoindex(name)
    if index != 0 { return index }
    // The number of an interface, as printed when it had lost its name.
    guard name.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt32(name), number != 0 else {
      throw .interfaceInvalid(text: text, interface: name)
    }
    return number
  }
}
