// Places among the nodes of one host that meet in a directory: how they are written, and how an endpoint stands
// for them.
//
// A node there is a number in the directory. To the protocol it must be an endpoint like any other, 16 bytes and a
// port, also on the wire and in files; so one address is set apart to mean "in the directory of this cluster", and
// the number is the port. The directory itself is no part of it: nodes in containers may see it at different paths.

import GrapevineCore

extension Endpoint {
  /// The address that stands for a directory of Unix sockets: 100::6776:756e:6978, of the block whose packets every
  /// router discards (RFC 6666), so that it never is anybody's; its last bytes are "gvunix".
  private static let unixHigh: UInt64 = 0x0100 << 48
  private static let unixLow: UInt64 = 0x6776_756e_6978

  /// The node with a number in the directory of Unix sockets that its cluster shares.
  public init(unix number: UInt16) {
    self.init(high: Self.unixHigh, low: Self.unixLow, port: number)
  }

  /// The number of a node in its cluster's directory of Unix sockets; nil for an endpoint of a network.
  public var unixNumber: UInt16? { high == Self.unixHigh && low == Self.unixLow ? port : nil }
}

/// A written place among Unix sockets: `unix:DIRECTORY/NUMBER`, `unix:DIRECTORY`, or `unix:NUMBER` for one in the
/// directory that is meant anyway.
public struct UnixAddress: Equatable, Sendable {
  /// The directory, without a slash at its end; nil when only a number was written.
  public var directory: String?
  /// The number of the node, 0 when none was written: a free one.
  public var number: UInt16

  private static let prefix = "unix:"

  /// Creates a place in a directory.
  public init(directory: String, number: UInt16 = 0) {
    self.directory = directory
    self.number = number
  }

  /// Whether a text begins as a place among Unix sockets, so that it is nothing else.
  public static func isWritten(_ text: String) -> Bool { text.hasPrefix(prefix) }

  /// Reads a place. A last part of digits alone is a number; a directory of such a name has a slash at its end.
  public init(_ text: String) throws(AddressError) {
    let rest = text.dropFirst(Self.prefix.count)
    guard Self.isWritten(text), !rest.isEmpty, !rest.unicodeScalars.contains(where: { $0.value < 0x20 })
    else {
      throw .unixInvalid(text: text)
    }
    let last = rest.split(separator: "/", omittingEmptySubsequences: false).last ?? rest
    guard !last.isEmpty, last.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      directory = Self.trimmed(rest)
      number = 0
      return
    }
    guard last.utf8.count <= 5, let number = UInt16(last) else {
      throw .portInvalid(text: text, port: String(last))
    }
    self.number = number
    directory = last.count == rest.count ? nil : Self.trimmed(rest.dropLast(last.count))
  }

  private static func trimmed(_ path: Substring) -> String {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return String(path)
  }

  /// The place as it is read.
  public var text: String {
    guard let directory else { return "\(Self.prefix)\(number)" }
    let base = directory == "/" ? "" : directory
    return number == 0 ? "\(Self.prefix)\(base)/" : "\(Self.prefix)\(base)/\(number)"
  }

  /// The endpoint of a text that is a number alone; nil when it is no place among Unix sockets.
  ///
  /// - Throws: `AddressError.unixInvalid` also where there is a directory, which an endpoint cannot keep.
  static func endpoint(_ text: String) throws(AddressError) -> Endpoint? {
    guard isWritten(text) else { return nil }
    let address = try UnixAddress(text)
    guard address.directory == nil else { throw .unixInvalid(text: text) }
    return Endpoint(unix: address.number)
  }
}
