// Text inside HTML and SVG.

/// Escaping for pages that are well-formed as XML too.
package enum Markup {
  /// The text with everything escaped that would be read as markup, in elements and in quoted attributes;
  /// control characters, which XML does not allow, become spaces.
  package static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\n": result += "\n"
      case _ where scalar.isControl || scalar.value & 0xfffe == 0xfffe: result += " "
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
