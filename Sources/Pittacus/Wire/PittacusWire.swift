// The numbers of Pittacus' wire format.
//
// Pittacus has no specification: these are the values of its sources (izeigerman/pittacus, commit dde7e62, 2017)
// and of datagrams that its nodes exchanged.

/// What the wire allows.
public enum PittacusWire {
  /// The longest datagram either way, in bytes: peers receive into a buffer of this size.
  public static let datagramLimit = 512
  /// The longest payload of one message, in bytes: what is left beside the head of DATA.
  public static let payloadLimit = 486
  /// Clock records that one STATUS may hold: peers decode into an array of this size, without a check.
  public static let statusLimit = 20
  /// Member records that peers put into one MEMBER_LIST; they take more, but nobody sends them more.
  public static let memberListLimit = 3
  /// The version that a member record says.
  public static let version: UInt16 = 1

  /// Bytes that every message begins with: the protocol, the type, two reserved bytes, the sequence number.
  static let header = 12
  /// Bytes before the payload of DATA.
  static let dataHeader = 26
  /// Bytes of one record of STATUS.
  static let clockRecord = 12
  /// Bytes of a member record before the address.
  static let memberHeader = 10
  /// "ptcs" and a zero byte, and then the type: the first six bytes as a big-endian number without its type.
  static let magic: UInt64 = 0x7074_6373_0000
}

/// The types of messages.
public enum PittacusKind: UInt8, Sendable, CaseIterable {
  /// I want in. Answered by `welcome`.
  case hello = 1
  /// You are in.
  case welcome = 2
  /// These are members. Acknowledged.
  case memberList = 3
  /// I have what you numbered so.
  case acknowledgement = 4
  /// A message of an application. Acknowledged.
  case data = 5
  /// The newest number that I have of each originator. Acknowledged.
  case status = 6
}
