// What may stand between a node and the transport that carries its datagrams.
//
// A node needs to know of it only how many bytes it adds, so that the wire's limit holds. So a layer that needs a C
// library, such as `ClusterKeys` of GrapevineSecurity, can be given to a node that links none.

/// Something that is done to every datagram on its way out, and undone on its way in: sealing, for one.
public protocol DatagramLayer: Sendable {
  /// The greatest number of bytes by which a datagram grows.
  var overhead: Int { get }

  /// Puts the layer around a transport.
  ///
  /// - Returns: A transport for one thread, whose `overhead` is that of the layer and of what it stands around.
  /// - Throws: When the layer cannot work, such as for want of memory.
  func wrap(_ transport: any DatagramTransport) throws -> any DatagramTransport
}

/// What a layer that seals has done to datagrams since it was made.
public struct LayerCounters: Equatable, Sendable {
  /// Datagrams sealed.
  public var sealed: UInt64 = 0
  /// Datagrams that could not be sealed, and were not sent.
  public var sealFailures: UInt64 = 0
  /// Sealed datagrams opened.
  public var opened: UInt64 = 0
  /// Plain datagrams accepted.
  public var plain: UInt64 = 0
  /// Datagrams dropped: cut short by the transport.
  public var refusedTruncated: UInt64 = 0
  /// Datagrams dropped: empty, too short, or of no known form.
  public var refusedMalformed: UInt64 = 0
  /// Datagrams dropped: plain, where only sealed ones are accepted.
  public var refusedPlain: UInt64 = 0
  /// Datagrams dropped: sealed, where only plain ones are accepted.
  public var refusedSealed: UInt64 = 0
  /// Datagrams dropped: sealed with a key that this member does not have.
  public var refusedUnknownKey: UInt64 = 0
  /// Datagrams dropped: changed or forged.
  public var refusedForged: UInt64 = 0
  /// Datagrams dropped: there before.
  public var refusedReplayed: UInt64 = 0
  /// Datagrams dropped: so late that nobody remembers whether they were there before.
  public var refusedTooOld: UInt64 = 0
  /// Datagrams dropped: this member's own.
  public var refusedOwn: UInt64 = 0
  /// Datagrams dropped: no room to remember their sender.
  public var refusedSenders: UInt64 = 0

  /// Creates counters that are all 0.
  public init() {}

  /// Datagrams dropped for whatever reason.
  public var refused: UInt64 {
    refusedTruncated &+ refusedMalformed &+ refusedPlain &+ refusedSealed &+ refusedUnknownKey
      &+ refusedForged &+ refusedReplayed &+ refusedTooOld &+ refusedOwn &+ refusedSenders
  }
}
