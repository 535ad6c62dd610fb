// Clusters that are there at once.

import GrapevineCore

extension Simulation {
  /// Adds as many processes as the graph has vertices, whose nodes are neighbours along its edges from the
  /// start, without a handshake. The graph must be undirected.
  public func startAll(_ graph: Graph) throws(ConfigurationError) {
    let first = processes.count
    var identities: [MemberID] = []
    for vertex in graph.edges.indices {
      let process = addProcess()
      var generator = Generator(seed: seed &+ UInt64(process) &* 0x1_0000_0001)
      identities.append(MemberID(generator.next()))
      let node = try Node(
        configuration: configuration, identity: identities[vertex], seed: generator.next(),
        receiveWindow: 512, advertised: Self.endpoint(of: process))
      processes[process].start(node)
    }
    for vertex in graph.edges.indices {
      let neighbours = graph.edges[vertex].map {
        (member: identities[Int($0)], endpoint: Self.endpoint(of: first + Int($0)))
      }
      processes[first + vertex].node?.pointee.assume(neighbours, now: now, into: &effects)
      settle(first + vertex)
    }
  }

  /// Has all running nodes know each other as members, as if each had heard of all others.
  public func assumeMembers() {
    let all = processes.indices.compactMap { process in
      identity(of: process).map { (run: $0, endpoint: Self.endpoint(of: process)) }
    }
    for process in processes.indices {
      processes[process].node?.pointee.assumeMembers(all, now: clock(of: process))
      settle(process)
    }
  }
}

extension Graph {
  /// A random graph in which every vertex has the same number of neighbours: rings through all vertices in
  /// random orders, and for an odd number one matching besides. Now and then two of them share an edge.
  ///
  /// - Parameter count: The number of vertices; even where `degree` is odd.
  public static func regular(count: Int, degree: Int, using generator: inout Generator) -> Graph {
    var edges = [[Int32]](repeating: [], count: count)
    var order = Array(0..<Int32(truncatingIfNeeded: count))
    func link(_ one: Int32, _ other: Int32) {
      guard one != other, !edges[Int(one)].contains(other) else { return }
      edges[Int(one)].append(other)
      edges[Int(other)].append(one)
    }
    for round in 0..<(degree + 1) / 2 {
      for index in stride(from: count - 1, to: 0, by: -1) {
        order.swapAt(index, generator.below(index + 1))
      }
      let isMatching = degree % 2 == 1 && round == degree / 2
      for index in stride(from: 0, to: count, by: isMatching ? 2 : 1) {
        link(order[index], order[(index + 1) % count])
      }
    }
    return Graph(edges: edges, vertices: Array(0..<count))
  }
}
