import GrapevineTransport
import Testing

/// Has each test run on a thread of its own: it waits for other processes, and would keep others from the few threads
/// that all tests share.
struct OwnThread: TestTrait, SuiteTrait, TestScoping {
  var isRecursive: Bool { true }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    guard testCase != nil else { return try await function() }
    let loop = try EventLoop(name: "test", stackBytes: 4 << 20)
    defer { loop.stop() }
    try await withTaskExecutorPreference(loop) { try await function() }
  }
}

extension Trait where Self == OwnThread {
  static var ownThread: Self { OwnThread() }
}
