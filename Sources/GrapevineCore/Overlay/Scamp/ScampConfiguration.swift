// The choices that SCAMP leaves to whoever uses it.

/// The parameters of SCAMP (Ganesh, Kermarrec, Massoulié, "Peer-to-peer membership management for
/// gossip-based protocols", IEEE Transactions on Computers 52(2), 2003).
public struct ScampRules: Sendable, Equatable {
  /// Copies of a newcomer's subscription that its contact sends beside the one to each member of its partial
  /// view, the paper's c; 0 to 16. Views have about (c+1) ln n members.
  ///
  /// Default: 1, chosen here: messages survive the failure of about a share c/(c+1) of the members, one half,
  /// and 56 links hold the views of 10^5 members.
  public var copies = 1

  /// Hops after which a forwarded subscription is kept by whoever can, or dropped; 1 to 255.
  ///
  /// Default: 100, chosen here: a view of v keeps a subscription after v+1 hops on average, so that fewer
  /// than one in a thousand of them get so far at 10^5 members; in small groups, where everybody may hold the
  /// newcomer already, it ends what would go round for ever. The paper has each node drop what it sees for
  /// the tenth time, for which it would have to remember what it saw.
  public var hopLimit = 100

  /// Time for which others hold our subscription; we subscribe again shortly before it is over. Nil for no
  /// lease; 1 s to 10^6 s.
  ///
  /// Default: none, chosen here: links are watched, so that dead members leave the views without it, and
  /// indirection keeps the views even. With a lease each member subscribes anew once a lease.
  public var lease: Duration?

  /// Steps of the walk by which a subscription finds a random contact (the paper's indirection); 0 to 64, 0 to
  /// have the first contact treat it.
  ///
  /// Default: 32, chosen here: several times the hops between any two of 10^5 members.
  public var walkLength = 32

  /// Time without anybody who holds us after which we subscribe again; 1 s to 10^6 s.
  ///
  /// Default: 10 s, chosen here: links are watched, so it is known, and ten times what a subscription takes.
  public var isolationTime = Duration.seconds(10)

  /// Breaks the rule that views keep with probability 1/(1+v), to show that the simulator would notice.
  var keepsAlways = false

  /// Creates the default parameters.
  public init() {}
}
