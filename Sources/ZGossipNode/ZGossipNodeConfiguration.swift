// What a node may use, and how it treats its connections.

import ZGossip
import ZeroMQ

/// How a node of ZGossip is set up.
public struct ZGossipNodeConfiguration: Sendable {
  /// What its map holds, and how it talks to others.
  ///
  /// Default: that of the engine, chosen here.
  public var engine = ZGossipConfiguration()

  /// The ZeroMQ context: nodes of one context reach each other by `inproc`.
  ///
  /// Default: the process's own, chosen here, as one thread for input and output serves many nodes.
  public var context = ZeroMQContext.shared

  /// Messages that wait at most on either side of a connection; beyond, the engine keeps what there is to say.
  ///
  /// Default: 1,000, as ZeroMQ's own (zmq_setsockopt of libzmq 4.3, 2021).
  public var messagesPerConnection: Int32 = 1_000

  /// Time between signs of life that ZeroMQ itself asks of the other end; zero for none.
  ///
  /// Default: 5 s, chosen here: links that broke without a word are noticed within two of them.
  public var heartbeat = Duration.seconds(5)

  /// Time between attempts to connect.
  ///
  /// Default: 100 ms, as ZeroMQ's own (zmq_setsockopt of libzmq 4.3, 2021).
  public var reconnect = Duration.milliseconds(100)

  /// The time that a handshake may take.
  ///
  /// Default: 10 s, chosen here: a third of ZeroMQ's own, as strangers hold sockets open for so long.
  public var handshake = Duration.seconds(10)

  /// Time for which a client of another system, which sends back what is new to it, may be silent before it counts as
  /// having read everything, while the node ends.
  ///
  /// Default: 2 s, chosen here: one that is held up for less loses nothing.
  public var echoTime = Duration.seconds(2)

  /// The longest message that is taken from others, in bytes; who sends a longer one is disconnected. No less than the
  /// engine needs.
  ///
  /// Default: 64 MiB, chosen here: values of other systems that are too long are refused, and not their connections,
  /// as a server that has one would send it again with every connection, and nothing behind it were heard.
  public var messageBytes = 64 << 20

  /// Time for which a client that sent too many malformed messages is not listened to; also the longest pause before
  /// a server that did is connected to again.
  ///
  /// Default: 60 s, chosen here.
  public var faultPause = Duration.seconds(60)

  /// Bytes of changes that wait for a reader of `deliveries` until the node waits for it; twice as many are kept.
  ///
  /// Default: 16 MiB, chosen here: 100,000 changes of the usual size.
  public var deliveryBytes = 16 << 20

  /// How long the node waits for readers of `deliveries` that have not read so much before it goes on without them.
  ///
  /// Default: 1 s, chosen here: links of others stay up for longer.
  public var readerPatience = Duration.seconds(1)

  /// Bytes of tuples that `post` keeps until the node's thread takes them; no less than four of the longest.
  ///
  /// Default: 256 KiB, chosen here: a few thousand small tuples, as many as leave in one turn of the loop.
  public var stageBytes = 256 << 10

  /// Told what happens that nobody waits for, such as refused handshakes; on the node's thread, so it must not wait.
  ///
  /// Default: nobody, chosen here.
  public var log: (@Sendable (String) -> Void)? = nil

  /// Creates the default configuration.
  public init() {}

  /// Takes over what settings of a file say about limits and times; what is to be done is `ZGossipNode.load`'s.
  ///
  /// A timeout of zero leaves the present one: servers of other systems that forget nobody are spoken to as well.
  public mutating func apply(_ settings: ZGossipSettings) {
    if let timeout = settings.timeout, timeout > .zero { engine.timeout = timeout }
    if let limit = settings.tupleLimit { engine.tuples.capacity = limit }
    if let limit = settings.byteLimit { engine.tuples.bytes = limit }
    if let limit = settings.valueLimit { engine.tuples.valueLimit = limit }
  }
}
