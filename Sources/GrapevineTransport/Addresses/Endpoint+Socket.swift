// Between endpoints and the system's socket addresses.

import GrapevineCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension Endpoint {
  /// Whether the address is of fe80::/10, so that only together with an interface it names one place.
  var isLinkLocal: Bool { high >> 54 == 0xfe80 >> 6 }

  /// Takes an IPv6 address in network order.
  init(_ address: in6_addr, scope: UInt32 = 0, port: UInt16) {
    let (high, low) = withUnsafeBytes(of: address) { bytes in
      (bytes.loadUnaligned(as: UInt64.self), bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }
    self.init(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low), port: port)
    if isLinkLocal { self.scope = scope }
  }

  /// Reads a socket address of the system, which holds as many bytes as its family says; nil for families
  /// other than IPv4 and IPv6.
  init?(socketAddress address: UnsafeRawPointer) {
    switch Int32(address.loadUnaligned(as: sockaddr.self).sa_family) {
    case AF_INET:
      let four = address.loadUnaligned(as: sockaddr_in.self)
      self.init(ipv4: UInt32(bigEndian: four.sin_addr.s_addr), port: UInt16(bigEndian: four.sin_port))
    case AF_INET6:
      let six = address.loadUnaligned(as: sockaddr_in6.self)
      self.init(six.sin6_addr, scope: six.sin6_scope_id, port: UInt16(bigEndian: six.sin6_port))
    default:
      return nil
    }
  }

  /// Writes the address for a socket of the given family; there must be room for a `sockaddr_in6`.
  ///
  /// A socket of IPv6 takes IPv4 addresses in mapped form. A socket of IPv4 given an IPv6 address gets just
  /// that, and refuses it when it sends.
  ///
  /// - Returns: The bytes written.
  func write(to address: UnsafeMutableRawPointer, family: Int32) -> socklen_t {
    if family == AF_INET, let ipv4 {
      var four = sockaddr_in()
      #if canImport(Darwin)
        four.sin_len = UInt8(MemoryLayout<sockaddr_in>.size)
      #endif
      four.sin_family = sa_family_t(AF_INET)
      four.sin_port = port.bigEndian
      four.sin_addr.s_addr = ipv4.bigEndian
      address.storeBytes(of: four, as: sockaddr_in.self)
      return socklen_t(MemoryLayout<sockaddr_in>.size)
    }
    var six = sockaddr_in6()
    #if canImport(Darwin)
      six.sin6_len = UInt8(MemoryLayout<sockaddr_in6>.size)
    #endif
    six.sin6_family = sa_family_t(AF_INET6)
    six.sin6_port = port.bigEndian
    six.sin6_scope_id = scope
    withUnsafeMutableBytes(of: &six.sin6_addr) { bytes in
      bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
      bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
    }
    address.storeBytes(of: six, as: sockaddr_in6.self)
    return socklen_t(MemoryLayout<sockaddr_in6>.size)
  }
}
