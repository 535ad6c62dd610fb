// What a node counts beside its engine.

import ZGossip

/// Counts since the node was made.
public struct ZGossipNodeCounters: Sendable {
  /// What the engine counted.
  public var engine = ZGossipCounters()
  /// Messages received, with malformed ones.
  public var received: UInt64 = 0
  /// Messages sent.
  public var sent: UInt64 = 0
  /// Messages that the engine found malformed.
  public var malformed: UInt64 = 0
  /// Messages dropped unread: of clients that sent too many malformed ones.
  public var ignored: UInt64 = 0
  /// Messages dropped because no link was free, or the connection they came over had just been lost.
  public var refused: UInt64 = 0
  /// Connections, ours and others', whose handshake failed.
  public var handshakesFailed: UInt64 = 0
  /// Connections of ours that were closed because of malformed messages, or that broke off and were made anew.
  public var connectionsDropped: UInt64 = 0
  /// Tuples of `post` that the map refused, for want of room or because of their lifetime.
  public var postsRefused: UInt64 = 0
  /// Clients with a link.
  public var clients = 0
  /// Connections of ours that are up.
  public var servers = 0
}
