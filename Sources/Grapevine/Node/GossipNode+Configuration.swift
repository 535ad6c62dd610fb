// What an application chooses when it creates a node.

import GrapevineCore
import GrapevineTransport

extension GossipNode {
  /// How a node is set up.
  public struct Configuration: Sendable {
    /// The address to bind to, `host:port` or a multiaddress; port 0 takes a free port. For Unix sockets
    /// `unix:DIRECTORY`, or `unix:DIRECTORY/NUMBER` for a number of one's own choice.
    ///
    /// Default: a free port on every IPv4 address, chosen here.
    public var bind: String
    /// The address others reach this node at, where it differs from the bound one: `host:port` or a multiaddress;
    /// port 0 stands for the bound port.
    ///
    /// Default: the bound address, and for a node bound to all addresses the one that its contacts see; chosen
    /// here.
    public var advertise: String?
    /// The directory in which the node keeps the members it knows, so that it finds them again after a restart
    /// without being told whom to join; created when only its last part is missing. Each node needs its own.
    ///
    /// Default: none, so that nothing is kept; chosen here.
    public var dataDirectory: String?
    /// What keeps the tuples that the node knows over a restart, `SQLiteTupleStorage` of `GrapevineStore` for one.
    /// Each node needs its own.
    ///
    /// Default: none, so that they are in memory only; chosen here.
    public var tupleStorage: (any TupleStorage)?
    /// The limits and times of the protocol. Default: `GrapevineCore.Configuration()`, with its sources.
    public var core: GrapevineCore.Configuration
    /// Bytes of receive buffer to ask the system for. Default: 4 MiB, chosen here: what one loop turn can
    /// miss.
    public var receiveBufferBytes = 4 << 20
    /// The share of arriving datagrams to drop, for tests; 0 to 1. Default: 0, chosen here.
    public var injectedLoss = 0.0
    /// Whether trains of datagrams to one peer leave in one piece where the kernel can. Default: yes,
    /// measured by `grapevine bench`.
    public var segmentOffload = true

    /// What carries datagrams. Where `bind` is a place among Unix sockets, `.udp` stands for these.
    ///
    /// Default: UDP, chosen here.
    public var transport = Transport.udp

    /// What is done to every datagram on its way: `ClusterKeys` of `GrapevineSecurity` seals them. Datagrams stay
    /// within `core.datagramLimit` all the same, so that messages have a little less room.
    ///
    /// Default: nothing, so that they travel as they are; chosen here.
    public var layer: (any DatagramLayer)?

    /// Who signs what the node says of itself, and checks what others say: `MemberSigner` of `GrapevineSecurity`. All
    /// members of a cluster sign, or none does: who does not is no member where others do.
    ///
    /// Default: nobody, so that members are taken at their word, and at each other's; chosen here.
    public var signer: (any FactAuthority)?

    /// What carries the datagrams of a node. All members of a cluster need not choose the same, as long as each two
    /// that meet have one in common.
    public enum Transport: Sendable, Equatable {
      /// UDP alone.
      case udp
      /// TCP alone, for networks that let no UDP through.
      case tcp
      /// UDP, and TCP at the same port to and from those that UDP does not reach.
      case udpOrTCP
      /// Unix sockets in a directory, for the nodes of one host that share it, with or without a network: those of
      /// containers, for instance. `bind` names the directory.
      case unix
    }

    /// Creates a configuration.
    public init(bind: String = "0.0.0.0:0", core: GrapevineCore.Configuration = .init()) {
      self.bind = bind
      self.core = core
    }
  }
}
