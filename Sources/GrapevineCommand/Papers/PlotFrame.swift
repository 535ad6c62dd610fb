// The frame of a plot: its size, its axes with marks and names, and nothing inside it.

import GrapevineConsole

/// The frame and the axes of a plot, in the units of its SVG.
struct PlotFrame: Sendable {
  static let width = 640.0
  static let height = 340.0
  static let left = 74.0
  static let right = 622.0
  static let top = 12.0
  static let bottom = 286.0

  let x: PlotScale
  let y: PlotScale
  let xLabel: String
  let yLabel: String

  /// The horizontal axis of a plot that spans `values`.
  static func horizontal(_ values: [Double], _ options: PlotScale.Options) -> PlotScale {
    PlotScale(values, from: left, to: right, options)
  }

  /// The vertical axis of a plot that spans `values`.
  static func vertical(_ values: [Double], _ options: PlotScale.Options) -> PlotScale {
    PlotScale(values, from: bottom, to: top, options)
  }

  /// The SVG with the axes and what is drawn between them.
  ///
  /// - Parameter title: What readers hear who do not see it.
  func svg(title: String, _ body: String) -> String {
    let name = Markup.escaped(title)
    let box = "0 0 \(Self.number(Self.width)) \(Self.number(Self.height))"
    return
      "<svg viewBox=\"\(box)\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"\(name)\">\n"
      + "<title>\(name)</title>\n" + grid + body + axes + "</svg>\n"
  }

  /// A coordinate with one decimal.
  static func number(_ value: Double) -> String {
    let text = Fixed.text(value, decimals: 1)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  static func line(_ from: (Double, Double), _ to: (Double, Double), _ kind: String) -> String {
    "<line class=\"\(kind)\" x1=\"\(number(from.0))\" y1=\"\(number(from.1))\" x2=\"\(number(to.0))\" "
      + "y2=\"\(number(to.1))\"/>\n"
  }

  private static func text(_ text: String, _ x: Double, _ y: Double, _ rest: String) -> String {
    "<text x=\"\(number(x))\" y=\"\(number(y))\" \(rest)>\(Markup.escaped(text))</text>\n"
  }

  private var grid: String {
    let rows = y.ticks.map { tick in
      Self.line((Self.left, y.position(tick.value)), (Self.right, y.position(tick.value)), "grid")
    }
    let columns = x.ticks.map { tick in
      Self.line((x.position(tick.value), Self.top), (x.position(tick.value), Self.bottom), "grid")
    }
    return (rows + columns).joined()
  }

  private var axes: String {
    var text = Self.line((Self.left, Self.bottom), (Self.right, Self.bottom), "axis")
    text += Self.line((Self.left, Self.top), (Self.left, Self.bottom), "axis")
    for tick in x.ticks {
      // A label at the right edge would leave the picture if it stood centred and were long.
      let place = min(x.position(tick.value), Self.width - Double(tick.label.count) * 4.2)
      text += Self.text(tick.label, place, Self.bottom + 17, "class=\"tick\" text-anchor=\"middle\"")
    }
    for tick in y.ticks {
      text += Self.text(
        tick.label, Self.left - 7, y.position(tick.value) + 4, "class=\"tick\" text-anchor=\"end\"")
    }
    let middle = (Self.left + Self.right) / 2
    text += Self.text(xLabel, middle, Self.height - 12, "class=\"name\" text-anchor=\"middle\"")
    let height = (Self.top + Self.bottom) / 2
    text += Self.text(
      yLabel, 16, height,
      "class=\"name\" text-anchor=\"middle\" transform=\"rotate(-90 16 \(Self.number(height)))\"")
    return text
  }
}

/// How the series of a plot are told apart: eight colours, and dashes from the ninth on.
enum PlotStyle {
  static let colours = 8

  static func name(_ index: Int) -> String {
    let dash = index / colours % 3
    return "s\(index % colours)" + (dash > 0 ? " dash\(dash)" : "")
  }
}
