// `grapevine bench`: the benchmarks are a program of their own, beside this one.

import GrapevineConsole

/// Becomes `grapevine-bench`, which was built into the same directory.
enum BenchCommand {
  /// Returns only when the benchmarks cannot be started.
  static func main(_ arguments: [String]) -> Int32 {
    SiblingProgram(
      command: "bench", name: "grapevine-bench",
      remedy: "build it with 'swift build -c release' or run 'make bench'"
    ).run(arguments)
  }
}
