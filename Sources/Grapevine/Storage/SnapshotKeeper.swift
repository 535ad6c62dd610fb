// When the members are written, and what is done with them at the next start.

import GrapevineCore

/// Decides on the node's thread when its members go to the disk.
final class SnapshotKeeper {
  /// What became of the members of the run before.
  let recovery: SnapshotRecovery
  /// These members.
  let recalled: MemberSnapshot
  let writer: SnapshotWriter
  private let name: String
  /// Whether there is something that the disk does not know.
  private var isDirty = false
  /// Whether a snapshot was handed over of which it is not known yet whether it is on the disk.
  private var isUnsettled = false
  private var hasChanged = false
  private var earliest = Instant()
  private var parting: MemberSnapshot?

  /// The least time between two snapshots, and to the next attempt when one failed. Chosen here: a cluster that
  /// starts is written a few times and not with each of its members, and what a crash loses, others still know.
  static let interval: Nanoseconds = 5_000_000_000
  /// Members asked at a start without contacts. Chosen here: most may be gone by then, and each costs a datagram
  /// every now and then.
  static let contactLimit = 32

  /// Opens the directory for the node of the given name, empty for none, and reads what is there.
  init(directory path: String, name: String) throws(SnapshotError) {
    let directory = try SnapshotDirectory(path)
    let (stored, recovery) = try directory.load()
    self.recovery = recovery
    self.name = name
    var recalled = stored?.snapshot ?? MemberSnapshot()
    // Whoever had another name was another member, and its incarnation says nothing about this one.
    if stored?.name != name { recalled.incarnation = 0 }
    self.recalled = recalled
    writer = SnapshotWriter(directory)
  }

  /// As above, for a node that may have no directory.
  convenience init?(directory path: String?, for configuration: Configuration) throws(SnapshotError) {
    guard let path else { return nil }
    try self.init(directory: path, name: configuration.membership?.name ?? "")
  }

  /// Whom to ask for the cluster, in random order; `own` is not among them.
  ///
  /// Half of them are the first of the snapshot, who lived when it was written; the others are drawn from the rest.
  func contacts(without own: Endpoint?) -> [Endpoint] {
    let candidates = recalled.members.lazy.map(\.endpoint).filter { $0 != own }
    let first = candidates.prefix(Self.contactLimit / 2)
    let others = candidates.dropFirst(Self.contactLimit / 2).shuffled().prefix(
      Self.contactLimit - first.count)
    return (Array(first) + others).shuffled()
  }

  /// Notes that the members are others than before.
  func noteChange() {
    isDirty = true
    hasChanged = true
  }

  /// Notes what of the events changes the members.
  func note(_ events: [Event]) {
    for event in events {
      switch event {
      case .member(.suspected, _, _, _): break
      case .member, .lifecycle(.connected): noteChange()
      default: break
      }
    }
  }

  /// Hands the members over to be written, when it is time.
  func advance(now: Instant, members: () -> MemberSnapshot) {
    // What a node that leaves forgets is not to be forgotten here.
    guard now >= earliest, isDirty || isUnsettled, parting == nil else { return }
    if isUnsettled {
      // While the disk takes that long, another snapshot would only wait for it.
      guard let isSettled = writer.isSettled else {
        earliest = now + Self.interval
        return
      }
      isUnsettled = false
      if !isSettled { isDirty = true }
    }
    guard isDirty else { return }
    writer.submit(StoredSnapshot(name: name, snapshot: members()))
    isDirty = false
    isUnsettled = true
    earliest = now + Self.interval
  }

  /// When `advance` must be called at the latest.
  var deadline: Instant { (isDirty || isUnsettled) && parting == nil ? earliest : .never }

  /// Remembers the members as they are when the node is told to leave, before it forgets any.
  func part(_ members: MemberSnapshot) { parting = members }

  /// Forgets that the node was told to leave: it joins again.
  func rejoin() { parting = nil }

  /// What to write last, after which nothing is written until the node joins again; nil when the node never had
  /// anything to write.
  func last(_ members: MemberSnapshot) -> StoredSnapshot? {
    guard hasChanged else { return nil }
    var snapshot = parting ?? members
    parting = snapshot
    snapshot.incarnation = max(snapshot.incarnation, members.incarnation)
    return StoredSnapshot(name: name, snapshot: snapshot)
  }
}
