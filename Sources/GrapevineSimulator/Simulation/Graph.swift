// The overlay of a simulated cluster as a graph, and what papers measure of one.

import GrapevineCore

/// An undirected or directed graph over numbered vertices, as it was at one moment.
public struct Graph: Sendable {
  /// The neighbours of each vertex; empty for vertices that are not there.
  public var edges: [[Int32]]
  /// The vertices that are there.
  public var vertices: [Int]

  /// Creates a graph.
  public init(edges: [[Int32]], vertices: [Int]) {
    self.edges = edges
    self.vertices = vertices
  }

  /// The hops from one vertex to every other; -1 where there is no way.
  public func hops(from source: Int) -> [Int32] {
    var hops = [Int32](repeating: -1, count: edges.count)
    hops[source] = 0
    var frontier = [Int32(source)]
    var position = 0
    while position < frontier.count {
      let vertex = Int(frontier[position])
      position += 1
      for next in edges[vertex] where hops[Int(next)] < 0 {
        hops[Int(next)] = hops[vertex] + 1
        frontier.append(next)
      }
    }
    return hops
  }

  /// The mean and the greatest number of hops from some vertices to all that they reach.
  public func pathLength(from sources: [Int]) -> (mean: Double, longest: Int) {
    var sum = 0
    var count = 0
    var longest = 0
    for source in sources {
      let hops = hops(from: source)
      for vertex in vertices where vertex != source && hops[vertex] > 0 {
        sum += Int(hops[vertex])
        count += 1
        longest = max(longest, Int(hops[vertex]))
      }
    }
    return (count == 0 ? 0 : Double(sum) / Double(count), longest)
  }

  /// The sizes of the components that links form, greatest first; of an undirected graph.
  public func components() -> [Int] {
    var seen = [Bool](repeating: false, count: edges.count)
    var sizes: [Int] = []
    for vertex in vertices where !seen[vertex] {
      seen[vertex] = true
      var frontier = [Int32(vertex)]
      var size = 0
      while let next = frontier.popLast() {
        size += 1
        for other in edges[Int(next)] where !seen[Int(other)] {
          seen[Int(other)] = true
          frontier.append(other)
        }
      }
      sizes.append(size)
    }
    return sizes.sorted(by: >)
  }

  /// The mean over all vertices of the share of pairs of its neighbours that are neighbours themselves.
  public func clustering() -> Double {
    var sum = 0.0
    for vertex in vertices {
      let neighbours = edges[vertex]
      guard neighbours.count > 1 else { continue }
      var links = 0
      for neighbour in neighbours {
        for other in edges[Int(neighbour)] where neighbours.contains(other) { links += 1 }
      }
      sum += Double(links) / Double(neighbours.count * (neighbours.count - 1))
    }
    return vertices.isEmpty ? 0 : sum / Double(vertices.count)
  }
}

extension Simulation {
  /// The links between running nodes, as the nodes see them.
  public func graph() -> Graph {
    var edges = [[Int32]](repeating: [], count: processCount)
    var vertices: [Int] = []
    for process in 0..<processCount where identity(of: process) != nil {
      vertices.append(process)
      edges[process] = neighbours(of: process).map { Int32(truncatingIfNeeded: $0) }
    }
    return Graph(edges: edges, vertices: vertices)
  }
}
