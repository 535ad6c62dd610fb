// The tree that a file of ZPL describes.
//
// ZPL is ZeroMQ's property language (ZeroMQ RFC 4), here as CZMQ 4.2.1 reads it: one item a line, its depth given by
// its indentation. What the original reads and what it refuses was tried on it; the few differences are listed at
// `ZPLDocument.init(parsing:)`.

/// A named value, and the items below it.
public struct ZPLItem: Equatable, Sendable {
  /// Letters, digits and `$-_@.&+/`, at least one, no slash first or last.
  public let name: String
  /// What stands behind the `=`; empty when nothing does.
  public internal(set) var value: String
  /// The line it was read from, from 1; 0 when a program made it or changed its value.
  public internal(set) var line: Int
  /// The items below it, in order; several may have the same name.
  public internal(set) var children: [ZPLItem] = []
}

/// A tree of named values, and comments at its head.
///
/// Whatever it holds can be saved and loaded again: what could not be is refused when it comes in.
public struct ZPLDocument: Equatable, Sendable {
  /// The longest text that is read or written, in bytes, chosen here: settings of a node need a few hundred.
  public static let textLimit = 262_144
  /// The longest line that is read or written, in bytes, chosen here.
  public static let lineLimit = 16_384
  /// How many levels of items there may be, chosen here.
  public static let depthLimit = 64

  /// The comments that begin in the first column, without their `#`. Others are not kept.
  public internal(set) var comments: [String] = []
  /// The items of the first level, in order.
  public internal(set) var children: [ZPLItem] = []

  /// Creates an empty tree.
  public init() {}

  /// The value at a path such as `server/timeout`: at each level the first item of that name. Nil when there is none.
  ///
  /// A slash before the path is passed over. A name that holds a slash itself is found by no path.
  public subscript(path: String) -> String? { first(path)?.value }

  /// The item at a path, found as by the subscript.
  public func first(_ path: String) -> ZPLItem? {
    var items = children
    var found: ZPLItem?
    for name in Self.names(path) {
      found = items.first { $0.name == name }
      guard let found else { return nil }
      items = found.children
    }
    return found
  }

  /// Gives the item at a path a value, and makes what is missing on the way there.
  ///
  /// - Throws: when the path has an empty or impossible name or more than `depthLimit` of them; when the value holds a
  ///   line break or a zero byte, or quotes of both kinds in a form that needs some around it; when a line or the
  ///   whole text would become too long. The tree is then as it was.
  public mutating func set(_ path: String, to value: String) throws(ZPLError) {
    let names = Self.names(path)
    guard names.count <= Self.depthLimit else {
      throw ZPLError(line: 0, "the path has more than \(Self.depthLimit) names; use fewer")
    }
    for name in names where !ZPLSyntax.isName(name.utf8) {
      throw ZPLError(
        line: 0, "`\(name)` in the path is no name; a name has letters, digits and \(ZPLSyntax.nameSigns)")
    }
    guard !value.utf8.contains(0x0a), !value.utf8.contains(0) else {
      throw ZPLError(line: 0, "the value holds a line break or a zero byte, which no file could say")
    }
    guard ZPLSyntax.written(value) != nil else {
      throw ZPLError(line: 0, "the value holds both \" and ', which no file could say; use one of them")
    }
    var changed = self
    Self.put(value, at: names[...], in: &changed.children)
    try changed.checkSize()
    self = changed
  }

  /// Refuses a tree that would be too long as a text.
  func checkSize() throws(ZPLError) {
    var size = 0
    for line in lines {
      size &+= line.utf8.count &+ 1
      guard line.utf8.count <= Self.lineLimit else {
        throw ZPLError(line: 0, "a line of it would have more than \(Self.lineLimit) bytes; shorten it")
      }
    }
    guard size <= Self.textLimit else {
      throw ZPLError(line: 0, "it would be longer than \(Self.textLimit) bytes; remove some of it")
    }
  }

  private static func names(_ path: String) -> [Substring] {
    let relative = path.hasPrefix("/") ? path.dropFirst() : path[...]
    return relative.split(separator: "/", omittingEmptySubsequences: false)
  }

  /// As deep as there are names, which the caller has counted.
  private static func put(_ value: String, at names: ArraySlice<Substring>, in items: inout [ZPLItem]) {
    guard let name = names.first else { return }
    let index: Int
    if let known = items.firstIndex(where: { $0.name == name }) {
      index = known
    } else {
      index = items.count
      items.append(ZPLItem(name: String(name), value: "", line: 0))
    }
    if names.count == 1 {
      items[index].value = value
      items[index].line = 0
    } else {
      put(value, at: names.dropFirst(), in: &items[index].children)
    }
  }
}
