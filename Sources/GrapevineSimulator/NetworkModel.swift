// What a virtual network does to datagrams.

import GrapevineCore

/// The faults and delays of a virtual network; all probabilities are per datagram and independent.
public struct NetworkModel: Sendable, Equatable {
  /// The shortest delay of a datagram. Default: 1 ms, chosen here.
  public var delayLow = Duration.milliseconds(1)
  /// The longest delay of a datagram; delays are uniform between the two. Default: 10 ms, chosen here.
  public var delayHigh = Duration.milliseconds(10)
  /// The probability that a datagram is lost. Default: 0, chosen here.
  public var loss = 0.0
  /// The probability that a datagram arrives twice. Default: 0, chosen here.
  public var duplication = 0.0
  /// The probability that one bit or more of a datagram is changed. Default: 0, chosen here.
  public var corruption = 0.0
  /// The probability that a datagram is held back by up to ten times the longest delay, so that later ones
  /// overtake it. Default: 0, chosen here.
  public var reordering = 0.0

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
