// `#expect` cannot look into what cannot be copied.

import Testing

/// Expects what was computed already.
func expect(
  _ condition: Bool, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(condition, comment, sourceLocation: sourceLocation)
}
