// What must hold while a run goes on, and at its end.

import GrapevineCore

extension TupleLedger {
  /// Nothing is shown after its time.
  func checkExpiry(in simulation: Simulation) {
    for process in seats.indices where seats[process].isRunning && !seats[process].isWild {
      let time = simulation.timeOfDay(of: process)
      for (key, version) in seats[process].shown {
        guard let expiry = writes[version]?.expiresAt, expiry != 0, expiry + 100 < time else { continue }
        fail("\(process) still shows \(String(decoding: key, as: UTF8.self)) \(version)", simulation)
      }
    }
  }

  /// Whether all members have the same map.
  ///
  /// While removals are given up, which each does in its own time, the fingerprints tell those apart that have not
  /// yet: then it is enough that all show the same tuples. So it is while tuples are renewed, which never ends.
  func areEqual(in simulation: Simulation) -> Bool {
    let members = seats.indices.filter { seats[$0].isRunning }
    guard let first = members.first else { return true }
    let (fingerprint, tuples) = (simulation.tupleFingerprint(at: first), simulation.tuples(at: first))
    let removals = simulation.tombstoneCount(at: first)
    return members.allSatisfy { member in
      guard simulation.lifecycle(of: member) == .connected else { return false }
      let others = simulation.tuples(at: member)
      guard others == tuples else {
        return others.count == tuples.count
          && zip(others, tuples).allSatisfy {
            $0 == $1 || $0.key == $1.key && isSameRenewed($0.version, $1.version)
          }
      }
      return simulation.tupleFingerprint(at: member) == fingerprint
        || simulation.tombstoneCount(at: member) != removals
    }
  }

  /// Whether two versions are the same tuple, which its writer goes on renewing.
  private func isSameRenewed(_ left: TupleVersion, _ right: TupleVersion) -> Bool {
    guard let (left, right) = writes[left].flatMap({ left in writes[right].map { (left, $0) } }) else {
      return false
    }
    return left.isRenewed && right.isRenewed && left.process == right.process && left.value == right.value
  }

  /// What members have at the end is what was written last and not lost.
  func checkEnd(in simulation: Simulation) {
    let members = seats.indices.filter { seats[$0].isRunning }
    for process in members {
      let tuples = simulation.tuples(at: process)
      let visible = Dictionary(uniqueKeysWithValues: tuples.map { ($0.key, $0.version) })
      if visible != seats[process].shown {
        fail("\(process) shows other tuples than it has reported", simulation)
      }
    }
    for (key, list) in versions where !contested.contains(key) {
      let known = members.compactMap { seats[$0].floors[key] }.max()
      guard let known, list.contains(known), let write = writes[known] else { continue }
      let expected = expectation(write, known, in: simulation)
      for process in members {
        let present = simulation.tuple(key, at: process)
        guard let expected, present?.version != expected.version else { continue }
        if let version = expected.version, let present, isSameRenewed(present.version, version) { continue }
        fail(
          "\(process) has \(present.map { "\($0.version)" } ?? "nothing") of \(String(decoding: key, as: UTF8.self)) "
            + "in the end, not \(expected.version.map { "\($0)" } ?? "nothing")", simulation)
      }
    }
  }

  /// What is to be seen of a key in the end, when a write is the last; nil when either may be.
  private func expectation(_ write: TupleWrite, _ version: TupleVersion, in simulation: Simulation) -> (
    version: TupleVersion?, Void
  )? {
    if write.isRemoval { return (nil, ()) }
    let writer = simulation.identity(of: write.process)
    let isLiving = writer == version.writer && simulation.lifecycle(of: write.process) == .connected
    if write.isEphemeral { return (isLiving ? version : nil, ()) }
    guard write.expiresAt != 0 else { return (version, ()) }
    if write.isRenewed, isLiving { return (version, ()) }
    let time = simulation.timeOfDay(of: write.process)
    if write.expiresAt + 2 * slack < time { return (nil, ()) }
    return hadWildClock || write.expiresAt < time + 2 * slack ? nil : (version, ())
  }
}
