// What a node owes each neighbour, and a comparison under way.

/// The state of tuples on one link.
struct TupleLink: BitwiseCopyable {
  /// When our summary is to be told; `never` when it is not.
  var summaryAt = Instant.never
  /// Whether that asks for theirs.
  var asks = false
  /// Whether this node leads when both ends ask at once.
  var isSenior = false
  /// Comparisons led since the maps were last the same.
  var repeats: UInt8 = 0
  /// Whether theirs was asked for, and so begins a comparison when it differs.
  var isAsking = false
  /// When their answer to a summary is waited for no longer.
  var answerBy = Instant.never
  /// The fingerprint of the map when both last had the same; 0 for none, and for the empty one.
  var agreed: UInt64 = 0

  /// The versions they asked for, in the link's part of the ring.
  var wantedFirst: UInt16 = 0
  var wantedCount: UInt16 = 0
  /// The symbols they asked for, and in which comparison.
  var symbolsNext: UInt32 = 0
  var symbolsEnd: UInt32 = 0
  var symbolsSession: UInt32 = 0
  /// Of the whole map, the next place to send, plus 1; 0 when it is not being sent.
  var streamNext: UInt32 = 0
  var owesStreamEnd = false
  /// Our question for their whole map is to be sent.
  var wantsStream = false

  /// When the whole map may be offered again.
  var streamAfter = Instant()
  var streamsPaid = Allowance()
  var growthPaid = Allowance()

  init() {}
}

/// A comparison with a neighbour that this node leads.
struct TupleSession {
  enum Phase {
    /// None.
    case idle
    /// Coded symbols are asked for until the difference is known.
    case comparing
    /// What the difference consists of is sent and asked for.
    case exchanging
    /// The neighbour sends its whole map.
    case receiving
  }

  var phase = Phase.idle
  var slot = 0
  /// Tells the answers of this comparison from those of an earlier one.
  var number: UInt32 = 0
  /// When the present step is tried again.
  var deadline = Instant.never
  var attempts = 0
  /// Until when other neighbours wait for their turn.
  var heldUntil = Instant()
  /// Times that one of the maps became another one meanwhile.
  var restarts = 0
  /// The state of the neighbour's sketch that the symbols are of.
  var version: UInt32?
  /// The state of our own sketch that they are compared with.
  var ownVersion: UInt32 = 0
  /// Symbols that are worth asking for at most.
  var most = 0
  /// Symbols up to here were asked for.
  var asked = 0
  /// The next question is to be sent.
  var owesQuestion = false
  /// The clock when it began: what was here then is there when it ends.
  var startedAt = TupleClock(bits: 0)
  /// The neighbour was in touch with the cluster for so much longer that it is right about what it lacks.
  var isYielding = false
  /// Since when the neighbour has been in touch.
  var since = TupleClock(bits: 0)
  /// What it lacks was forgotten here.
  var hasYielded = false

  /// The first differences that were not yet sent, and not yet asked for.
  var pushNext = 0
  var fetchNext = 0
  /// Versions asked for that have not come.
  var outstanding = 0
  /// Versions of others that this node had taken when the comparison began.
  var acceptedBefore: UInt64 = 0
  /// Versions that came since the last way through the differences.
  var arrivals = 0

  init() {}
}
