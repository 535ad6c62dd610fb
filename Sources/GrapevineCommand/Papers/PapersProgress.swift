// How far the papers' tables are, and how long they are likely to take.

/// A look at all runs at one moment.
struct PapersProgress: Sendable {
  /// One experiment.
  struct Part: Sendable {
    var total: Int
    var finished: Int
    /// The shares of the runs under way, added up.
    var partial = 0.0
    /// The mean over the finished runs, or what those under way promise; nil while neither is known.
    var secondsPerRun: Double?
    var isHeavy = false
  }

  /// Runs at the same time.
  var jobs: Int
  /// What was heard of last.
  var last = ""
  /// Seconds since the start.
  var elapsed = 0.0
  var parts: [Part] = []

  init(jobs: Int, last: String = "") {
    self.jobs = jobs
    self.last = last
  }

  var total: Int { parts.reduce(0) { $0 + $1.total } }
  var finished: Int { parts.reduce(0) { $0 + $1.finished } }

  /// The share of all work that is done, 0 to 1, with the runs under way as far as they are; runs count as long
  /// as they take.
  var share: Double {
    let mean = meanSeconds ?? 1
    let done = parts.reduce(0) { $0 + (Double($1.finished) + $1.partial) * ($1.secondsPerRun ?? mean) }
    let all = parts.reduce(0) { $0 + Double($1.total) * ($1.secondsPerRun ?? mean) }
    return all > 0 ? min(1, done / all) : 1
  }

  /// Seconds that are left; nil while nothing is known of any run.
  var left: Double? {
    guard let mean = meanSeconds else { return nil }
    return parts.reduce(0) { sum, part in
      let runs = max(0, Double(part.total - part.finished) - part.partial)
      return sum + runs * (part.secondsPerRun ?? mean) / Double(part.isHeavy ? 1 : max(1, jobs))
    }
  }

  /// What an experiment is taken for of which nothing is known: the mean of the others.
  private var meanSeconds: Double? {
    let known = parts.compactMap(\.secondsPerRun)
    return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
  }

  private static let width = 24

  /// The line for a terminal, at most `columns` wide.
  func line(columns: Int) -> String {
    let filled = min(Self.width, Int(Double(Self.width) * share))
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: Self.width - filled)
    let rest = left.map { ", about \(Self.clock($0)) left" } ?? ""
    let text =
      "[\(bar)] \(Int(share * 100)) %, \(finished) of \(total) runs, \(Self.clock(elapsed))\(rest); \(last)"
    return String(text.prefix(max(1, columns - 1)))
  }

  /// Seconds as 1:05 or 2:03:04.
  static func clock(_ seconds: Double) -> String {
    let whole = seconds.isFinite && seconds > 0 ? Int(min(seconds, 1e9).rounded()) : 0
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let minutes = whole / 60 % 60
    return whole >= 3_600
      ? "\(whole / 3_600):\(two(minutes)):\(two(whole % 60))" : "\(minutes):\(two(whole % 60))"
  }
}
