// What can stand in a place of a scenario's line: numbers with units, words, names of files.

import GrapevineCore

/// Some of the processes: so many, or a share of those that there are.
enum Amount: Equatable {
  case count(Int)
  /// 0 to 1.
  case share(Double)

  /// How many of `total` it is: a share is rounded to the nearest number, and nothing is more than all.
  func resolved(of total: Int) -> Int {
    switch self {
    case .count(let count): max(0, min(count, total))
    case .share(let share): max(0, min(total, Int((Double(total) * share).rounded())))
    }
  }
}

/// A value as it was read.
enum ScenarioValue: Equatable {
  case integer(Int)
  case range(ClosedRange<Int>)
  case real(Double)
  case time(Nanoseconds)
  case amount(Amount)
  case text(String)
}

/// What a value has to be.
enum ScenarioValueKind: Sendable {
  /// A whole number.
  case count(ClosedRange<Int>)
  /// A number with decimals.
  case decimal(ClosedRange<Double>)
  /// A time with its unit, up to an hour.
  case time(ClosedRange<Nanoseconds>)
  /// A percentage.
  case share
  /// A number of processes or a percentage of them.
  case amount
  /// Bytes, with or without a unit.
  case size(ClosedRange<Int>)
  /// Bytes, or two numbers of them with `..` between.
  case sizes(ClosedRange<Int>)
  /// Bytes a second.
  case rate
  /// Parts per million.
  case parts(ClosedRange<Int>)
  /// One of some words.
  case word([String])
  /// The name of a file, relative to the scenario's.
  case file
  /// Names with commas between.
  case list

  /// Times up to an hour.
  static let anyTime = Self.time(0...timeLimit)
  /// Times up to an hour, but not none.
  static let someTime = Self.time(1_000...timeLimit)

  static let timeLimit: Nanoseconds = 3_600_000_000_000
  static let rateLimit = 1_000_000_000_000

  private static let timeUnits: [(name: String, scale: UInt64)] = [
    ("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("min", 60_000_000_000),
  ]
  private static let byteUnits: [(name: String, scale: UInt64)] = [
    ("B", 1), ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000),
  ]

  /// How a usage line shows the value.
  var placeholder: String {
    switch self {
    case .count: "COUNT"
    case .decimal: "NUMBER"
    case .time: "TIME"
    case .share: "SHARE"
    case .amount: "AMOUNT"
    case .size, .sizes: "SIZE"
    case .rate: "RATE"
    case .parts: "PARTS"
    case .word(let words): words.joined(separator: "|")
    case .file: "FILE"
    case .list: "NAMES"
    }
  }

  /// What is allowed, in words.
  var allowed: String {
    switch self {
    case .count(let range): "whole numbers from \(range.lowerBound) to \(range.upperBound)"
    case .decimal(let range): "numbers from \(range.lowerBound) to \(range.upperBound)"
    case .time(let range):
      "times from \(Self.text(range.lowerBound)) to \(Self.text(range.upperBound)), such as 20ms, 1.5s or 2min"
    case .share: "shares from 0% to 100%"
    case .amount: "whole numbers up to \(Scenario.nodesLimit), or shares from 0% to 100%"
    case .size(let range): "sizes from \(range.lowerBound)B to \(range.upperBound)B, such as 64, 64B or 1.5kB"
    case .sizes(let range):
      "sizes from \(range.lowerBound)B to \(range.upperBound)B, such as 64, 64B or 1B..200B"
    case .rate: "rates from 1B/s to 1000GB/s, such as 64kB/s or 1.5MB/s"
    case .parts(let range): "\(range.lowerBound)ppm to \(range.upperBound)ppm"
    case .word(let words): words.joined(separator: ", ")
    case .file: "the name of a file"
    case .list: "names with commas between"
    }
  }

