// A connection to another node, and what is owed to it.

import GrapevineCore

/// Which side of a connection this node is.
public enum ZGossipRole: Sendable {
  /// This node connected: the other end is the server.
  case client
  /// The other end connected.
  case server
}

/// The state of one connection.
struct ZGossipLink: BitwiseCopyable {
  /// Who the other end is.
  enum Peer: UInt8, BitwiseCopyable {
    /// There is no connection.
    case none = 0
    /// It has not said anything yet.
    case unknown
    /// A node of CZMQ.
    case original
    /// One of ours.
    case replica
    /// Nothing it says is read any more.
    case ignored
  }

  var peer = Peer.none
  var isClient = false
  /// Whether this node says who it is within its messages, since connections inside of a process carry no properties.
  var saysIdentity = false
  /// Whether the other end takes tuples: it said HELLO, or is a server that was said HELLO to.
  var isReading = false

  var owesHello = false
  var owesPing = false
  var owesInvalid = false
  /// Whether the server may have forgotten this node, and is to be sent something that shows it.
  var owesProbe = false
  var pongsOwed: UInt16 = 0
  var malformed: UInt8 = 0

  /// When a server is to hear from this node, or a client is asked whether it is there.
  var nextAt = Instant()

  /// Until when a client of the original says what it has had all along.
  var youngUntil = Instant()

  // To a server of the original. A pass is to tell it all tuples; a PING behind them is the fence whose PONG says that
  // all of them have been read.
  var pingsSent: UInt32 = 0
  /// When the last was sent.
  var pingedAt = Instant.never
  var pongsReceived: UInt32 = 0
  /// The number of the PING that ends the pass; 0 while none is under way or it was not sent.
  var fence: UInt32 = 0
  /// The fence is to be sent when all tuples are.
  var owesFence = false
  /// The server did not know this node at some time of the pass.
  var sawInvalid = false
  /// The pass began with HELLO.
  var saidHello = false
  /// When the next pass may begin.
  var passAt = Instant.never
  /// Passes since the server last had everything.
  var passes: UInt8 = 0

  init() {}

  /// Whether a pass is under way.
  var isPassing: Bool { owesFence || fence != 0 }
}
