// The six messages as they are read: views of the datagram, which they must not outlive.

import GrapevineCore

/// How far an originator has come, as STATUS and DATA say.
public struct PittacusVersion: Hashable, Sendable, BitwiseCopyable {
  /// The originator's number of a message; its first is 1 for peers that count so.
  public var number: UInt32
  /// The originator.
  public var id: PittacusID

  /// Creates a version.
  public init(number: UInt32, id: PittacusID) {
    self.number = number
    self.id = id
  }
}

/// A decoded message; lists and payloads lie in the datagram that it was read from.
public enum PittacusMessage {
  /// Somebody wants in.
  case hello(sequence: UInt32, PittacusMember)
  /// Somebody took us in; `answers` is the sequence number of the HELLO.
  case welcome(sequence: UInt32, answers: UInt32, PittacusMember)
  /// Members.
  case memberList(sequence: UInt32, PittacusMembers)
  /// An acknowledgement of what had the sequence number `of`.
  case acknowledgement(sequence: UInt32, of: UInt32)
  /// A message of an application.
  case data(sequence: UInt32, PittacusVersion, payload: UnsafeRawBufferPointer)
  /// What the sender has.
  case status(sequence: UInt32, PittacusClock)
}

/// The records of a STATUS, at most 20.
public struct PittacusClock {
  let bytes: UnsafeRawBufferPointer

  /// The number of records.
  public var count: Int { bytes.count / PittacusWire.clockRecord }

  /// The record at `index`, which must be below `count`.
  public subscript(index: Int) -> PittacusVersion {
    let offset = index &* PittacusWire.clockRecord
    return PittacusVersion(
      number: bytes.big(UInt32.self, at: offset),
      id: PittacusID(bytes: bytes.big(UInt64.self, at: offset &+ 4)))
  }
}

/// The records of a MEMBER_LIST, whose form was checked as a whole.
public struct PittacusMembers {
  /// The number of records.
  public let count: Int
  private var rest: UnsafeRawBufferPointer

  /// Checks `count` records at the start of `bytes`.
  init(_ bytes: UnsafeRawBufferPointer, count: Int) throws(DecodeError) {
    var offset = 0
    for _ in 0..<count { offset &+= try PittacusMember.read(bytes, at: offset).length }
    self.count = count
    rest = UnsafeRawBufferPointer(rebasing: bytes[0..<offset])
  }

  /// Takes the next record; nil after the last. Its endpoint may be one that nothing can be sent to.
  public mutating func next() -> PittacusMember? {
    do throws(DecodeError) {
      let (member, length) = try PittacusMember.read(rest, at: 0)
      rest = UnsafeRawBufferPointer(rebasing: rest[length...])
      return member
    } catch {
      return nil
    }
  }
}
