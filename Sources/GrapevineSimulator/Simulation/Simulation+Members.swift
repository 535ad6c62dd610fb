// What the nodes of a simulation think of each other.

import GrapevineCore

extension Simulation {
  /// How many members the node of a process knows, by what it thinks of them; none after a crash.
  public func memberCounts(of process: Int) -> MemberCounts {
    processes[process].node?.pointee.memberCounts ?? MemberCounts()
  }

  /// What the node of one process knows of another process, which has no name of its own.
  public func member(of process: Int, seenBy observer: Int) -> Member? {
    processes[observer].node?.pointee.member(StableID(address: Self.endpoint(of: process)))
  }

  /// How much the node of a process doubts itself, 0 to 8.
  public func localHealth(of process: Int) -> Int { processes[process].node?.pointee.localHealth ?? 0 }
}
