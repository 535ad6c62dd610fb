// Real nodes of zgossip in a process of their own, which is driven by lines: Tests/ZGossipPeers/peer.c says by which.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A process with one real node; it ends with the value.
final class RealPeers {
  private let child: Child

  /// The program, as `make zgossip-peers` builds it.
  static func program() throws -> String {
    for folder in [".build/", System.executableFolder + "../", System.executableFolder + "../../"] {
      let path = folder + "zgossip/peer"
      if access(path, X_OK) == 0 { return path }
    }
    throw BenchmarkError("the program with real nodes is missing: build it with `make zgossip-peers`")
  }

  init() throws { child = try Child(Self.program(), []) }

  /// Sends a line and waits for its answer.
  @discardableResult
  func ask(_ line: String) throws -> String {
    try child.say(line)
    guard let answer = child.line(seconds: 90), !answer.hasPrefix("error ") else {
      throw BenchmarkError("a real node did not do: \(line)")
    }
    return answer
  }

  /// Listens at a free port; returns where.
  func bind() throws -> String {
    "tcp://127.0.0.1:\(Int(try Fields.needed("port", in: ask("bind tcp://127.0.0.1:!"))))"
  }

  /// Waits until so many keys are known; says how many are.
  func wait(for count: Int, seconds: Int = 30) throws -> Int {
    Int(try Fields.needed("waited", in: ask("wait \(count) \(seconds * 1_000)")))
  }

  /// How many deliveries there were.
  func deliveries() throws -> Int { Int(try Fields.needed("delivered", in: ask("delivered"))) }

  /// How many keys are known, and a hash of all that is.
  func dump() throws -> String { String(try ask("dump").dropFirst("dump ".count)) }

  /// Ends the process as a crash would.
  func end() { child.end(SIGKILL) }
}
