// What a virtual network does to datagrams.

import GrapevineCore

/// The faults and delays of a virtual network; all probabilities are per datagram and independent.
public struct NetworkModel: Sendable, Equatable {
  /// How long a datagram is under way. Default: a new delay for each datagram, between `delayLow` and
  /// `delayHigh`, chosen here: it reorders, which is the harder case.
  public var latency = LatencyModel.perDatagram
  /// What is added to the delay of a link, new for each datagram: uniform from 0 to this share of the delay, at
  /// most 100. Not for `LatencyModel.perDatagram`, which is nothing but jitter. Default: 0, chosen here.
  public var jitter = 0.0
  /// The shortest delay of a datagram, for `LatencyModel.perDatagram`. Default: 1 ms, chosen here.
  public var delayLow = Duration.milliseconds(1)
  /// The longest delay of a datagram, for `LatencyModel.perDatagram`; delays are uniform between the two.
  /// Default: 10 ms, chosen here.
  public var delayHigh = Duration.milliseconds(10)
  /// The probability that a datagram is lost. Default: 0, chosen here.
  public var loss = 0.0
  /// The probability that a datagram arrives twice. Default: 0, chosen here.
  public var duplication = 0.0
  /// The probability that one bit or more of a datagram is changed. Default: 0, chosen here.
  public var corruption = 0.0
  /// The probability that a datagram is held back by up to ten times the longest delay, or the delay of its
  /// link, so that later ones overtake it. Default: 0, chosen here.
  public var reordering = 0.0
  /// The outgoing access link of every process; nil is a link without limits. Default: nil, chosen here.
  public var bandwidth: Bandwidth?
  /// Bytes that wait for a paused or blocked process; what arrives when they are full is dropped. Default: 614,400, chosen
  /// here: the 512 datagrams of 1,200 bytes that simulated nodes believe to have.
  public var receiveBufferBytes = 614_400
  /// Bytes that a blocked process sends and that are held back; what it sends when they are full is dropped.
  /// Default: 614,400, chosen here: as many as wait for it.
  public var sendBufferBytes = 614_400

  /// Creates a network without faults.
  public init() {}

  /// Creates a network with the given loss and a little of every other fault.
  public static func hostile(loss: Double) -> NetworkModel {
    var model = NetworkModel()
    model.loss = loss
    model.duplication = 0.02
    model.corruption = 0.01
    model.reordering = 0.02
    return model
  }
}

/// The outgoing access link of a process: datagrams leave one after the other.
public struct Bandwidth: Sendable, Equatable {
  /// Bytes of datagrams that pass in a second, 1 to 10^12; headers of lower layers are not counted.
  public let bytesPerSecond: Int
  /// Bytes that wait, with the datagram that is passing, at most 2^32. A datagram that would exceed them is
  /// dropped; an idle link takes any datagram.
  public let queueBytes: Int

  /// Creates a link; limits outside what is allowed are brought inside.
  public init(bytesPerSecond: Int, queueBytes: Int) {
    self.bytesPerSecond = min(max(1, bytesPerSecond), 1_000_000_000_000)
    self.queueBytes = min(max(0, queueBytes), 1 << 32)
  }

  /// The time that so many bytes take, rounded up, so that the rate is never exceeded.
  func time(of bytes: Int) -> Nanoseconds {
    let rate = UInt64(bytesPerSecond)
    return (UInt64(max(0, min(bytes, 1 << 32))) * 1_000_000_000 + rate - 1) / rate
  }

  /// The time at which a datagram that is handed over `now` has left; nil when the queue has no room.
  ///
  /// - Parameter free: When everything before it has left.
  func departure(of length: Int, now: Instant, free: Instant) -> Instant? {
    let waiting = free.since(now)
    let passing = time(of: length)
    guard waiting == 0 || waiting &+ passing <= time(of: queueBytes) else { return nil }
    return max(free, now) + passing
  }
}

/// What became of the datagrams of a simulation.
///
/// Every datagram sent or doubled is in the end one of those that arrived or were dropped, unless it is still
/// under way or waits at a process that stands still.
public struct NetworkCounters: Sendable, Equatable {
  /// Datagrams that nodes sent.
  public var sent: UInt64 = 0
  /// Bytes of these.
  public var bytesSent: UInt64 = 0
  /// Copies that the network made.
  public var duplicated: UInt64 = 0
  /// Datagrams, sent or copied, of which bits were changed.
  public var corrupted: UInt64 = 0
  /// Datagrams handed to nodes.
  public var arrived: UInt64 = 0
  /// Bytes of these.
  public var bytesArrived: UInt64 = 0
  /// Datagrams dropped: lost by chance, under way or by a process with a loss of its own.
  public var droppedLoss: UInt64 = 0
  /// Datagrams dropped: a partition was between the two.
  public var droppedPartition: UInt64 = 0
  /// Datagrams dropped: the queue of the sender's access link was full.
  public var droppedQueue: UInt64 = 0
  /// Datagrams dropped: the receive buffer of a paused or blocked process was full, or the process ended before
  /// it went on.
  public var droppedBuffer: UInt64 = 0
  /// Datagrams dropped: the send buffer of a blocked process was full, or the process ended before its block did.
  public var droppedHeld: UInt64 = 0
  /// Datagrams dropped: nobody was at their destination.
  public var droppedAbsent: UInt64 = 0

  /// Creates counters at zero.
  public init() {}

  /// Datagrams dropped, for whatever cause.
  public var dropped: UInt64 {
    droppedLoss &+ droppedPartition &+ droppedQueue &+ droppedBuffer &+ droppedHeld &+ droppedAbsent
  }
}
