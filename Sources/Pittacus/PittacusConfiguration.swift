// What the original fixes when it is compiled, and what bounds a peer that remembers more than it.

import GrapevineCore

/// The options of a `PittacusEngine`.
///
/// The first group has the original's compile-time options with the original's values; change them where all peers
/// have changed theirs. Values outside of a documented range count as its nearest end.
public struct PittacusConfiguration: Sendable {
  /// The longest datagram in bytes, 64 to 512. Peers receive into a buffer of their own value and cut what is longer.
  ///
  /// Default: 512 (MESSAGE_MAX_SIZE of the original, 2017).
  public var datagramLimit = PittacusWire.datagramLimit
  /// Members that a message is sent to by each who learns of it, and that STATUS goes to in each tick; 1 to 64.
  ///
  /// Default: 3 (MESSAGE_RUMOR_FACTOR of the original, 2017).
  public var fanout = 3
  /// How often something is sent until it is acknowledged; 1 to 100.
  ///
  /// Default: 3 (MESSAGE_RETRY_ATTEMPTS of the original, 2017).
  public var attempts = 3
  /// Time between two attempts; at least 1 ms. A member that gave no sign for `attempts` times this is forgotten.
  ///
  /// Default: 10 s (MESSAGE_RETRY_INTERVAL of the original, 2017).
  public var retryInterval = Duration.seconds(10)
  /// Time in which STATUS goes to `fanout` members, one after the other; at least 1 ms.
  ///
  /// Default: 1 s (GOSSIP_TICK_INTERVAL of the original, 2017).
  public var tickInterval = Duration.seconds(1)

  /// Datagrams that wait to be sent or acknowledged; rounded up to a power of two, 16 to 65,536. When it is full of
  /// unsent ones, `broadcast` throws `wouldBlock`; else the oldest is no longer repeated.
  ///
  /// Default: 4,096; chosen here, the original's 100 (MAX_OUTPUT_MESSAGES) lose messages in a burst of 40.
  public var outputSlots = 4_096
  /// Messages of all originators that are kept for those who missed them, 1 to 2^20.
  ///
  /// Default: 4,096; chosen here, the original keeps the last of each of 25 originators (DATA_LOG_SIZE).
  public var logMessages = 4_096
  /// Bytes of their payloads, at least `datagramLimit`.
  ///
  /// Default: 512 KiB; chosen here.
  public var logBytes = 512 << 10
  /// Originators whose numbers are remembered, 20 to 32,768. One more takes the place of the one that was silent for
  /// the longest, if that is `originatorIdle` or more; else its messages are dropped.
  ///
  /// Default: 1,024; chosen here, the original forgets the 21st.
  public var originators = 1_024
  /// Numbers of each originator among which a message that arrives late is still told from one that was delivered;
  /// rounded up to a multiple of 64, 64 to 65,536.
  ///
  /// Default: 4,096; chosen here, as many as the log has messages.
  public var window = 4_096
  /// See `originators`.
  ///
  /// Default: 5 min; chosen here.
  public var originatorIdle = Duration.seconds(300)
  /// Members that are known at once, 1 to 32,768; others are not taken in, but who speaks itself takes the place of one
  /// that only others named.
  ///
  /// Default: 1,024; chosen here.
  public var members = 1_024

  /// Time that a message has to arrive by itself before it is asked for or offered.
  ///
  /// Default: 200 ms; chosen here, twice what a push takes through 64 members with 15 ms a hop.
  public var repairDelay = Duration.milliseconds(200)
  /// Times that a missing message is asked for before it is given up, 1 to 255: peers that keep the last message of
  /// each originator only cannot supply it.
  ///
  /// Default: 16; chosen here.
  public var repairAttempts = 16
  /// Messages that one member is sent for repair in a second, and at once, 1 to 65,535. A host that is none, or has not
  /// yet shown that it receives, gets 12 at most.
  ///
  /// Default: 256; chosen here.
  public var repairRate = 256
  /// STATUS datagrams of one member, or of a host that is none, that are compared and answered in a second, and at
  /// once, 1 to 65,535.
  ///
  /// Default: 64; chosen here.
  public var statusRate = 64
  /// STATUS datagrams that a member gets at its turn when there are more originators than one can name, 1 to 16.
  ///
  /// Default: 4; chosen here, 200 members that all send at once then agree in seconds.
  public var statusParts = 4
  /// MEMBER_LIST datagrams that one HELLO is answered with, 0 to 1,024: three members each, other ones each time.
  ///
  /// Default: 32; chosen here.
  public var listsPerHello = 32
  /// The first pause between two HELLOs to contacts that do not answer; it doubles up to `helloInterval`.
  ///
  /// Default: 2 s; chosen here.
  public var helloRetry = Duration.seconds(2)
  /// Time between two HELLOs of a member to somebody who seems to have forgotten it.
  ///
  /// Default: 30 s; chosen here.
  public var helloInterval = Duration.seconds(30)
  /// Whether a peer's numbers begin at a value that follows from its uid, and not at 1: then a restarted peer is
  /// above what its predecessor at the same address used, which others remember.
  ///
  /// Default: true; chosen here.
  public var numbersFromUID = true

  /// Creates a configuration with the defaults.
  public init() {}

  /// The longest payload, in bytes.
  public var payloadLimit: Int { bounded.datagramLimit - PittacusWire.dataHeader }

  /// The most memory that an engine with this configuration holds, in bytes. Most of it costs nothing until used.
  public var memoryBound: Int {
    let bounded = bounded
    return OutputQueue.bytes(slots: bounded.outputSlots)
      + MessageLog.bytes(messages: bounded.logMessages, bytes: bounded.logBytes)
      + OriginatorTable.bytes(capacity: bounded.originators, window: bounded.window)
      + MemberTable.bytes(capacity: bounded.members) + SourceLimits.bytes + RepairMemory.bytes
  }

  /// The same with every value in its range.
  var bounded: PittacusConfiguration {
    var result = self
    result.datagramLimit = min(max(datagramLimit, 64), PittacusWire.datagramLimit)
    result.fanout = min(max(fanout, 1), 64)
    result.attempts = min(max(attempts, 1), 100)
    result.retryInterval = max(retryInterval, .milliseconds(1))
    result.tickInterval = max(tickInterval, .milliseconds(1))
    result.outputSlots = Self.powerOfTwo(min(max(outputSlots, 16), 65_536))
    result.logMessages = min(max(logMessages, 1), 1 << 20)
    result.logBytes = min(max(logBytes, result.datagramLimit), 1 << 31)
    result.originators = min(max(originators, PittacusWire.statusLimit), 32_768)
    result.window = (min(max(window, 64), 65_536) + 63) / 64 * 64
    result.members = min(max(members, 1), 32_768)
    result.repairAttempts = min(max(repairAttempts, 1), 255)
    result.repairRate = min(max(repairRate, 1), 65_535)
    result.statusRate = min(max(statusRate, 1), 65_535)
    result.statusParts = min(max(statusParts, 1), 16)
    result.listsPerHello = min(max(listsPerHello, 0), 1_024)
    result.helloRetry = max(helloRetry, .milliseconds(1))
    result.helloInterval = max(helloInterval, result.helloRetry)
    return result
  }

  private static func powerOfTwo(_ value: Int) -> Int {
    1 << (Int.bitWidth - (value - 1).leadingZeroBitCount)
  }
}
