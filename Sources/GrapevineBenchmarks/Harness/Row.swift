// One line of a benchmark table.

import Grapevine

/// What was measured, and what it should be.
struct Row {
  /// How a value is held against what it should reach.
  enum Reach {
    case atLeast(Double)
    case atMost(Double)
    /// Printed for information only.
    case none
  }

  var id: String
  var value: Double
  var unit: String
  /// The range of the runs.
  var low: Double
  var high: Double
  var reach = Reach.none
  /// Whether the reach is a promise that every single run has to keep.
  var everyRun = false
  var note = ""

  /// The unit of a row that could not be measured.
  static let failure = "not measured"

  /// Makes the row of something that could not be measured.
  init(failed id: String, because error: any Error) {
    self.init(id, [], Self.failure, reach: .atLeast(0), note: "\(error)")
  }

  /// Makes a row of the median and the range of several runs.
  init(
    _ id: String, _ runs: [Double], _ unit: String, reach: Reach = .none, everyRun: Bool = false,
    note: String = ""
  ) {
    let sorted = runs.sorted()
    self.id = id
    self.unit = unit
    value = sorted.isEmpty ? .nan : sorted[sorted.count / 2]
    low = sorted.first ?? .nan
    high = sorted.last ?? .nan
    self.reach = reach
    self.everyRun = everyRun
    self.note = note
  }

  /// Whether the median reaches what it should; with `everyRun`, whether the worst run does.
  var holds: Bool {
    switch reach {
    case .atLeast(let limit): (everyRun ? low : value) >= limit
    case .atMost(let limit): (everyRun ? high : value) <= limit
    case .none: true
    }
  }

  var reachText: String {
    switch reach {
    case .atLeast(let limit): ">= " + Self.text(limit)
    case .atMost(let limit): "<= " + Self.text(limit)
    case .none: "-"
    }
  }

  /// The row as one JSON object. `reach` is a number and `reachIs` says on which side of it the value must
  /// lie; both and `holds` are null where nothing is to be reached.
  var json: String {
    let (limit, side): (String, String) =
      switch reach {
      case .atLeast(let limit): (Self.number(limit), "\"atLeast\"")
      case .atMost(let limit): (Self.number(limit), "\"atMost\"")
      case .none: ("null", "null")
      }
    let escaped = note.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : $0 == "\n" ? " " : "\($0)" }.joined()
    return "{\"id\":\"\(id)\",\"value\":\(Self.number(value)),\"unit\":\"\(unit)\","
      + "\"low\":\(Self.number(low)),\"high\":\(Self.number(high)),\"reach\":\(limit),\"reachIs\":\(side),"
      + "\"holds\":\(limit == "null" ? "null" : String(holds)),\"note\":\"\(escaped)\"}"
  }

  static func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }

  /// A number for people: three or four digits that matter, thousands grouped.
  static func text(_ value: Double) -> String {
    guard value.isFinite else { return "?" }
    if value.magnitude >= 1_000 {
      var digits = String(Int(value.rounded()))
      var grouped = ""
      while digits.count > 3 {
        grouped = "," + digits.suffix(3) + grouped
        digits.removeLast(3)
      }
      return digits + grouped
    }
    let scale = value.magnitude >= 100 ? 10.0 : value.magnitude >= 1 ? 100.0 : 10_000.0
    let rounded = (value * scale).rounded() / scale
    return rounded == rounded.rounded() ? String(Int(rounded)) : "\(rounded)"
  }
}

/// Where rows go: a table that grows as they come, or one JSON object a line.
struct Report {
  let json: Bool
  private(set) var failed: [String] = []

  init(json: Bool) { self.json = json }

  func title(_ text: String) {
    if !json { System.print("\n\(text)") }
  }

  mutating func add(_ row: Row) {
    if !row.holds || !row.value.isFinite || row.unit == Row.failure { failed.append(row.id) }
    if json {
      System.print(row.json)
      return
    }
    let verdict = if case .none = row.reach { " " } else { row.holds ? "yes" : "NO" }
    System.print(
      "  " + pad(row.id, 34) + pad(Row.text(row.value) + " " + row.unit, 24)
        + pad("[\(Row.text(row.low)) .. \(Row.text(row.high))]", 28) + pad(row.reachText, 14)
        + pad(verdict, 5)
        + row.note)
  }

  private func pad(_ text: String, _ width: Int) -> String {
    text.count >= width ? text + " " : text + String(repeating: " ", count: width - text.count)
  }
}
