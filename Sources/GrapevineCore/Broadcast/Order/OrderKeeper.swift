// All that a node knows of topics and order.

/// What became of the content of a large message that is held.
struct SettledContent {
  var origin: UInt64
  var sequence: UInt64
  /// All of it; nil when it will not come.
  var content: LargeContent?
  var isTagged: Bool
}

/// The topics that a node hears, the messages that wait, and what its own next messages have to say of their past.
struct OrderKeeper: ~Copyable {
  var topics: TopicSet
  var held: HoldBack
  var past: CausalPast
  var tails = TopicTails()
  /// By the place of a stream: the last number up to which something was given up.
  let givenUp: FixedTable<UInt64>
  /// What was forgotten everywhere before this node joined.
  var history: OrderHistory
  /// Large messages that are held and whose content is settled.
  var contents: [SettledContent] = []
  /// Large messages whose content nobody here needs any more.
  var released: [(origin: UInt64, sequence: UInt64)] = []
  let patience: Nanoseconds
  /// A message is being made here.
  let scratch: FixedTable<UInt8>
  /// The application had no room for what was ready: when to try again; `never` when it had.
  var retryAt = Instant.never
  /// Looks at dependencies, about, in all and up to the last step; see `stepLimit`.
  var looks: UInt64 = 0
  var looksBefore: UInt64 = 0

  /// Looks in one step, after which what is ready goes on in the next one.
  ///
  /// Chosen here: a few milliseconds' worth, and all the dependencies of a hundred of the longest messages.
  static let stepLimit: UInt64 = 16_384

  init(_ configuration: Configuration, seed: UInt64) {
    var generator = Generator(seed: seed)
    topics = TopicSet(limit: configuration.order.topics, key: SecretKey(using: &generator))
    held = HoldBack(configuration.order, key: SecretKey(using: &generator))
    past = CausalPast(streams: configuration.streamCapacity)
    givenUp = FixedTable(count: configuration.streamCapacity)
    history = OrderHistory(streams: configuration.streamCapacity)
    patience = configuration.order.patience.asNanoseconds
    scratch = FixedTable(count: configuration.payloadLimit)
  }

  /// Forgets a stream.
  mutating func forget(_ place: Int) {
    past.forget(place)
    givenUp[place] = 0
    history.forget(place)
  }

  /// When something is to be done about what waits.
  var nextDeadline: Instant {
    guard let oldest = held.oldest else { return .never }
    // What is ready goes first: while the application has no room, nobody's patience ends. What one step was too short
    // for goes on at once.
    if retryAt == .never, held.ready != nil { return Instant() }
    if retryAt != .never { return retryAt }
    let patienceEnd = held[oldest].heldAt + patience
    return history.isNewcomer ? min(patienceEnd, history.newcomerUntil) : patienceEnd
  }
}
