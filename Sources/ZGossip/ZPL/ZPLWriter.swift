// Saving a tree, so that it can be loaded again.

extension ZPLDocument {
  /// The tree as a file: the comments, an empty line, then one item a line as `name = "value"`.
  ///
  /// The original puts every value between `"`, also one that holds a `"`, and cannot load that again; here such a
  /// value stands between `'`.
  public var text: String {
    var text = ""
    for line in lines { text += line + "\n" }
    return text
  }

  /// The lines of `text`.
  var lines: [String] {
    var lines = comments.map { "#" + $0 }
    if !comments.isEmpty { lines.append("") }
    for item in children { Self.append(item, indent: "", to: &lines) }
    return lines
  }

  /// As deep as the tree, which `depthLimit` bounds.
  private static func append(_ item: ZPLItem, indent: String, to lines: inout [String]) {
    // What has no such form is not let in.
    lines.append("\(indent)\(item.name) = \(ZPLSyntax.written(item.value) ?? "\"\"")")
    let deeper = indent + String(repeating: " ", count: ZPLSyntax.indent)
    for child in item.children { append(child, indent: deeper, to: &lines) }
  }
}
