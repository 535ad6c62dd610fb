// What an agent's options mean for the node, and what they may not be together.

import Grapevine
import GrapevineConsole
import GrapevineCore
import GrapevineSecurity
import GrapevineStore
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What an agent was asked to be.
struct AgentOptions: Sendable {
  var node: GossipNode.Configuration
  var contacts: [String]
  var level: DeliveryLevel
  /// The topics that the agent hears.
  var topics: [String]
  var exitsAtEnd: Bool
  var isJSON: Bool
  var printsMembers: Bool
  var control: Control
  /// The command that answers questions; nil when none does.
  var answerCommand: String?
  /// The file of the keys that seal; nil when nothing is sealed.
  var keyFile: String?
  /// The file of the identity that signs what the agent says of itself; nil when nothing is signed.
  var identityFile: String?
  /// What is sent and accepted with keys.
  var policy = PlaintextPolicy.sealedOnly

  /// Where the agent can be asked.
  enum Control: Equatable {
    /// Nowhere.
    case none
    /// Where `grapevine members` looks, if that can be.
    case standard
    /// At this socket.
    case path(String)
  }

  init(_ arguments: Arguments) throws(UsageError) {
    var core = Configuration()
    core.clusterName = arguments.text("--cluster")
    core.joinTimeout = .milliseconds(Int(arguments.real("--join-timeout") * 1_000))
    switch arguments.text("--overlay") {
    case "scamp": (core.overlay, core.viewCapacity) = (.scamp(ScampRules()), 56)
    case "full": (core.overlay, core.viewCapacity) = (.full, 56)
    default: break
    }
    if arguments.has("--view") {
      core.viewTarget = arguments.integer("--view")
      core.viewCapacity = core.viewTarget
    }
    let usual = arguments.has("--fanout") && !arguments.has("--broadcast") ? "eager" : "plumtree"
    switch arguments.has("--broadcast") ? arguments.text("--broadcast") : usual {
    case "eager": core.broadcast = .eager
    case "rumour": core.broadcast = .rumour(RumourRules())
    default: break
    }
    core.fanout = arguments.integer("--fanout")
    core.membership = try Self.membership(arguments)
    core.tuples = try Self.tuples(arguments)
    topics = arguments.list("--topic")
    for topic in topics {
      if let fault = TalkWords.fault(ofTopic: topic) { throw AgentCommand.table.failure("--topic \(fault)") }
    }
    // As many as the user wants, up to what the option has: a node's own limit is for what programs do.
    core.order.topics = max(core.order.topics, topics.count)
    node = .init(bind: arguments.text("--bind"), core: core)
    node.injectedLoss = arguments.real("--loss")
    switch arguments.text("--transport") {
    case "tcp": node.transport = .tcp
    case "auto": node.transport = .udpOrTCP
    case "unix": node.transport = .unix
    default: break
    }
    contacts = arguments.list("--join")
    level = arguments.text("--level") == "reliable" ? .reliable : .bestEffort
    exitsAtEnd = arguments.has("--exit-at-end")
    isJSON = arguments.has("--json")
    printsMembers = !arguments.has("--no-member-events")
    answerCommand = arguments.has("--answer") ? arguments.text("--answer") : nil
    switch arguments.text("--control") {
    case "": control = .standard
    case "none": control = .none
    case let path: control = .path(path)
    }
    if arguments.has("--data") {
      guard !arguments.text("--data").isEmpty else {
        throw AgentCommand.table.failure("--data is empty; it must be a directory")
      }
      node.dataDirectory = arguments.text("--data")
      node.tupleStorage = SQLiteTupleStorage(path: arguments.text("--data") + "/tuples.sqlite")
    }
    try readSealing(arguments)
    try Self.check("--bind", node.bind)
    try checkKind(arguments)
    if arguments.has("--advertise") {
      node.advertise = arguments.text("--advertise")
      try Self.check("--advertise", arguments.text("--advertise"))
    }
    if case .path(let path) = control {
      do throws(ControlFailure) {
        try UnixSocket.check(path: path)
      } catch {
        throw AgentCommand.table.failure("--control: \(error)")
      }
    }
    for contact in contacts { try Self.check("--join", contact) }
  }

