// Opening a socket at an address, and saying clearly why it cannot be opened.

import GrapevineCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A bound, non-blocking socket that is closed when dropped, until `release` hands its descriptor on.
struct BoundSocket: ~Copyable {
  let descriptor: Int32
  let family: Int32

  /// Opens a socket of datagrams, or of streams, and binds it.
  init(bind endpoint: Endpoint, isStream: Bool = false) throws(TransportError) {
    family = endpoint.ipv4 == nil ? AF_INET6 : AF_INET
    descriptor = socket(
      family, isStream ? SystemCalls.streamSocketType : SystemCalls.datagramSocketType, 0)
    guard descriptor >= 0 else {
      throw errno == EAFNOSUPPORT ? .familyNotSupported(endpoint) : .system(call: "socket", error: errno)
    }
    guard endpoint.unixNumber == nil else { throw .address(.otherKind(text: endpoint.text)) }
    guard SystemCalls.prepare(descriptor) else { throw .system(call: "fcntl", error: errno) }
    if family == AF_INET6 {
      // Some systems bind `::` to IPv6 alone unless told; a system that cannot do both still does IPv6.
      var off: Int32 = 0
      setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &off, socklen_t(MemoryLayout<Int32>.size))
    }
    // Connections of an earlier run that linger must not keep the next one from its port: both runs have to say so.
    if isStream, endpoint.port != 0 { SystemCalls.turnOn(descriptor, SOL_SOCKET, SO_REUSEADDR) }
    let error = Self.bind(descriptor, to: endpoint, family: family)
    guard error == 0 else { throw Self.explain(error, endpoint) }
    // Only now, or the system might choose a port that another such socket has.
    if isStream, endpoint.port == 0 { SystemCalls.turnOn(descriptor, SOL_SOCKET, SO_REUSEADDR) }
  }

  /// Opens a Unix socket of streams, bound to a path if one is given.
  ///
  /// - Throws: `TransportError.system`, with `EADDRINUSE` when there is something at the path.
  init(unix path: String?) throws(TransportError) {
    family = AF_UNIX
    descriptor = socket(AF_UNIX, SystemCalls.streamSocketType, 0)
    guard descriptor >= 0 else { throw .system(call: "socket", error: errno) }
    guard SystemCalls.prepare(descriptor) else { throw .system(call: "fcntl", error: errno) }
    guard let path else { return }
    let error = UnixPath.with(path) { Self.bind(descriptor, $0, $1) }
    guard error == 0 else { throw .system(call: "bind to \(path)", error: error) }
  }

  deinit {
    close(descriptor)
  }

  /// Hands the descriptor to the caller, who must close it.
  consuming func release() -> Int32 {
    let descriptor = descriptor
    discard self
    return descriptor
  }

  /// Returns 0 or the error number.
  private static func bind(_ descriptor: Int32, to endpoint: Endpoint, family: Int32) -> Int32 {
    withSocketAddress { address in
      let length = endpoint.write(to: address, family: family)
      return bind(descriptor, address.assumingMemoryBound(to: sockaddr.self), length)
    }
  }

  /// The system's call, which the function above hides; 0 or the error number.
  private static func bind(
    _ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ length: socklen_t
  ) -> Int32 {
    #if canImport(Glibc)
      let result = Glibc.bind(descriptor, address, length)
    #elseif canImport(Musl)
      let result = Musl.bind(descriptor, address, length)
    #else
      let result = Darwin.bind(descriptor, address, length)
    #endif
    return result == 0 ? 0 : errno
  }

  private static func explain(_ error: Int32, _ endpoint: Endpoint) -> TransportError {
    switch error {
    case EADDRINUSE: .addressInUse(endpoint)
    case EINVAL where endpoint.isLinkLocal, ENODEV: .interfaceMissing(endpoint)
    case EADDRNOTAVAIL: .addressNotAvailable(endpoint)
    case EACCES, EPERM: .notPermitted(endpoint)
    default: .system(call: "bind to \(endpoint.text)", error: error)
    }
  }

  /// The first endpoint that can be bound, or the last, whose error then tells why.
  static func firstBindable(of endpoints: [Endpoint]) -> Endpoint {
    for endpoint in endpoints.dropLast() {
      if (try? BoundSocket(bind: endpoint)) != nil { return endpoint }
    }
    return endpoints.last ?? Endpoint(high: 0, low: 0, port: 0)
  }

  /// Where the socket is bound.
  func boundEndpoint() throws(TransportError) -> Endpoint {
    let descriptor = descriptor
    let endpoint = Self.withSocketAddress { address in
      var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
      let result = getsockname(descriptor, address.assumingMemoryBound(to: sockaddr.self), &length)
      return result == 0 ? Endpoint(socketAddress: address) : nil
    }
    guard let endpoint else { throw .system(call: "getsockname", error: errno) }
    return endpoint
  }

  private static func withSocketAddress<Result>(_ body: (UnsafeMutableRawPointer) -> Result) -> Result {
    var address = sockaddr_in6()
    return withUnsafeMutablePointer(to: &address) { body(UnsafeMutableRawPointer($0)) }
  }

  /// Asks for a buffer of `bytes` bytes and returns what was granted.
  func setBuffer(_ option: Int32, bytes: Int) -> Int {
    var value = Int32(clamping: max(0, bytes))
    var length = socklen_t(MemoryLayout<Int32>.size)
    setsockopt(descriptor, SOL_SOCKET, option, &value, length)
    value = 0
    getsockopt(descriptor, SOL_SOCKET, option, &value, &length)
    return Int(value)
  }
}
