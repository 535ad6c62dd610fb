@testable import GrapevineCore

/// The examples of tuples. The document's bytes were computed by another implementation, from what it says.
extension WireVector {
  private static let clock: UInt64 = 1_764_547_200_000 << 16 | 3

  private static func tuple(
    _ key: String, _ value: [UInt8], _ writer: UInt64, _ traits: TupleTraits = [], expiresAt: UInt64 = 0
  ) -> ModelTuple {
    var tuple = ModelTuple(Array(key.utf8), value, clock: clock)
    (tuple.writer, tuple.traits, tuple.expiresAt) = (writer, traits, expiresAt)
    return tuple
  }

  private static let web = tuple("service/web", Array("10.0.0.4:80".utf8), initiator)
  private static let timed = tuple(
    "service/web", Array("10.0.0.4:80".utf8), initiator, .timed, expiresAt: 1_764_547_230_000)
  private static let removed = tuple("service/web", [], third, .tombstone)
  private static let gone = tuple("gone", [], third, .tombstone)
  private static let long = tuple(
    "long", (0..<2_000).map { UInt8(truncatingIfNeeded: $0) }, third, .ephemeral)

  /// The first three symbols of the set of two versions.
  private static var symbols: [SketchSymbol] {
    var sketch = Sketch(key: TupleMap.sketchKey, limit: 64, pendingLimit: 0)
    sketch.insert(web.hash, at: 0)
    sketch.insert(removed.hash, at: 1)
    return (0..<3).map { sketch[$0] }
  }

  private static func broadcast(_ first: UInt64, _ payload: [UInt8]) -> WireMessage {
    .gossip(
      GossipHeader(origin: initiator, level: .reliable, isTagged: true, hops: 0, first: first, count: 1),
      [payload])
  }

  static var tuples: [WireVector] {
    let mark = TupleMark(through: TupleClock(milliseconds: 1_764_547_140_000), sum: gone.hash)
    return [
      link("broadcast-tuple", .initiator, 23, broadcast(5, WireRecord(timed).broadcast(origin: initiator))),
      link(
        "broadcast-mark", .initiator, 24,
        broadcast(6, [0, SystemMessage.mark] + written { mark.write(to: &$0) })),
      link(
        "summary", .initiator, 18,
        .tuple(.summary(flags: 1, count: 300, fingerprint: 0x0123_4567_89ab_cdef, sharedAt: clock))),
      link(
        "symbols-wanted", .initiator, 19,
        .tuple(.symbolsWanted(session: 0x0102_0304, first: 16, count: 2_048))),
      link(
        "symbols", .responder, 17,
        .tuple(.symbols(session: 0x0102_0304, state: 7, versions: 2, first: 0, symbols))),
      link("tuples-wanted", .initiator, 20, .tuple(.tuplesWanted([web.hash, removed.hash]))),
      link(
        "tuples", .responder, 18,
        .tuple(
          .records([
            WireRecord(web),
            WireRecord(tuple("lease", Array("x".utf8), third, .timed, expiresAt: 1_764_547_230_000)),
            WireRecord(gone),
          ]))),
      link(
        "tuples-apart", .responder, 19,
        .tuple(.records([WireRecord(apart: long.hash, length: 2_000, of: long)]))),
      link("stream-wanted", .initiator, 21, .tuple(.streamWanted)),
      link("streamed", .responder, 20, .tuple(.streamEnd)),
      link("parts-wanted", .initiator, 22, .tuple(.partsWanted(long.hash, first: 0, [0xff, 0, 0, 0]))),
      link("part", .responder, 21, .tuple(.part(long.hash, 7, Array(long.value[1_792...])))),
    ]
  }
}
