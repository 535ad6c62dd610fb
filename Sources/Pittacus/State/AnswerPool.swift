// The records of STATUS datagrams that answer a particular peer, until they are sent.

import GrapevineCore

/// A ring of lists of records. A list that was overwritten before it was sent is replaced by a general one.
struct AnswerPool: ~Copyable {
  private let records = FixedTable<PittacusVersion>(count: size * PittacusWire.statusLimit)
  private let counts = FixedTable<Int>(count: size)
  /// The number of the list under way: the first is 1.
  private(set) var current: UInt64 = 1

  private static let size = 64

  /// In the place of a list's number: a STATUS of originators in turn, without those that were active last.
  static let onlyInTurn = UInt64.max

  /// The records so far of the list under way.
  var count: Int { counts[place(current)] }

  /// Appends a record to the list under way, which has room for as many as a STATUS.
  mutating func append(_ version: PittacusVersion) {
    let place = place(current)
    guard counts[place] < PittacusWire.statusLimit else { return }
    records[place * PittacusWire.statusLimit + counts[place]] = version
    counts[place] += 1
  }

  /// Whether the list under way names an originator.
  func names(_ id: PittacusID) -> Bool {
    let place = place(current)
    return (0..<counts[place]).contains { records[place * PittacusWire.statusLimit + $0].id == id }
  }

  /// Empties the list under way.
  func discard() { counts[place(current)] = 0 }

  /// Ends the list under way and returns its number.
  mutating func finish() -> UInt64 {
    let number = current
    current &+= 1
    counts[place(current)] = 0
    return number
  }

  /// The number of records of a finished list; 0 when there is none of that number any more.
  func count(of number: UInt64) -> Int {
    number > 0 && number < current && current &- number < UInt64(Self.size) ? counts[place(number)] : 0
  }

  /// A record of a finished list.
  func record(_ index: Int, of number: UInt64) -> PittacusVersion {
    records[place(number) * PittacusWire.statusLimit + index]
  }

  private func place(_ number: UInt64) -> Int { Int(number % UInt64(Self.size)) }
}
