// What a file of settings asks of a node. Reading says what is meant, and where; doing it is the node's.

/// The settings of a node as its document says them; nil where it says nothing.
///
///     server
///         timeout = 1000          # milliseconds without a sign of life until a client is forgotten; 0: never
///         verbose = 1             # 1: log what happens
///         background = 1          # 0: log to the standard output
///         limit                   # ours
///             tuples = 100000     # how many tuples are held
///             bytes = 67108864    # how many bytes their keys and values may have together
///             value = 65536       # how many bytes one value may have
///     zgossip                     # done in this order
///         echo = Starting         # logged
///         security
///             mechanism = curve   # null, plain or curve
///             domain = global
///             secret-key = node.key_secret
///         bind
///             endpoint = tcp://*:5670
///         connect                 # ours
///             endpoint = tcp://10.0.0.2:5670
///             public-key = ...    # of the node there, 40 characters, with curve only
///
/// All but what is called ours is as in CZMQ 4.2.1.
public struct ZGossipSettings: Equatable, Sendable {
  /// How long a client may be silent until it is forgotten; zero: for ever.
  public var timeout: Duration?
  /// Whether what happens is logged: `server/verbose`, or under its old name `server/animate`.
  public var isVerbose: Bool?
  /// Whether logs go to the system's log rather than to the standard output.
  public var isBackground: Bool?
  /// How many tuples are held.
  public var tupleLimit: Int?
  /// How many bytes keys and values may have together.
  public var byteLimit: Int?
  /// How many bytes one value may have.
  public var valueLimit: Int?
  /// What is to be done, in order.
  public var steps: [Step] = []
  /// What was not understood, or has no effect, in order of the lines.
  public var warnings: [Warning] = []

  /// One thing to do.
  public struct Step: Equatable, Sendable {
    /// The line that asks for it; 0 when a program did.
    public let line: Int
    /// What to do.
    public let action: Action
  }

  /// What can be done.
  public enum Action: Equatable, Sendable {
    /// Log a text.
    case echo(String)
    /// Use these keys or passwords from now on; a nil domain is the node's default.
    case security(Security, domain: String?)
    /// Listen.
    case bind(endpoint: String)
    /// Connect to the node there, whose public key is needed with CURVE.
    case connect(endpoint: String, publicKey: String?)
  }

  /// How peers prove who they are.
  public enum Security: Equatable, Sendable {
    /// Not at all.
    case null
    /// With a name and a password.
    case plain
    /// With keys; ours are in a certificate file.
    case curve(secretKeyFile: String)
  }

  /// Something that does no harm, but that the author did not mean.
  public struct Warning: Equatable, Sendable {
    /// The line, from 1; 0 when it is about what a program set.
    public let line: Int
    /// What it is.
    public let text: String
  }

  /// Creates settings that say nothing.
  public init() {}

  /// Reads the settings out of a document.
  ///
  /// Of several items of a name the first counts, but in `zgossip`, where each is a step.
  ///
  /// - Throws: when a value cannot be what it stands for.
  public init(_ document: ZPLDocument) throws(ZPLError) {
    self.init()
    warn(document.children, known: ["server", "zgossip"], in: "")
    if let server = document.first("server") { try readServer(server) }
    for item in document.first("zgossip")?.children ?? [] { try readStep(item) }
    warnings.sort { $0.line < $1.line }
  }
}

// MARK: Sections

extension ZGossipSettings {
  private mutating func readServer(_ server: ZPLItem) throws(ZPLError) {
    warn(server.children, known: ["timeout", "verbose", "animate", "background", "limit"], in: "server/")
    if let item = server.first("timeout") {
      timeout = .milliseconds(try number(item, "milliseconds, 0 for never", 0...Int(Int32.max)))
    }
    // The old name counts when the new one is not there.
    if let item = server.first("verbose") ?? server.first("animate") { isVerbose = try flag(item) }
    if let item = server.first("background") { isBackground = try flag(item) }
    if let limit = server.first("limit") {
      warn(limit.children, known: ["tuples", "bytes", "value"], in: "server/limit/")
      if let item = limit.first("tuples") { tupleLimit = try number(item, "tuples", 1...Int(Int32.max)) }
      if let item = limit.first("bytes") { byteLimit = try number(item, "bytes", 1...Int(1) << 40) }
      if let item = limit.first("value") { valueLimit = try number(item, "bytes", 1...Int(Int32.max)) }
    }
    for item in server.children where item.name != "limit" {
      warn(item.children, known: [], in: item.name + "/")
    }
  }

