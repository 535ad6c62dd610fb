// Which writers are members: ephemeral tuples live as long as theirs.

/// The living members by their runs, and the writers of ephemeral tuples that are none.
struct TupleWriters: ~Copyable {
  /// The runs of living members: open addressing, rebuilt when members come and go.
  private let runs: FixedTable<UInt64>
  private let gone: FixedTable<GoneWriter>
  private(set) var goneCount = 0
  private let seed: UInt64
  let isListed: Bool
  private var known: (fingerprint: UInt64, failed: Int) = (0, 0)
  /// Whether ephemeral tuples are to be looked through.
  var isDirty = false
  /// Whether this node is with most of the members: whoever is not does not judge what others have.
  private(set) var isInTouch = true
  /// Whether nobody else is known, so that there is nobody to judge.
  private(set) var isAlone = false

  /// Writers waited for at once; more wait for their turn. Chosen here.
  private static var goneLimit: Int { 256 }

  /// - Parameter capacity: The places of the list of members; 0 for no list.
  init(capacity: Int, seed: UInt64) {
    runs = FixedTable(count: PlaceIndex.size(capacity: capacity))
    gone = FixedTable(count: Self.goneLimit)
    isListed = capacity > 0
    self.seed = seed | 1
  }

  static func bytes(capacity: Int) -> Int {
    PlaceIndex.size(capacity: capacity) * MemoryLayout<UInt64>.stride
      + goneLimit * MemoryLayout<GoneWriter>.stride
  }

  private func home(_ run: UInt64) -> Int {
    let product = (run ^ seed).multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
    return Int(truncatingIfNeeded: product.high ^ product.low) & (runs.count - 1)
  }

  /// Whether a writer is a member, as far as this node knows.
  func isLiving(_ run: UInt64, own: UInt64) -> Bool {
    guard isListed, run != own else { return true }
    var position = home(run)
    while runs[position] != 0 {
      if runs[position] == run { return true }
      position = (position + 1) & (runs.count - 1)
    }
    return false
  }

  /// Looks at the members again when they are others than before.
  mutating func note(_ members: borrowing MemberTable) {
    guard isListed, known != (members.fingerprint, members.counts.failed) else { return }
    known = (members.fingerprint, members.counts.failed)
    runs.clear(0..<runs.count)
    var (least, leastLiving) = (UInt64.max, UInt64.max)
    for place in 0..<members.placesUsed {
      let member = members[place]
      if member.isLiving {
        enter(member.run)
        leastLiving = min(leastLiving, member.id)
      }
      if member.isLiving || member.hasFailed { least = min(least, member.id) }
    }
    let (living, failed) = (members.livingCount, members.counts.failed)
    isAlone = living <= 1 && failed == 0
    isInTouch = living > failed || living == failed && least == leastLiving
    isDirty = true
  }

  private func enter(_ run: UInt64) {
    var position = home(run)
    while runs[position] != 0 {
      guard runs[position] != run else { return }
      position = (position + 1) & (runs.count - 1)
    }
    runs[position] = run
  }

  /// Notes that an ephemeral tuple's writer is no member.
  mutating func noteGone(_ run: UInt64, now: Instant) {
    for index in 0..<goneCount where gone[index].run == run { return }
    guard goneCount < Self.goneLimit else { return }
    var entry = GoneWriter()
    (entry.run, entry.since) = (run, now)
    gone[goneCount] = entry
    goneCount += 1
  }

  /// Forgets writers that are members again.
  mutating func settle(own: UInt64) {
    var kept = 0
    for index in 0..<goneCount where !isLiving(gone[index].run, own: own) {
      gone[kept] = gone[index]
      kept += 1
    }
    goneCount = kept
  }

  /// A writer that has been gone for `grace`, which is then forgotten here; nil when there is none.
  mutating func takeOverdue(_ grace: Nanoseconds, now: Instant) -> UInt64? {
    for index in 0..<goneCount where gone[index].since + grace <= now {
      let run = gone[index].run
      // Those that found no place wait for this one.
      if goneCount == Self.goneLimit { isDirty = true }
      goneCount -= 1
      gone[index] = gone[goneCount]
      return run
    }
    return nil
  }

  /// When a writer will have been gone for `grace`.
  func deadline(_ grace: Nanoseconds) -> Instant {
    var deadline = Instant.never
    // Who is cut off does not judge.
    guard isInTouch, !isAlone else { return deadline }
    for index in 0..<goneCount { deadline = min(deadline, gone[index].since + grace) }
    return deadline
  }
}

/// A writer of ephemeral tuples that is no member; all zero when unused.
struct GoneWriter: BitwiseCopyable {
  var run: UInt64 = 0
  var since = Instant()

  init() {}
}
