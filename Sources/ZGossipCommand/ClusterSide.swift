// The cluster of Grapevine that a node of zgossip is a bridge to.

import Grapevine
import GrapevineConsole
import GrapevineCore
import GrapevineSecurity
import GrapevineTransport
import ZGossipBridge
import ZGossipNode

/// Where the cluster is, as options say.
struct ClusterOptions: Sendable {
  var node: GossipNode.Configuration
  /// The file of the cluster's keys; nil when nothing is sealed.
  var keyFile: String?
  var contacts: [String]

  /// Reads the options; nil when there is no cluster.
  init?(_ arguments: Arguments, _ table: CommandLineTable) throws(UsageError) {
    contacts = arguments.list("--join")
    guard !contacts.isEmpty || arguments.has("--cluster-bind") else { return nil }
    var core = Configuration()
    core.clusterName = arguments.text("--cluster")
    node = .init(bind: arguments.text("--cluster-bind"), core: core)
    if arguments.has("--cluster-keys") { keyFile = arguments.text("--cluster-keys") }
    try Self.check(table, "--cluster-bind", node.bind)
    for contact in contacts { try Self.check(table, "--join", contact) }
  }

  private static func check(
    _ table: CommandLineTable, _ name: String, _ address: String
  ) throws(UsageError) {
    do throws(AddressError) {
      _ = try Endpoint(address)
    } catch {
      throw table.failure("\(name) is \(quoted(address)): \(error)")
    }
  }

  static let options = [
    Option(
      name: "--join", placeholder: "ADDR", value: .list,
      help:
        "A member of a cluster of Grapevine, HOST:PORT or a multiaddress: its tuples and those of zgossip appear in each "
        + "other; may be given several times"),
    Option(
      name: "--cluster-bind", placeholder: "HOST:PORT", value: .text(default: "0.0.0.0:0"),
      help: "The UDP address of this node in that cluster; without --join it founds one"),
    Option(
      name: "--cluster", placeholder: "NAME", value: .text(default: ""),
      help: "The name of that cluster, which all of its members must give"),
    Option(
      name: "--cluster-keys", placeholder: "FILE", value: .text(default: ""),
      help: "The file of that cluster's keys, which is read at the start",
      defaultText: "none: nothing is sealed"),
  ]
}

/// A member of that cluster, and the bridge to it.
struct ClusterSide: Sendable {
  let node: GossipNode
  let bridge: TupleBridge
  private let task: Task<Void, Never>

  /// Joins the cluster and begins to carry tuples.
  init(
    _ options: ClusterOptions, _ zgossip: ZGossipNode,
    onEvent: @escaping @Sendable (TupleBridge.Event) -> Void
  ) async throws {
    var configuration = options.node
    configuration.layer = try options.keyFile.map { try ClusterKeys(file: $0) }
    node = try await GossipNode(configuration)
    do {
      try await node.join(options.contacts)
    } catch {
      await node.leave()
      throw error
    }
    let bridge = TupleBridge(node, zgossip, onEvent: onEvent)
    self.bridge = bridge
    task = Task { await bridge.run() }
  }

  /// Leaves the cluster.
  func leave() async {
    await node.leave()
    await task.value
  }
}
