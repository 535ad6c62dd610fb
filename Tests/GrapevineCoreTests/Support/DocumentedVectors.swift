// The examples that the documents show.

import Foundation

/// The bytes of the blocks marked `vectors` in a file of `Docs`, by name; empty when there is no such file.
func documentedVectors(in file: String) -> [String: [UInt8]] {
  let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  let text = (try? String(contentsOf: root.appending(path: "Docs/\(file)"), encoding: .utf8)) ?? ""
  var vectors: [String: [UInt8]] = [:]
  var isInside = false
  for line in text.split(separator: "\n") {
    if line.hasPrefix("```") {
      isInside = line == "```vectors"
    } else if isInside, let colon = line.firstIndex(of: ":") {
      let digits = Array(line[line.index(after: colon)...].drop { $0 == " " })
      vectors[String(line[..<colon])] = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
        UInt8(String(digits[$0...$0 + 1]), radix: 16)
      }
    }
  }
  return vectors
}
