// Members that are not out of a node's table: for programs that show or test with them.

extension Member {
  /// Creates a member of which little is known: its `incarnation` and `protocolVersion` are 0.
  ///
  /// - Parameter since: Since when `status` is thought of it, on the clock of the node's driver.
  public init(
    id: StableID, run: MemberID, endpoint: Endpoint, name: String? = nil, tags: [String: String] = [:],
    status: MemberStatus = .alive, since: Instant = Instant()
  ) {
    self.init(
      id: id, run: run, name: name, endpoint: endpoint, incarnation: 0, protocolVersion: 0, tags: tags,
      status: status, since: since)
  }
}
