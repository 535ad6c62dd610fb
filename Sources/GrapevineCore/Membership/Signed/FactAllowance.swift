// What signed facts may cost.
//
// To find a signature wrong costs as much as to find it right, and whoever holds the cluster's key can invent signatures
// without end, or repeat what somebody signed once. So each source pays for what it has checked, and gets back what was
// right and changed the table: who tells news never runs out, and who lies soon costs next to nothing. What was checked
// once is known by its bytes.

/// How many facts of each source are checked.
struct FactAllowance: ~Copyable {
  /// A wrong fact is paid for in this time, so that one source costs a node ten checks a second. Chosen here.
  static let price: Nanoseconds = 100_000_000
  /// Wrong facts that are checked before the first is paid for; also what can wait to be checked. Chosen here: more
  /// than the largest datagram holds.
  static let burst = 64

  /// Links have a place each; everybody else shares so many by address.
  private static let links = 64
  private static let strangers = 256

  /// When what a source owes is paid, as in the virtual scheduling algorithm of ITU-T I.371 (annex A).
  private let debts = FixedTable<UInt64>(count: links + strangers)
  private let key: SecretKey

  /// Bytes that it takes.
  static var bytes: Int { (links + strangers) * MemoryLayout<UInt64>.stride }

  init(key: SecretKey) { self.key = key }

  /// The source that stands for a link, or for the address of somebody without one: whatever the port, and for IPv6 the
  /// network, of which anybody has as many as they like.
  func source(slot: Int?, endpoint: Endpoint?) -> Int {
    if let slot, slot < Self.links { return slot }
    guard let endpoint else { return Self.links }
    var hash = SipHash(key: key)
    hash.add(endpoint.high)
    if endpoint.ipv4 != nil { hash.add(endpoint.low) }
    return Self.links + Int(truncatingIfNeeded: hash.finish() % UInt64(Self.strangers))
  }

  /// Has a source pay for a fact.
  ///
  /// - Returns: False when it owes too much: the fact is not to be checked.
  func pay(_ source: Int, now: Instant) -> Bool {
    let start = max(debts[source], now.nanoseconds)
    guard start &- now.nanoseconds < Self.price * UInt64(Self.burst) else { return false }
    debts[source] = start &+ Self.price
    return true
  }

  /// A link is another neighbour's, who owes nothing.
  func clear(slot: Int) {
    if slot < Self.links { debts[slot] = 0 }
  }

  /// Gives a source back what it paid for a fact that was right, and news.
  func payBack(_ source: Int) { debts[source] = debts[source] > Self.price ? debts[source] &- Self.price : 0 }
}
