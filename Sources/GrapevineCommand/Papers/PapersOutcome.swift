// What the papers' tables came to, and how a terminal and a program are told.

import GrapevineConsole
import GrapevineSimulator

/// The rows of all tables with their verdicts.
struct PapersOutcome: Sendable {
  /// What was asked for.
  let plan: PapersPlan
  /// The runs of each experiment by its `id`.
  let runs: [String: [PaperRun]]
  /// The tables with their rows, in the order of the plan.
  let tables: [(table: PaperTable, results: [PaperResult])]
  /// How long it took.
  let seconds: Double
  /// The tables that an interruption left without some of their runs.
  var unfinished = 0

  init(_ plan: PapersPlan, runs: [String: [PaperRun]], seconds: Double) {
    self.plan = plan
    self.runs = runs
    self.seconds = seconds
    tables = plan.tables.map { ($0, $0.results(runs)) }
  }

  private var results: [PaperResult] { tables.flatMap(\.results) }

  /// How many rows have a verdict.
  func count(_ verdict: PaperVerdict) -> Int { results.count { $0.verdict == verdict } }

  /// Whether every row is as it should be.
  var isReached: Bool { unfinished == 0 && results.allSatisfy { $0.verdict.isReached } }

  /// What goes to standard output.
  var output: String {
    switch plan.format {
    case .text: text
    case .json(let withSamples): json(withSamples: withSamples)
    case .csv: csv
    }
  }

  /// The summary in a sentence.
  var summary: String {
    let judged = results.count - count(.shown)
    var text = "\(count(.yes)) of \(judged) judged rows are reached"
    if count(.no) > 0 { text += ", \(count(.no)) not" }
    if count(.open) > 0 { text += ", \(count(.open)) open for lack of runs" }
    if count(.shown) > 0 { text += "; \(count(.shown)) more only shown" }
    if unfinished > 0 { text += "; interrupted, tables left out: \(unfinished)" }
    return text + "."
  }

  // MARK: Text

  private var text: String {
    var text = ""
    for (table, results) in tables {
      text += "\(table.id): \(table.title)\n"
      for line in TextColumns.wrapped("\(table.source). \(table.setup)", 108) { text += "  \(line)\n" }
      text += "\n"
      let cells = results.map(cells)
      text += TextColumns(header: Self.header, widths: Self.widths).text(cells)
      text += "\n"
    }
    text += summary + "\n"
    for (table, results) in tables {
      for result in results where !result.verdict.isReached {
        let note = result.note.isEmpty ? "" : ": \(result.note)"
        let verdict = result.verdict == .open ? "open" : "not reached"
        let words = "\(verdict): \(table.id), \(result.row.title)\(note)"
        for line in TextColumns.wrapped(words, 108) { text += "  \(line)\n" }
      }
    }
    let count = runs.values.reduce(0) { $0 + $1.count }
    return text + "\(count) runs from seed \(plan.firstSeed) in \(PapersProgress.clock(seconds)).\n"
  }

  static let header = ["what", "paper", "limit", "ours", "95 % CI", "runs", "reach", "verdict"]
  private static let widths = [34, 22, 18, 12, 22, 6, 18, 7]

  /// A row as cells, in the order of the header; what has to be known besides stands behind the title.
  func cells(_ result: PaperResult) -> [String] {
    let estimate = result.summary.map(PaperNumber.estimate)
    return [
      result.row.title + (result.note.isEmpty ? "" : " (\(result.note))"), result.row.paper,
      result.row.limit, estimate?.mean ?? "-", estimate?.interval ?? "-",
      result.summary.map { "\($0.count)" } ?? "0", PaperNumber.text(result.row.reach),
      result.verdict.rawValue,
    ]
  }

  // MARK: JSON

  private func json(withSamples: Bool) -> String {
    var output = JSONWriter()
    for (table, results) in tables {
      for result in results {
        output.object { Self.write(result, of: table, withSamples: withSamples, to: &$0) }
      }
    }
    output.object {
      $0.field("summary", true)
      $0.field("version", Release.version)
      $0.field("seed", plan.firstSeed)
      $0.field("runs", runs.values.reduce(0) { $0 + $1.count })
      $0.field("rows", results.count)
      for verdict in [PaperVerdict.yes, .no, .open, .shown] { $0.field(verdict.rawValue, count(verdict)) }
      $0.field("unfinished", unfinished)
      $0.field("seconds", seconds)
    }
    return String(decoding: output.bytes, as: UTF8.self)
  }

  private static func write(
    _ result: PaperResult, of table: PaperTable, withSamples: Bool, to object: inout JSONWriter
  ) {
    object.field("table", table.id)
    object.field("title", table.title)
    object.field("source", table.source)
    object.field("experiment", result.row.experiment)
    object.field("value", result.row.value)
    object.field("what", result.row.title)
    object.field("paper", result.row.paper)
    object.field("limit", result.row.limit)
    object.field("reach", PaperNumber.text(result.row.reach))
    write(result.row.reach, to: &object)
    object.field("runs", result.summary?.count ?? 0)
    object.field("mean", exact: result.summary?.mean)
    object.field("standardDeviation", exact: result.summary?.standardDeviation)
    object.field("low", exact: result.summary?.interval?.lowerBound)
    object.field("high", exact: result.summary?.interval?.upperBound)
    object.field("minimum", exact: result.summary?.minimum)
    object.field("maximum", exact: result.summary?.maximum)
    object.field("verdict", result.verdict.rawValue)
    object.field("note", result.note)
    guard withSamples else { return }
    object.field("samples") { samples in
      for sample in result.samples { samples.field("\(sample.seed)", exact: sample.value) }
    }
  }

  /// The numbers of what is asked for, for programs.
  private static func write(_ reach: PaperReach, to object: inout JSONWriter) {
    switch reach {
    case .atMost(let limit): object.field("atMost", exact: limit)
    case .atLeast(let limit): object.field("atLeast", exact: limit)
    case .within(let range):
      object.field("atLeast", exact: range.lowerBound)
      object.field("atMost", exact: range.upperBound)
    case .reference(let reference, let rounding):
      object.field("reference", exact: reference)
      object.field("rounding", exact: rounding)
    case .shown: break
    }
  }

  // MARK: CSV

  private var csv: String {
    var text = CSV.line([
      "table", "experiment", "value", "what", "paper", "limit", "runs", "mean", "deviation", "low", "high",
      "reach", "verdict", "note",
    ])
    for (table, results) in tables {
      for result in results {
        let summary = result.summary
        func number(_ number: Double?) -> String { number.map { Fixed.short($0) } ?? "" }
        text += CSV.line([
          table.id, result.row.experiment, result.row.value, result.row.title, result.row.paper,
          result.row.limit, "\(summary?.count ?? 0)", number(summary?.mean),
          number(summary?.standardDeviation), number(summary?.interval?.lowerBound),
          number(summary?.interval?.upperBound), PaperNumber.text(result.row.reach),
          result.verdict.rawValue, result.note,
        ])
      }
    }
    return text
  }
}
