// What campaigns have in common: runs that follow from their seeds, each of which puts promises to the test.

import GrapevineCore

/// A run that puts promises to the test; what happens in it follows from the seed.
public protocol Campaign: Sendable {
  /// What comes of a run.
  associatedtype Report: CampaignReport

  /// The option of `grapevine simulate` that chooses it.
  static var flag: String { get }
  /// The seed.
  var seed: UInt64 { get set }
  /// Whether it is a small and short run, for tests.
  var isShort: Bool { get }

  /// Creates the run of a seed.
  init(seed: UInt64, isShort: Bool)

  /// Runs it.
  ///
  /// - Parameter log: Told everything that happens, when it is wanted.
  func run(log: ((String) -> Void)?) throws(ConfigurationError) -> Report
}

extension Campaign {
  /// Runs it without telling anybody what happens.
  public func run() throws(ConfigurationError) -> Report { try run(log: nil) }

  /// The command that repeats this run.
  public var replayCommand: String {
    "grapevine simulate \(Self.flag)\(isShort ? " --short" : "") --trace --seed \(seed) --runs 1"
  }
}

/// What came of a run of a campaign.
public protocol CampaignReport: Sendable {
  /// What was not as it must be; empty when all was.
  var failures: [String] { get }
  /// Events handled.
  var events: UInt64 { get }
  /// The hash of the run.
  var trace: UInt64 { get }
}

extension CampaignReport {
  /// Whether all was as it must be.
  public var holds: Bool { failures.isEmpty }
}