  private mutating func readStep(_ item: ZPLItem) throws(ZPLError) {
    let inside = "zgossip/\(item.name)/"
    switch item.name {
    case "echo":
      warn(item.children, known: [], in: inside)
      steps.append(Step(line: item.line, action: .echo(item.value)))
    case "bind":
      warn(item.children, known: ["endpoint"], in: inside)
      steps.append(Step(line: item.line, action: .bind(endpoint: try text("endpoint", of: item))))
    case "connect":
      warn(item.children, known: ["endpoint", "public-key"], in: inside)
      let action = Action.connect(endpoint: try text("endpoint", of: item), publicKey: try publicKey(item))
      steps.append(Step(line: item.line, action: action))
    case "security":
      warn(item.children, known: ["mechanism", "domain", "secret-key"], in: inside)
      let action = Action.security(try security(item), domain: item.first("domain")?.value)
      steps.append(Step(line: item.line, action: action))
    default:
      warnings.append(
        Warning(
          line: item.line,
          text: "zgossip/\(item.name) is unknown and ignored; known are echo, bind, connect, security"))
    }
  }

  private func security(_ item: ZPLItem) throws(ZPLError) -> Security {
    guard let mechanism = item.first("mechanism") else { return .null }
    switch mechanism.value {
    case "null": return .null
    case "plain": return .plain
    case "curve": return .curve(secretKeyFile: try text("secret-key", of: item))
    default: throw wrong(mechanism, "is null, plain or curve")
    }
  }

  private func publicKey(_ item: ZPLItem) throws(ZPLError) -> String? {
    guard let key = item.first("public-key") else { return nil }
    // Z85 (ZeroMQ RFC 32): five characters for four bytes of 32.
    guard key.value.utf8.count == 40, key.value.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
      throw wrong(key, "is a key of 40 characters")
    }
    return key.value
  }
}

// MARK: Values

extension ZGossipSettings {
  /// Says what of `items` has no effect. An item is known by its first appearance only.
  private mutating func warn(_ items: [ZPLItem], known: [String], in path: String) {
    var seen: Set<String> = []
    for item in items {
      if !known.contains(item.name) {
        let allowed =
          known.isEmpty ? "nothing is known below it" : "known are \(known.joined(separator: ", "))"
        warnings.append(
          Warning(line: item.line, text: "\(path)\(item.name) is unknown and ignored; \(allowed)"))
      } else if !seen.insert(item.name).inserted {
        warnings.append(
          Warning(line: item.line, text: "\(path)\(item.name) is there twice; only the first counts"))
      }
    }
  }

  private func number(
    _ item: ZPLItem, _ unit: String, _ range: ClosedRange<Int>
  ) throws(ZPLError) -> Int {
    guard item.value.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(item.value),
      range.contains(number)
    else { throw wrong(item, "is a number of \(unit), from \(range.lowerBound) to \(range.upperBound)") }
    return number
  }

  private func flag(_ item: ZPLItem) throws(ZPLError) -> Bool {
    switch item.value {
    case "1": return true
    case "0": return false
    default: throw wrong(item, "is 1 or 0")
    }
  }

  private func text(_ name: String, of item: ZPLItem) throws(ZPLError) -> String {
    guard let value = item.first(name)?.value, !value.isEmpty else {
      throw ZPLError(
        line: item.line, "\(item.name) has no \(name); put `\(name) = ...` below it, four spaces deeper")
    }
    return value
  }

  private func wrong(_ item: ZPLItem, _ rule: String) -> ZPLError {
    ZPLError(line: item.line, "\(item.name) \(rule), and not `\(item.value.prefix(60))`")
  }
}

extension ZPLItem {
  /// The first item of that name below this one.
  fileprivate func first(_ name: String) -> ZPLItem? { children.first { $0.name == name } }
}