  /// The file of keys, and what is sent and accepted.
  private mutating func readSealing(_ arguments: Arguments) throws(UsageError) {
    if arguments.has("--identity") {
      guard !arguments.text("--identity").isEmpty else {
        throw AgentCommand.table.failure(
          "--identity is empty; it must be a file that 'grapevine keygen --identity' made")
      }
      identityFile = arguments.text("--identity")
    }
    guard arguments.has("--keys") else {
      guard !arguments.has("--plaintext") else {
        throw AgentCommand.table.failure("--plaintext means nothing without --keys: without, all is plain")
      }
      return
    }
    guard !arguments.text("--keys").isEmpty else {
      throw AgentCommand.table.failure("--keys is empty; it must be a file that 'grapevine keygen' made")
    }
    keyFile = arguments.text("--keys")
    policy = PlaintextPolicy(name: arguments.text("--plaintext")) ?? .sealedOnly
  }

  /// The keys of `--keys`; nil without them.
  func readKeys() throws(SecurityError) -> ClusterKeys? {
    guard let keyFile else { return nil }
    return try ClusterKeys(file: keyFile, policy: policy)
  }

  /// The identity of `--identity`; nil without it.
  func readIdentity() throws(SecurityError) -> MemberSigner? {
    guard let identityFile else { return nil }
    return try MemberSigner(file: identityFile)
  }

  /// Refuses a transport that does not fit the address to bind to.
  private func checkKind(_ arguments: Arguments) throws(UsageError) {
    let chosen = arguments.has("--transport") ? arguments.text("--transport") : nil
    guard UnixAddress.isWritten(node.bind) else {
      guard chosen != "unix" else {
        throw AgentCommand.table.failure("--transport unix needs a directory: --bind unix:DIRECTORY")
      }
      return
    }
    guard chosen == nil || chosen == "unix" else {
      throw AgentCommand.table.failure(
        "--bind is \(node.bind), which only --transport unix can be; leave one of both away")
    }
    guard !arguments.has("--advertise") else {
      throw AgentCommand.table.failure(
        "--advertise means nothing among Unix sockets: others know the agent by its number")
    }
  }

  /// Refuses what cannot be an address; a host that is a name is looked up later.
  static func check(_ name: String, _ text: String) throws(UsageError) {
    do throws(AddressError) {
      guard UnixAddress.isWritten(text) else {
        _ = try Endpoint(text)
        return
      }
      let address = try UnixAddress(text)
      guard address.directory != nil || name != "--bind" else { throw .unixInvalid(text: text) }
    } catch .hostInvalid {
      return
    } catch {
      guard !text.hasPrefix("/dns") else { return }
      throw AgentCommand.table.failure("\(name): \(error)")
    }
  }

  /// The name, the tags and the times of membership.
  private static func membership(_ arguments: Arguments) throws(UsageError) -> MembershipRules {
    var rules = MembershipRules()
    rules.name = arguments.text("--name")
    if arguments.has("--name") {
      guard (1...Member.nameLimit).contains(rules.name.utf8.count) else {
        throw AgentCommand.table.failure(
          "--name has \(rules.name.utf8.count) bytes; it must have 1 to \(Member.nameLimit)")
      }
    }
    do throws(TagError) {
      rules.tags = try Tags.parse(arguments.list("--tag"))
    } catch {
      throw AgentCommand.table.failure("--tag: \(error)")
    }
    let interval = Duration.seconds(arguments.real("--probe-interval"))
    rules.probeInterval = interval
    rules.probeTimeout = min(rules.probeTimeout, interval / 2)
    return rules
  }

  /// The limits of tuples.
  private static func tuples(_ arguments: Arguments) throws(UsageError) -> TupleRules {
    var rules = TupleRules()
    rules.capacity = arguments.integer("--tuple-limit")
    rules.bytes = arguments.integer("--tuple-bytes")
    rules.valueLimit = arguments.integer("--value-limit")
    rules.clockSkew = .seconds(arguments.real("--clock-skew"))
    rules.horizon = .seconds(arguments.real("--tuple-horizon"))
    var core = Configuration()
    core.tuples = rules
    do throws(ConfigurationError) {
      try core.validate()
    } catch {
      throw AgentCommand.table.failure("the limits of tuples: \(error)")
    }
    return rules
  }

  /// Makes the directory of `--data` for its owner only, since the store of tuples is opened before the members'.
  ///
  /// Whatever is wrong with it is said by who uses it.
  func prepareData() {
    if let directory = node.dataDirectory { _ = mkdir(directory, 0o700) }
  }
}
