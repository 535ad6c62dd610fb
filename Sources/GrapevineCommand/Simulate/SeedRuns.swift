// One seed after the other, some at a time.

/// Runs something with `count` seeds from the first on, `jobs` of them at a time, and hands over each outcome as
/// it comes.
///
/// - Parameters:
///   - run: One run; on any thread.
///   - finish: Takes an outcome; where this function was called.
/// - Throws: The first error of a run.
func runSeeds<Subject: Sendable, Outcome: Sendable>(
  from seed: UInt64, count: Int, jobs: Int, isolation: isolated (any Actor)? = #isolation,
  run: @escaping @Sendable (UInt64) throws -> (Subject, Outcome), finish: (Subject, Outcome) -> Void
) async throws {
  try await withThrowingTaskGroup(of: (Subject, Outcome).self) { group in
    for index in 0..<count {
      if index >= jobs, let (subject, outcome) = try await group.next() { finish(subject, outcome) }
      group.addTask { try run(seed + UInt64(index)) }
    }
    while let (subject, outcome) = try await group.next() { finish(subject, outcome) }
  }
}
