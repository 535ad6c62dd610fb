// The benchmarks: every row of `make bench` that is about the core.

@main
struct Main {
  static func main() async throws {
    try await run(Array(CommandLine.arguments.dropFirst()))
  }

  nonisolated static func run(_ arguments: [String]) async throws {
    let a = arguments
    try await Task.detached {
      switch a.first {
      case "flood-receive": try await Flood.receive(count: Int(a[1])!, packing: a[2] == "1", segments: a[3] == "1")
      case "flood-send": try await Flood.send(to: a[1], count: Int(a[2])!, size: Int(a[3])!, packing: a[4] == "1", segments: a[5] == "1")
      default: Standard.print("?")
      }
    }.value
  }
}
