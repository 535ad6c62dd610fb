// What is wrong with a written address.

/// Why a text is not the address of an endpoint, or not one that will do.
public enum AddressError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The text is empty, longer than 512 bytes, or holds a byte that no address has.
  case malformed(text: String)
  /// No port follows the host.
  case portMissing(text: String)
  /// The port is not a number from 0 to 65535 written in digits.
  case portInvalid(text: String, port: String)
  /// The host is not a numeric address, and `Endpoint.init` looks up no names.
  case hostInvalid(text: String, host: String)
  /// The part behind `%` names no interface of this machine, or stands behind an address that needs none.
  case interfaceInvalid(text: String, interface: String)
  /// The multiaddress has a part that is not understood or not at its place.
  case multiaddressInvalid(text: String, part: String)
  /// The name service gave no address for the host; `reason` is what it said.
  case unresolved(text: String, host: String, reason: String)
  /// The address is well written, but no datagram can be sent to it: it stands for all or many addresses.
  case unreachable(text: String)
  /// The text begins as a place among Unix sockets and goes on as none, or as none of this use.
  case unixInvalid(text: String)
  /// The address is among Unix sockets and the node is not, or the other way round.
  case otherKind(text: String)
  /// The address is among the Unix sockets of another directory than that of the node.
  case otherDirectory(text: String, directory: String)

  /// One sentence that says what was got and what would do.
  public var description: String {
    switch self {
    case .malformed(let text):
      "\(quoted(text)) is not an address: write host:port, such as 127.0.0.1:7946 or [::1]:7946"
    case .portMissing(let text):
      "\(quoted(text)) has no port: write host:port, with an IPv6 address in brackets, as in [::1]:7946"
    case .portInvalid(let text, let port):
      "port \(quoted(port)) in \(quoted(text)) must be digits from 0 to 65535"
    case .hostInvalid(let text, let host):
      "host \(quoted(host)) in \(quoted(text)) is not a numeric address: write one, or resolve the name first"
    case .interfaceInvalid(let text, let interface):
      "interface \(quoted(interface)) in \(quoted(text)) does not fit: "
        + "name one that `ip link` lists, behind an address of fe80::/10 only"
    case .multiaddressInvalid(let text, let part):
      "part \(quoted(part)) of \(quoted(text)) is not understood: write /ip4/127.0.0.1/udp/7946, "
        + "/ip6/::1/udp/7946, /dns/localhost/udp/7946 or /ip/127.0.0.1/port/7946"
    case .unresolved(let text, let host, let reason):
      "host \(quoted(host)) in \(quoted(text)) has no address: \(reason)"
    case .unreachable(let text):
      "\(quoted(text)) is not where others can send to: write the address of one machine and its port"
    case .unixInvalid(let text):
      "\(quoted(text)) is not a place among Unix sockets: write unix:DIRECTORY or unix:DIRECTORY/NUMBER to bind and "
        + "to join, such as unix:/run/user/1000/cluster/1, and unix:NUMBER for a member"
    case .otherKind(let text):
      "\(quoted(text)) is of the wrong kind: nodes on Unix sockets reach unix:DIRECTORY/NUMBER, those of a network "
        + "host:port, and neither the others"
    case .otherDirectory(let text, let directory):
      "\(quoted(text)) is in another directory than this node, which is in \(quoted(directory)): "
        + "only nodes of one directory reach each other"
    }
  }

  /// The text in quotes: at most 80 characters of it, what cannot be printed replaced.
  private func quoted(_ text: String) -> String {
    var shown = "\""
    for scalar in text.unicodeScalars.prefix(80) {
      shown.unicodeScalars.append(scalar.value < 0x20 || scalar.value == 0x7f ? "?" : scalar)
    }
    return shown + (text.unicodeScalars.count > 80 ? "…\"" : "\"")
  }
}