  /// Reads a value; nil when it is none of the kind.
  func read(_ text: String) -> ScenarioValue? {
    switch self {
    case .count(let range): Number(text)?.integer.flatMap { range.contains($0) ? .integer($0) : nil }
    case .decimal(let range):
      Number(text).flatMap { number in
        let value = Double(number.billionths) / 1e9
        return range.contains(value) ? .real(value) : nil
      }
    case .time(let range): Self.time(text).flatMap { range.contains($0) ? .time($0) : nil }
    case .share: Self.share(text).map { .real($0) }
    case .amount: Self.share(text).map { .amount(.share($0)) } ?? Self.count(text).map { .amount(.count($0)) }
    case .size(let range): Self.bytes(text).flatMap { range.contains($0) ? .integer($0) : nil }
    case .sizes(let limits): Self.sizes(text, limits).map { .range($0) }
    case .rate:
      text.hasSuffix("/s")
        ? Self.bytes(String(text.dropLast(2)), needsUnit: true).flatMap {
          (1...Self.rateLimit).contains($0) ? .integer($0) : nil
        } : nil
    case .parts(let range):
      text.hasSuffix("ppm")
        ? Number(text.dropLast(3))?.integer.flatMap { range.contains($0) ? .integer($0) : nil } : nil
    case .word(let words): words.contains(text) ? .text(text) : nil
    case .file, .list: .text(text)
    }
  }

  /// A time as scenarios write it: in the largest unit that needs no decimals.
  static func text(_ time: Nanoseconds) -> String {
    let unit = timeUnits.dropLast().last { time % $0.scale == 0 } ?? timeUnits[0]
    return time == 0 ? "0s" : "\(time / unit.scale)\(unit.name)"
  }

  /// Two times with `..` between, or one that is both; nil when it is neither or they are in the wrong order.
  static func interval(_ text: String) -> (from: Nanoseconds, until: Nanoseconds)? {
    guard let (first, second) = split(text) else {
      return time(text).flatMap { $0 <= timeLimit ? ($0, $0) : nil }
    }
    guard let from = time(first), let until = time(second), from <= until, until <= timeLimit else {
      return nil
    }
    return (from, until)
  }

  private static func time(_ text: String) -> Nanoseconds? { scaled(text, timeUnits) }

  private static func bytes(_ text: String, needsUnit: Bool = false) -> Int? {
    if !needsUnit, let plain = Number(text)?.integer { return plain }
    return scaled(text, byteUnits).flatMap { Int(exactly: $0) }
  }

  private static func sizes(_ text: String, _ limits: ClosedRange<Int>) -> ClosedRange<Int>? {
    let ends = split(text) ?? (text, text)
    guard let low = bytes(ends.0), let high = bytes(ends.1), low <= high, limits.contains(low),
      limits.contains(high)
    else { return nil }
    return low...high
  }

  private static func share(_ text: String) -> Double? {
    guard text.hasSuffix("%"), let number = Number(text.dropLast()) else { return nil }
    return number.billionths <= 100_000_000_000 ? Double(number.billionths) / 1e11 : nil
  }

  private static func count(_ text: String) -> Int? {
    Number(text)?.integer.flatMap { $0 <= Scenario.nodesLimit ? $0 : nil }
  }

  /// A number and its unit.
  private static func scaled(_ text: String, _ units: [(name: String, scale: UInt64)]) -> UInt64? {
    let number = text.prefix { $0.isASCII && $0.isNumber || $0 == "." }
    let unit = units.first { $0.name == text.dropFirst(number.count) }
    return unit.flatMap { Number(number)?.times($0.scale) }
  }

  /// What stands before and behind the first `..`.
  private static func split(_ text: String) -> (String, String)? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 2,
      let dots = (0..<bytes.count - 1).first(where: { bytes[$0] == 0x2e && bytes[$0 + 1] == 0x2e })
    else { return nil }
    return (
      String(decoding: bytes[..<dots], as: UTF8.self), String(decoding: bytes[(dots + 2)...], as: UTF8.self)
    )
  }
}
