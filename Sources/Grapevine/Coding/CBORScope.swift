// An opened container: which pairs a map has, how many elements an array has.
//
// The pairs are kept in the order of their keys. Documents of our own writer already are; others are sorted
// here. So a lookup is a guess (the pair after the last one found) and else a binary search, two equal keys
// are neighbours and cannot go unnoticed, and no order of keys that a sender chooses makes lookups slow.

/// A container of the document, while a type reads from it.
final class CBORScope {
  /// The content of one key; the value follows it.
  struct Pair {
    let key: UInt32
    let keyCount: UInt32

    /// The offset of the pair's value.
    var value: UInt32 { key + keyCount }
  }

  let input: CBORInput
  /// The container around this one, and which of its pairs or elements this is.
  private let outer: CBORScope?
  private let ordinal: UInt32
  /// Pairs or elements.
  let count: Int
  /// The pairs of a map, in the order of their keys; empty for an array.
  let pairs: [Pair]
  private let isMap: Bool
  @exclusivity(unchecked) private var guess = 0

  init(array head: CBORHead, of decoder: CBORDecoder) {
    input = decoder.input
    outer = decoder.scope
    ordinal = decoder.ordinal
    count = head.count
    pairs = []
    isMap = false
  }

  /// Opens a map; throws when a key is not text or occurs twice.
  init(map head: CBORHead, of decoder: CBORDecoder) throws {
    input = decoder.input
    outer = decoder.scope
    ordinal = decoder.ordinal
    count = head.count
    pairs = try Self.index(head, of: decoder)
    isMap = true
  }

  private static func index(_ head: CBORHead, of decoder: CBORDecoder) throws -> [Pair] {
    let view = decoder.input.view
    var pairs: [Pair] = []
    pairs.reserveCapacity(head.count)
    var isSorted = true
    var last = UnsafeRawBufferPointer(start: nil, count: 0)
    var offset = head.next
    for index in 0..<head.count {
      guard let key = view.content(at: offset), key.major == .text else {
        let found = view.content(at: offset)?.kind ?? "nothing"
        throw DecodingError.dataCorrupted(decoder.context(.keyNotText(found: found), offset: offset))
      }
      let text = view.slice(at: key.next, count: key.count)
      isSorted = isSorted && (index == 0 || CBORView.order(last, text) < 0)
      last = text
      pairs.append(Pair(key: UInt32(key.next), keyCount: UInt32(key.count)))
      offset = view.end(of: key.next + key.count)
    }
    guard !isSorted else { return pairs }
    return try sort(pairs, of: decoder)
  }

  private static func sort(_ pairs: [Pair], of decoder: CBORDecoder) throws -> [Pair] {
    let view = decoder.input.view
    func text(_ pair: Pair) -> UnsafeRawBufferPointer {
      view.slice(at: Int(pair.key), count: Int(pair.keyCount))
    }
    let sorted = pairs.sorted { CBORView.order(text($0), text($1)) < 0 }
    for (pair, next) in zip(sorted, sorted.dropFirst()) where CBORView.order(text(pair), text(next)) == 0 {
      let key = view.text(at: Int(next.key), count: Int(next.keyCount))
      throw DecodingError.dataCorrupted(
        decoder.context(.duplicateKey(key), offset: Int(max(pair.key, next.key))))
    }
    return sorted
  }

  /// The value under `key`; nil when the map lacks it.
  func find(_ key: borrowing some CodingKey) -> CBORDecoder? {
    var name = key.stringValue
    return name.withUTF8 { text in
      let text = UnsafeRawBufferPointer(text)
      let view = input.view
      var (low, high, middle) = (0, pairs.count, guess)
      while low < high {
        if middle < low || middle >= high { middle = low + (high - low) / 2 }
        let pair = pairs[middle]
        let order = CBORView.order(text, view.slice(at: Int(pair.key), count: Int(pair.keyCount)))
        if order == 0 {
          guess = middle + 1
          return CBORDecoder(input: input, scope: self, offset: pair.value, ordinal: UInt32(middle))
        }
        if order < 0 { high = middle } else { low = middle + 1 }
        middle = low + (high - low) / 2
      }
      return nil
    }
  }

  /// The text of the key of the pair at `index`.
  func name(at index: Int) -> String {
    guard pairs.indices.contains(index) else { return "" }
    return input.view.text(at: Int(pairs[index].key), count: Int(pairs[index].keyCount))
  }

  /// The key or index of the pair or element at `index`, for a coding path.
  func key(at index: Int) -> PathKey {
    isMap ? PathKey(stringValue: name(at: index)) : PathKey(intValue: index)
  }

  /// The path to this container.
  var codingPath: [any CodingKey] {
    guard let outer else { return [] }
    return outer.codingPath + [outer.key(at: Int(ordinal))]
  }
}
