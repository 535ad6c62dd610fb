// What a sender may ask of the order of its messages, and the limits of what waits for it.

/// The order in which members deliver messages.
public enum MessageOrder: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  /// None: each message as soon as it is there.
  case unordered = 0
  /// The ordered messages that one member sends in one topic are delivered in the order in which it sent them.
  case fifo = 1
  /// As `fifo`, and a message is delivered after every causal message, of any topic, that its sender had sent or
  /// delivered before it sent this one (Lamport, CACM 21(7), 1978: "happened before").
  case causal = 2
}

/// The parameters of order and topics.
public struct OrderRules: Sendable, Equatable {
  /// Messages that wait for others to come first, at most; 1 to 2^20.
  ///
  /// When there are more, the origin that takes the most of the buffer gives way: of its messages the one that has
  /// waited longest is delivered, and `Event.orderGap` says so. So no origin takes from another one what would be an
  /// equal share. Default: 1,024, chosen here: what an origin sends in a second at 1,000 messages a second, several repairs' worth.
  public var holdBackMessages = 1_024

  /// Bytes of these, at most; 4 KiB to 1 GiB.
  ///
  /// Default: 1 MiB, chosen here: 1,024 messages of the longest.
  public var holdBackBytes = 1 << 20

  /// Time that a message waits for others at most.
  ///
  /// What repair gives up is not waited for any longer in any case; this is for what a partition keeps away. In the
  /// first five seconds after joining the end of these is the limit for what no neighbour is known to have. Default:
  /// 30 s, chosen here: six times `Configuration.gapPatience`.
  public var patience = Duration.seconds(30)

  /// Topics that a node subscribes to at most; 1 to 65,536.
  ///
  /// Default: 1,024, chosen here.
  public var topics = 1_024

  /// Creates the default rules.
  public init() {}
}

extension OrderRules {
  /// Checks every value against its limits.
  func validate() throws(ConfigurationError) {
    for (name, value, allowed) in [
      ("holdBackMessages", holdBackMessages, 1...1 << 20),
      ("holdBackBytes", holdBackBytes, 4 << 10...1 << 30),
      ("topics", topics, 1...65_536),
    ] where !allowed.contains(value) {
      throw ConfigurationError(
        description:
          "order.\(name) is \(value); it must be from \(allowed.lowerBound) to \(allowed.upperBound)")
    }
    guard patience >= .milliseconds(1), patience <= .seconds(1_000_000) else {
      throw ConfigurationError(
        description: "order.patience is \(patience); it must be between 1 ms and 10^6 s")
    }
  }
}

extension Configuration {
  /// The longest payload of a message with a topic of `topicLength` bytes or with an order, in bytes.
  ///
  /// Dependencies never make it shorter: those for which there is no room travel ahead.
  public func orderedPayloadLimit(topicLength: Int) -> Int {
    payloadLimit - OrderedMessage.headLimit - topicLength
  }

  /// Bytes of the tables of order and topics.
  var orderBytes: Int {
    HoldBack.bytes(order) + CausalPast.bytes(streams: streamCapacity) + 8 * streamCapacity
      + OrderHistory.bytes(streams: streamCapacity) + TopicTails.bytes + TopicSet.bytes(limit: order.topics)
      + payloadLimit
  }
}
