// The page with the papers' tables: one file that needs nothing else, for readers who do not read the code.

import GrapevineConsole
import GrapevineSimulator

/// Writes the page.
///
/// It is a function of the figures alone: neither the date nor how long the runs took is on it, so two pages
/// of equal runs are equal.
struct ReportPage {
  private let outcome: PapersOutcome

  init(_ outcome: PapersOutcome) { self.outcome = outcome }

  /// The page.
  var html: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8"/>
    <meta name="viewport" content="width=device-width, initial-scale=1"/>
    <title>Grapevine: the papers&#39; tables</title>
    <style>
    \(ReportStyle.sheet)</style>
    </head>
    <body>
    <h1>Grapevine: the papers&#39; tables</h1>
    \(introduction)\(summary)\(reading)\(sections)</body>
    </html>

    """
  }

  // MARK: Parts

  private var introduction: String {
    let runs = outcome.runs.values.reduce(0) { $0 + $1.count }
    let experiments = outcome.plan.tables.reduce(0) { $0 + $1.experiments.count }
    let tables = outcome.plan.tables.count
    return """
      <p>Papers on gossip report what their protocols cost and reach in simulations. This page repeats
      \(Self.count(tables, "of those tables", one: "of those tables")) with Grapevine&#39;s simulator and sets our figures beside theirs, and beside what
      no protocol can do better where that is known. Each of the \(Self.count(experiments, "experiments", one: "experiment")) ran with several
      seeds of its random numbers, \(Self.count(runs, "runs", one: "run")) in all, from seed
      \(outcome.plan.firstSeed) on, with Grapevine \(Markup.escaped(Release.version)). The same command gives the
      same figures on any machine:</p>
      <p><code>\(Markup.escaped(outcome.plan.command)) --report papers.html</code></p>

      """
  }

  private var summary: String {
    var text = "<h2 id=\"summary\">Summary</h2>\n<p><strong>\(Markup.escaped(outcome.summary))</strong></p>\n"
    text += "<div class=\"scroll\"><table>\n<tr><th>table</th><th>source</th><th>yes</th><th>no</th>"
    text += "<th>open</th><th>shown</th></tr>\n"
    for (index, (table, results)) in outcome.tables.enumerated() {
      text += "<tr><td class=\"wide\"><a href=\"#table\(index)\">\(Markup.escaped(table.title))</a></td>"
      text += "<td>\(Markup.escaped(table.source))</td>"
      for verdict in [PaperVerdict.yes, .no, .open, .shown] {
        let count = results.count { $0.verdict == verdict }
        text +=
          "<td class=\"number\(count > 0 ? " \(verdict.rawValue)" : "")\">\(count > 0 ? "\(count)" : "")</td>"
      }
      text += "</tr>\n"
    }
    text += "</table></div>\n"
    let missed = outcome.tables.flatMap { table, results in
      results.filter { !$0.verdict.isReached }.map { (table, $0) }
    }
    guard !missed.isEmpty else { return text }
    text += "<h3>Rows that are not reached</h3>\n<ul>\n"
    for (table, result) in missed {
      let ours = result.summary.map { "ours is \(PaperNumber.estimate($0).mean)" } ?? "there is no figure"
      let reach = PaperNumber.text(result.row.reach)
      let note = result.note.isEmpty ? "" : "; \(result.note)"
      let words =
        "\(table.title), \(result.row.title): \(ours)"
        + (reach.isEmpty ? "" : ", asked for is \(reach)") + note
      text += "<li><span class=\"verdict \(result.verdict.rawValue)\">\(result.verdict.rawValue)</span> "
      text += "\(Markup.escaped(words))</li>\n"
    }
    return text + "</ul>\n"
  }

  private var reading: String {
    """
    <h2 id="reading">How to read this page</h2>
    <p>In each table, <em>ours</em> is the mean over the runs and <em>95 % CI</em> its confidence interval by
    Student&#39;s t: of 100 such intervals about 95 hold the mean that endless runs would have. <em>Limit</em> is
    what no protocol can do better under the same conditions. <em>Reach</em> is what is asked of ours:</p>
    <dl>
    <dt>at most, at least, from to</dt><dd>The mean keeps the limit.</dd>
    <dt>a reference with ±</dt><dd>The confidence interval, widened on both sides by what the reference&#39;s last
    printed digit leaves open, holds the reference. One right figure in 20 misses it by chance where the interval
    is wider than the rounding; a wide interval is easily right, so look at its width.</dd>
    </dl>
    <p>The verdict is <span class="verdict yes">yes</span> when that is so, <span class="verdict no">no</span>
    when it is not or a run failed, <span class="verdict open">open</span> when there are too few runs to say,
    and <span class="verdict shown">shown</span> when nothing is asked.</p>
    <p>The letters behind the papers&#39; figures say how they are known:</p>
    <dl>
    <dt>[S]</dt><dd>Read in the source itself.</dd>
    <dt>[S2]</dt><dd>Read in somebody else&#39;s notes on the source.</dd>
    <dt>[R]</dt><dd>Reproduced by a second, independent simulation.</dd>
    <dt>[D]</dt><dd>Derived from first principles.</dd>
    <dt>[M]</dt><dd>From memory and not checked against the source; printed for comparison, and nothing is judged
    by it alone.</dd>
    </dl>
    <p>In the plots a line is the mean over the runs. The band or the upright strokes around it go from the least
    to the greatest run. A dotted line was not measured: it is a law or a paper&#39;s figure. A run that ends
    earlier than others keeps its last value. Histograms count all runs together.</p>

    """
  }

  private var sections: String {
    outcome.tables.enumerated().map { index, entry in section(index, entry.table, entry.results) }.joined()
  }

  private func section(_ index: Int, _ table: PaperTable, _ results: [PaperResult]) -> String {
    var text = "<h2 id=\"table\(index)\">\(Markup.escaped(table.title))</h2>\n"
    text += "<p class=\"source\">\(Markup.escaped(table.source)). Alone: "
    text += "<code>\(Markup.escaped("grapevine simulate --papers --only \(table.id)"))</code></p>\n"
    text += "<p>\(Markup.escaped(table.setup))</p>\n"
    if !results.isEmpty {
      text += "<div class=\"scroll\"><table>\n<tr>"
      text += PapersOutcome.header.map { "<th>\(Markup.escaped($0))</th>" }.joined() + "</tr>\n"
      text += results.map(row).joined() + "</table></div>\n"
    }
    let plots = table.allPlots(outcome.runs)
    guard !plots.isEmpty else { return text }
    let figures = plots.map { PlotFigure(plot: $0, runs: outcome.runs).html }
    return text + "<div class=\"plots\">\n\(figures.joined())</div>\n"
  }

  private func row(_ result: PaperResult) -> String {
    let cells = outcome.cells(result).map(Markup.escaped)
    let title = Markup.escaped(result.row.title)
    let note = result.note.isEmpty ? "" : "<span class=\"note\">\(Markup.escaped(result.note))</span>"
    var text = "<tr><td class=\"wide\">\(title)\(note)</td><td>\(cells[1])</td><td>\(cells[2])</td>"
    text += cells[3..<7].map { "<td class=\"number\">\($0)</td>" }.joined()
    return text + "<td class=\"verdict \(result.verdict.rawValue)\">\(cells[7])</td></tr>\n"
  }

  private static func count(_ number: Int, _ many: String, one: String) -> String {
    "\(number) \(number == 1 ? one : many)"
  }
}
