// Who knows whom as a member: what is asked of simulated nodes that keep a list of members.

import GrapevineCore

extension Simulation {
  /// Which member the node of a process is, over all its runs: simulated nodes have no names, so its address says.
  public static func stableID(of process: Int) -> StableID { StableID(address: endpoint(of: process)) }

  /// The members that the node of a process knows, itself among them, in no particular order; empty after a crash
  /// and of a node that keeps no list.
  public func members(of process: Int) -> [Member] { processes[process].node?.pointee.members ?? [] }

  /// What the node of one process knows of another process; nil when it does not know it.
  public func member(of process: Int, seenBy observer: Int) -> Member? {
    processes[observer].node?.pointee.member(Self.stableID(of: process))
  }

  /// How many members the node of a process knows, by what it thinks of them; zero after a crash.
  public func memberCounts(of process: Int) -> MemberCounts {
    processes[process].node?.pointee.memberCounts ?? MemberCounts()
  }

  /// How much the node of a process doubts itself, Lifeguard's local health multiplier: 0, well, to 8.
  public func localHealth(of process: Int) -> Int { processes[process].node?.pointee.localHealth ?? 0 }

  /// Whether every connected node takes exactly the connected nodes to be alive, in their present runs.
  ///
  /// Counts are compared first, so that asking often costs little while it is not so.
  public func isMembershipComplete() -> Bool {
    let connected = processes.indices.filter { lifecycle(of: $0) == .connected }
    guard connected.allSatisfy({ memberCounts(of: $0).alive == connected.count }) else { return false }
    let runs = connected.map { (process: $0, run: identity(of: $0)) }
    return connected.allSatisfy { observer in
      runs.allSatisfy { other in
        let member = member(of: other.process, seenBy: observer)
        return member?.status == .alive && member?.run == other.run
      }
    }
  }
}
