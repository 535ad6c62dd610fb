// The limits and times of a peer of the Clojure gossip.

import GrapevineCore

/// How a peer of the Clojure gossip is set up.
public struct ClojureGossipConfiguration: Sendable {
  /// Copies of a subscription that its contact sends beside the one to each member of its view, the paper's c; 0 to
  /// 64. Views have about (c+1) ln n members.
  ///
  /// Default: 10, the original's constant (2015).
  public var copies = 10
  /// Members that the view holds at most. Default: 64, chosen here: (c+1) ln n for 300 members.
  public var viewLimit = 64
  /// Members of the view that one IP address has had us take and that were never heard from, at most.
  ///
  /// Default: 16, chosen here: a fourth of the view.
  public var introductionLimit = 16
  /// Times that a peer passes the same subscription on, in the time below.
  ///
  /// Default: 10 (SCAMP, IEEE Trans. Computers 52(2), 2003).
  public var sightingLimit = 10
  /// The time after which a subscription of the same subscriber is a new one.
  ///
  /// Default: 8 s, chosen here: copies are under way for less, and newcomers try again after more.
  public var subscriptionInterval = Duration.seconds(8)
  /// The time between two heartbeats to the members of the view; below four times the check interval of any peer.
  ///
  /// Default: 5 min (README of the original, 2015).
  public var heartbeatInterval = Duration.seconds(300)
  /// The time between two counts of the beats that are left: after ten without a heartbeat, or five at first, a
  /// peer takes itself for isolated and subscribes again.
  ///
  /// Default: 5 min (README of the original, 2015).
  public var checkInterval = Duration.seconds(300)
  /// The time that a newcomer waits for somebody to hold it before it subscribes again, at the next contact; twice
  /// as long each time.
  ///
  /// Default: 10 s, chosen here: a peer of ours says so at once.
  public var contactPatience = Duration.seconds(10)
  /// Subscriptions of a newcomer at most. Default: 3, chosen here: originals never say that they hold somebody.
  public var contactAttempts = 3
  /// The time for which a text is known after it was last heard: meanwhile it is one message.
  ///
  /// Default: 10 min, chosen here: originals repeat texts for ever, which keeps these known.
  public var textLifetime = Duration.seconds(600)
  /// Texts that are known at most. Default: 4,096, chosen here: 2 MiB.
  public var textLimit = 4_096
  /// New messages and subscriptions that are taken from one peer, per second; as many at once.
  ///
  /// Default: 200, chosen here: a storm of known texts costs nothing of it.
  public var peerRate = 200
  /// Subscriptions of all peers together that are treated as their contact, per second; as many at once.
  ///
  /// Default: 20, chosen here: each makes up to c + v copies, whoever it came from.
  public var subscriptionRate = 20
  /// Peers that anything is remembered of. Default: 256, chosen here: four times the view.
  public var peerLimit = 256
  /// Datagrams that may wait to be sent. Default: 4,096, chosen here: 2 MiB.
  public var outboundLimit = 4_096

  /// The peers that are known not to be originals. Only they are sent what goes beyond the original's six forms,
  /// and only from them it is heeded.
  ///
  /// Default: none; chosen here.
  public var ours: Set<Endpoint> = []
  /// The time for which peers of ours hold this one, which subscribes again shortly before; nil for as long as they
  /// live. 10 s to 10^6 s.
  ///
  /// Default: nil; chosen here: originals know no lease.
  public var lease: Duration?
  /// Steps that a subscription walks among peers of ours before it is treated, so that it matters less which contact
  /// a newcomer knows; 0 to 64.
  ///
  /// Default: 0; chosen here: originals treat it at once.
  public var walkLength = 0

  /// Creates the default configuration.
  public init() {}

  /// The memory that a peer takes at most, in bytes.
  public var memoryBound: Int {
    (textLimit + outboundLimit) * (ClojureDatagram.lengthLimit + 64) + (peerLimit + viewLimit) * 256
  }
}
