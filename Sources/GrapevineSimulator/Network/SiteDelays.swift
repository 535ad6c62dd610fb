// Delays between the sites of a network, and the table they are read from.

import GrapevineCore

/// Delays between sites, in the order of a matrix, and which process lives where.
public struct SiteDelays: Sendable, Equatable {
  /// The names of the sites: those of the header, or their numbers from 1.
  public let names: [String]
  /// The sites of the processes, from process 0 on and repeated as often as needed. Default: every site once,
  /// chosen here: processes go round the sites.
  public var assignment: [Int] {
    didSet { assignment = Self.usable(assignment, sites: names.count) }
  }

  private let delays: [Nanoseconds]

  /// The greatest number of sites.
  public static let sitesLimit = 256
  /// The longest delay of a table, in milliseconds.
  public static let delayLimit = 60_000

  private init(names: [String], delays: [Nanoseconds]) {
    self.names = names
    self.delays = delays
    assignment = Array(names.indices)
  }

  private static func usable(_ assignment: [Int], sites: Int) -> [Int] {
    let known = assignment.filter { (0..<sites).contains($0) }
    return known.isEmpty ? Array(0..<sites) : known
  }

  /// The number of the site in which a process lives.
  public func site(of process: Int) -> Int { assignment[abs(process % assignment.count)] }

  /// The delay from one process to another.
  func delay(from source: Int, to target: Int) -> Nanoseconds {
    delays[site(of: source) * names.count + site(of: target)]
  }
}

extension SiteDelays {
  /// Reads a table of delays: a line for each site, with the milliseconds to every site between commas.
  ///
  /// The delays from a site stand in its line, those to it in its column; the diagonal is the delay within a
  /// site. A first line of names is optional, and so are names in front of every line, which must then be the
  /// same; a name begins with neither a digit nor a sign. Empty lines and what follows `#` do not count.
  ///
  /// - Parameters:
  ///   - bytes: The text, in UTF-8, at most 1 MiB.
  ///   - file: What errors call it.
  /// - Throws: `ScenarioError` with the line, what was found and what is allowed.
  public init(csv bytes: [UInt8], file: String) throws(ScenarioError) {
    let lines = try TextLines(bytes, file: file)
    var header: [String]?
    var names: [String] = []
    var rows: [[Nanoseconds]] = []
    for line in lines.lines {
      var cells = Self.cells(line.text)
      let isName = cells.map { cell in cell.first.map { !"0123456789+-.".contains($0) } ?? false }
      // A header is a first line of names; its first cell may be empty, above the names of the lines.
      if header == nil, rows.isEmpty, isName.dropFirst().allSatisfy({ $0 }), isName.count > 1 || isName[0] {
        header = cells
        continue
      }
      if isName[0] { names.append(cells.removeFirst()) }
      guard names.isEmpty || names.count == rows.count + 1 else {
        throw line.error("found \(quoted(cells[0])); allowed is the name of a site, as in the lines before")
      }
      guard rows.count < Self.sitesLimit else {
        throw line.error("found site \(rows.count + 1); allowed are at most \(Self.sitesLimit) sites")
      }
      rows.append(try Self.delays(cells, line, count: rows.first?.count))
    }
    guard let width = rows.first?.count, let last = lines.lines.last else {
      throw ScenarioError(
        file: file, line: 1, message: "found no delays; allowed is a line of milliseconds for each site")
    }
    guard rows.count == width else {
      throw last.error("found \(rows.count) lines of \(width) delays; allowed are as many lines as delays")
    }
    self.init(
      names: try Self.names(header, names, width, lines.lines[0]), delays: rows.flatMap { $0 })
  }

  private static func cells(_ text: String) -> [String] {
    text.split(separator: ",", omittingEmptySubsequences: false).map { cell in
      let trimmed = cell.drop { $0 == " " || $0 == "\t" }
      return String(trimmed.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
  }

  private static func delays(
    _ cells: [String], _ line: TextLines.Line, count: Int?
  ) throws(ScenarioError) -> [Nanoseconds] {
    guard cells.count == count ?? cells.count, !cells.isEmpty, cells.count <= sitesLimit else {
      let allowed = count.map { "\($0)" } ?? "1 to \(sitesLimit)"
      throw line.error("found \(cells.count) delays; allowed are \(allowed)")
    }
    var delays: [Nanoseconds] = []
    for cell in cells {
      guard let number = Number(cell), number.billionths <= UInt64(delayLimit) * 1_000_000_000 else {
        throw line.error("found \(quoted(cell)); allowed are milliseconds from 0 to \(delayLimit)")
      }
      delays.append(number.billionths / 1_000)
    }
    return delays
  }

  /// The names of the sites out of the header, the lines, or their numbers.
  private static func names(
    _ header: [String]?, _ names: [String], _ count: Int, _ line: TextLines.Line
  ) throws(ScenarioError) -> [String] {
    guard var header else { return names.isEmpty ? (1...count).map { "\($0)" } : names }
    if !names.isEmpty, header.count == count + 1 { header.removeFirst() }
    guard header.count == count else {
      throw line.error("found \(header.count) names; allowed are \(count), one for each delay of a line")
    }
    guard names.isEmpty || names == header else {
      throw line.error("found a header that differs from the names of the lines; allowed are the same names")
    }
    guard Set(header).count == count, !header.contains("") else {
      throw line.error("found a name twice or an empty one; allowed are \(count) different names")
    }
    return header
  }
}
