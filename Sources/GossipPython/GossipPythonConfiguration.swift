// The limits and times of a peer of gossip_python.

import GrapevineCore

/// How a peer of gossip_python is set up.
public struct GossipPythonConfiguration: Sendable {
  /// How often a message of a type is sent at most while it is not acknowledged; each at least 1.
  public struct Attempts: Sendable, Equatable {
    /// Default: 10, chosen here: with the interval below, 20 s, as three attempts of the original take.
    public var hello = 10
    /// Default: 3 (`MESSAGE_RETRY_ATTEMPTS` of the original, 2020).
    public var memberList = 3
    /// Default: 3 (`MESSAGE_RETRY_ATTEMPTS` of the original, 2020).
    public var data = 3
    /// Default: 1, chosen here: the next Status says more than a repeated one; the original sends 3.
    public var status = 1

    /// Creates the default attempts.
    public init() {}
  }

  /// Whom a message of ours is sent to at first: `.random` or `.broadcast`.
  ///
  /// Default: `.random`, as the original sends (2020).
  public var spread = PythonSpread.random
  /// Members that `.random` and each Status are for, at most.
  ///
  /// Default: 3 (`MESSAGE_RUMOR_FACTOR` of the original, 2020).
  public var fanout = 3
  /// How often messages are sent. Default: as each says; chosen here or the original's (2020).
  public var attempts = Attempts()
  /// The time between two attempts.
  ///
  /// Default: 2 s, chosen here: the original waits 10 s, which a lost Hello makes a newcomer wait.
  public var retryInterval = Duration.seconds(2)
  /// The time between two rounds of Status. Default: 1 s (`GOSSIP_TICK_INTERVAL` of the original, 2020).
  public var tickInterval = Duration.seconds(1)
  /// The time between two Hellos to an original, which drops members that live; other peers get one when nothing
  /// was heard of them for so long.
  ///
  /// Default: 20 s, chosen here: the original drops a member some 30 s after what it sent it.
  public var helloInterval = Duration.seconds(20)
  /// The time after which a member is dropped of which nothing is heard. Default: 70 s, chosen here: three Hellos.
  public var silenceLimit = Duration.seconds(70)
  /// The time before a peer is greeted that only a list of members names: an original that is joining itself ends
  /// when it is greeted.
  ///
  /// Default: 1500 ms, chosen here: well over the round trip that joining takes.
  public var introductionDelay = Duration.milliseconds(1_500)
  /// The least time between two answers to the Status of one peer.
  ///
  /// Default: 200 ms, chosen here: five times per Status round; an original is answered once a round at most.
  public var answerInterval = Duration.milliseconds(200)
  /// Messages that one Status is answered with at most. Default: 64, chosen here: 32 KiB.
  public var replayLimit = 64
  /// The time after which a message that nobody can supply is given up. Default: 30 s, chosen here: 30 rounds.
  public var gapPatience = Duration.seconds(30)
  /// The time for which a text without a usable number is known after it was last heard.
  ///
  /// Default: 60 s, chosen here: three times as long as the original repeats one.
  public var textLifetime = Duration.seconds(60)
  /// Texts without a usable number that are remembered. Default: 1,024, chosen here: 1 MiB at most.
  public var textLimit = 1_024

  /// Peers that are known at most. Default: 128, chosen here: rounds of Status scale no further.
  public var memberLimit = 128
  /// Bytes per second that go to one IP address, whatever the port, while peers there have not shown that they
  /// receive what is sent to them.
  ///
  /// Default: 8,192, chosen here: 60 that join at once behind one address.
  public var strangerRate = 8_192
  /// Other originators that are known at most. Default: 64, chosen here: originals know 9.
  public var originLimit = 64
  /// The time after which an originator of which nothing is heard may make room for another.
  ///
  /// Default: 10 min, chosen here: by then, logs hold messages of others.
  public var originIdle = Duration.seconds(600)
  /// Messages of each originator that are kept for repair. Default: 128, chosen here: the original keeps one.
  public var logLimit = 128
  /// Datagrams that may wait to be sent or acknowledged. Default: 4,096, chosen here: 2 MiB.
  public var outboundLimit = 4_096
  /// The longest datagram that is written, in bytes; 256 to 1,024.
  ///
  /// Default: 512 (`MESSAGE_MAX_SIZE` of the original, 2020).
  public var datagramLimit = 512
  /// Originators in one Status. Default: 9, what 512 bytes of the original's clock hold (2020).
  public var statusRecords = 9
  /// Whether originals are told who is there.
  ///
  /// Default: no, chosen here: each list makes an original send everything to the member that stands last in it.
  public var listsForOriginals = false
  /// What payloads look like. Default: as they are; chosen here.
  public var payload = PythonPayloadRules()

  /// Creates the default configuration.
  public init() {}

  /// The memory that a peer takes at most, in bytes; what it takes depends on the traffic.
  public var memoryBound: Int {
    let origin = PythonOrigin.windowBytes + logLimit * (PythonDatagram.lengthLimit + 32)
    return (originLimit + 1) * origin + (outboundLimit + textLimit) * PythonDatagram.lengthLimit
      + memberLimit * (512 + PythonDatagram.lengthLimit + 64 * PythonDatagram.idLimit)
  }
}

/// Whom a message is sent to at first. It goes on from there, so each of them reaches all.
public enum PythonSpread: Equatable, Sendable {
  /// To this member.
  case direct(Endpoint)
  /// To members drawn by lot.
  case random
  /// To all members.
  case broadcast
}
