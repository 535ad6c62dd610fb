import Foundation

/// Long simulations run here, one after the other: on the tests' own two or so threads they would keep the
/// tests that use real sockets from running at all.
private let queue = DispatchQueue(label: "simulations", qos: .utility)

/// Runs `body` off the threads of the tests.
func aside<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
  try await withCheckedThrowingContinuation { continuation in
    queue.async { continuation.resume(with: Result(catching: body)) }
  }
}
