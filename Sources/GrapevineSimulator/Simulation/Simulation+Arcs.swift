// Who holds whom: what is measured of overlays whose links have a direction.

import GrapevineCore

extension Simulation {
  /// The size of the partial view of the node of a process; 0 after a crash.
  public func outCount(of process: Int) -> Int { processes[process].node?.pointee.outCount ?? 0 }

  /// The size of the in-view of the node of a process; 0 after a crash.
  public func inCount(of process: Int) -> Int { processes[process].node?.pointee.inCount ?? 0 }

  /// The processes that the node of a process holds in its partial view and that run.
  public func outNeighbours(of process: Int) -> [Int] {
    (processes[process].node?.pointee.outNeighbours ?? []).compactMap(runningProcess)
  }

  /// Whether the node of a process is a member.
  public func isMember(_ process: Int) -> Bool { processes[process].node?.pointee.lifecycle == .connected }

  /// The process with an address, if a node runs in it.
  func runningProcess(at endpoint: Endpoint) -> Int? {
    guard let ipv4 = endpoint.ipv4 else { return nil }
    let index = Int(ipv4 & 0x00ff_ffff) - 1
    return processes.indices.contains(index) && processes[index].node != nil ? index : nil
  }
}
