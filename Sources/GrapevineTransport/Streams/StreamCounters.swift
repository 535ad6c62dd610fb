// What streams tell about themselves.

/// What a transport over streams has done and seen since it was made.
public struct StreamCounters: Equatable, Sendable {
  /// Connections that there are now, at whatever stage.
  public var connections = 0
  /// Connections that this side opened and that came to be.
  public var opened = 0
  /// Connections of peers that said who they are.
  public var accepted = 0
  /// Attempts to connect that failed.
  public var connectFailures = 0
  /// Connections that were refused or closed because there were too many.
  public var refusedConnections = 0
  /// Connections closed because what they began with was no greeting of this protocol, or, over Unix sockets, that of
  /// a node whose socket is another user's.
  public var refusedHellos = 0
  /// Connections closed because their peer did not say who it is in time, or gave way to newer strangers.
  public var silentStrangers = 0
  /// Connections closed because of a frame longer than 2,048 bytes.
  public var refusedFrames = 0
  /// Connections closed because nothing got through while bytes waited.
  public var stalled = 0
  /// Connections closed because they carried nothing for long.
  public var idle = 0
  /// Datagrams dropped because the queue of their connection was full.
  public var dropsFull = 0
  /// Datagrams dropped because there was no connection to their destination, and none was to be had.
  public var dropsUnreachable = 0
  /// Peers to which datagrams go by stream now because UDP does not get through; 0 without UDP.
  public var peersByStream = 0
  /// Times that a peer was changed from UDP to a stream.
  public var changesToStream = 0
  /// Times that a peer was changed back to UDP.
  public var changesToUDP = 0

  /// Creates counters that are all 0.
  public init() {}
}
