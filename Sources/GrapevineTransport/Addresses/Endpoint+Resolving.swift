// From names to endpoints.

import GrapevineCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension Endpoint {
  /// Reads an address whose host may be a name: what `Endpoint.init` reads, and `name:port`,
  /// `/dns/name/udp/port`, `/dns4/…`, `/dns6/…`.
  ///
  /// It may block for as long as the system's name service does, seconds at worst: never call it on a thread
  /// that must not wait. Numeric addresses do not block.
  ///
  /// - Returns: At least one and at most 16 endpoints, each once, in the order of the name service.
  public static func resolve(_ text: String) throws(AddressError) -> [Endpoint] {
    if let endpoint = try UnixAddress.endpoint(text) { return [endpoint] }
    let parts = try AddressParts(text)
    if let endpoint = try parts.numericEndpoint() { return [endpoint] }
    return try parts.lookUp()
  }
}

extension AddressParts {
  /// The endpoints taken from one name. Chosen here: more than any cluster's entry name needs.
  static let endpointLimit = 16

  /// Asks the name service.
  func lookUp() throws(AddressError) -> [Endpoint] {
    var hints = addrinfo()
    hints.ai_family =
      switch family {
      case .any: AF_UNSPEC
      case .ipv4: AF_INET
      case .ipv6: AF_INET6
      }
    hints.ai_socktype = SystemCalls.datagramSocketType
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, nil, &hints, &list)
    guard status == 0 else {
      throw .unresolved(text: text, host: host, reason: String(cString: gai_strerror(status)))
    }
    defer { freeaddrinfo(list) }
    var found: [Endpoint] = []
    var entry = list
    while let current = entry, found.count < Self.endpointLimit {
      if let address = current.pointee.ai_addr,
        var endpoint = Endpoint(socketAddress: UnsafeRawPointer(address))
      {
        endpoint.port = port
        if !found.contains(endpoint) { found.append(endpoint) }
      }
      entry = current.pointee.ai_next
    }
    guard !found.isEmpty else { throw .unresolved(text: text, host: host, reason: "it has no IP address") }
    return found
  }
}
