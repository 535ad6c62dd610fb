// What happened, in numbers.

/// Counts since the node was created; they wrap around and are never reset.
public struct Counters: Sendable, Equatable {
  /// Datagrams given to the driver.
  public var datagramsSent: UInt64 = 0
  /// Bytes of these datagrams.
  public var bytesSent: UInt64 = 0
  /// Datagrams taken from the driver.
  public var datagramsReceived: UInt64 = 0
  /// Bytes of these datagrams.
  public var bytesReceived: UInt64 = 0

  /// Messages of our own that were broadcast.
  public var broadcasts: UInt64 = 0
  /// Messages delivered to the application.
  public var deliveries: UInt64 = 0
  /// Copies of messages sent, pushed or repaired.
  public var copiesSent: UInt64 = 0
  /// Copies of messages received, wanted or not.
  public var copiesReceived: UInt64 = 0
  /// Copies received of messages that were there already.
  public var duplicates: UInt64 = 0
  /// Copies not taken now because a table or the application had no room; they are asked for again.
  public var deferred: UInt64 = 0
  /// Messages sent because a neighbour asked for them.
  public var repairs: UInt64 = 0
  /// Requests for missing messages sent.
  public var requestsSent: UInt64 = 0
  /// Links of the broadcast tree cut because they brought duplicates.
  public var prunesSent: UInt64 = 0
  /// Links made part of the broadcast tree because messages did not come or came a long way.
  public var graftsSent: UInt64 = 0
  /// Rumour mongering: questions for rumours sent.
  public var rumourQuestions: UInt64 = 0
  /// Rumour mongering: messages that ceased to be spread early, to make room for newer ones.
  public var rumoursDisplaced: UInt64 = 0
  /// Messages given up and reported as gaps.
  public var messagesLost: UInt64 = 0
  /// Messages held back until others were delivered that they had to come after.
  public var heldBack: UInt64 = 0
  /// Of these, messages that went on without: see `Event.orderGap`.
  public var orderGaps: UInt64 = 0
  /// Causal messages that came after what had been forgotten before this node joined: see `Event.orderGap`.
  public var orderForgotten: UInt64 = 0
  /// Messages of topics that this node is not subscribed to.
  public var messagesUnwanted: UInt64 = 0
  /// Bytes of order in messages broadcast here: what their payloads have before the body, without the topic.
  public var orderBytesSent: UInt64 = 0

  /// Datagrams dropped: shorter than a header or of an unknown form.
  public var droppedMalformed: UInt64 = 0
  /// Datagrams dropped: longer than any datagram of ours.
  public var droppedOversized: UInt64 = 0
  /// Datagrams dropped: damaged, forged, or of another cluster.
  public var droppedChecksum: UInt64 = 0
  /// Datagrams dropped: a link frame from an address without a link.
  public var droppedUnlinked: UInt64 = 0
  /// Messages dropped: cut short, with numbers out of range, or of unknown kind.
  public var droppedInvalid: UInt64 = 0
  /// Handshake messages dropped: an answer to nothing, or a cookie that is not ours.
  public var droppedUnproven: UInt64 = 0
  /// Handshake messages dropped: sent by ourselves.
  public var droppedOwn: UInt64 = 0
  /// Messages dropped: no room for another stream.
  public var droppedStreams: UInt64 = 0
  /// Answers not sent because the driver's buffer was full.
  public var droppedAnswers: UInt64 = 0
  /// Streams forgotten to make room for others.
  public var streamsForgotten: UInt64 = 0

  /// SCAMP: subscriptions kept, each an arc from this node.
  public var subscriptionsKept: UInt64 = 0
  /// SCAMP: copies of subscriptions sent on to members of the partial view.
  public var subscriptionsForwarded: UInt64 = 0
  /// SCAMP: subscriptions that found no free link slot here and were forwarded.
  public var subscriptionsTurnedAway: UInt64 = 0
  /// SCAMP: copies of subscriptions dropped: too many hops, nobody to forward to, or never confirmed.
  public var subscriptionsDropped: UInt64 = 0
  /// SCAMP: steps of subscriptions on the way to a random contact.
  public var indirectSteps: UInt64 = 0
  /// Messages of an overlay dropped: more than a neighbour may send, or members may subscribe here.
  public var droppedExcess: UInt64 = 0

  /// SWIM: members probed, once a period.
  public var probes: UInt64 = 0
  /// SWIM: probes that neither the member nor anybody asked to probe it answered; each raises a suspicion, unless
  /// this node has reason to doubt itself.
  public var probesFailed: UInt64 = 0
  /// SWIM: others asked to probe a member.
  public var indirectProbes: UInt64 = 0
  /// Lifeguard: times a member that probed for another one said that it got no answer either.
  public var nacksSent: UInt64 = 0
  /// SWIM: suspicions raised here.
  public var suspicions: UInt64 = 0
  /// SWIM: suspicions raised here and by others whose time ended here: members declared to have failed.
  public var failuresDeclared: UInt64 = 0
  /// Times this node had to say that it lives.
  public var refutations: UInt64 = 0
  /// Verdicts thrown away because this node had been stopped, or heard nobody.
  public var verdictsDiscarded: UInt64 = 0
  /// Pieces of news about members sent.
  public var newsSent: UInt64 = 0
  /// Bytes of news about members sent.
  public var newsBytesSent: UInt64 = 0
  /// Pieces of news about members received, known ones and new ones.
  public var newsReceived: UInt64 = 0
  /// News dropped: incarnations too far ahead of what is known.
  public var newsIncredible: UInt64 = 0
  /// Signed facts about members that were right and news.
  public var factsVerified: UInt64 = 0
  /// Facts about members that count for nothing: not signed where they must be, wrongly, or with another's key.
  public var factsRefused: UInt64 = 0
  /// Signed facts that were not checked: there was no room for them, or too many of their source were wrong.
  public var factsDropped: UInt64 = 0
  /// Times a link was so far behind with news that some were not told on it.
  public var newsSkipped: UInt64 = 0
  /// Times the table of members was compared with a neighbour's that differed.
  public var syncs: UInt64 = 0
  /// Members not listed: the table was full of living ones.
  public var membersRefused: UInt64 = 0
  /// Members that were gone, forgotten to make room for others.
  public var membersForgotten: UInt64 = 0
  /// News dropped: they claim for one living member the name of another one.
  public var nameConflicts: UInt64 = 0

  /// Tuples written here, removals among them.
  public var tuplesWritten: UInt64 = 0
  /// Tuples of others that were newer than what was here.
  public var tuplesAccepted: UInt64 = 0
  /// Tuples of others that were not newer.
  public var tuplesStale: UInt64 = 0
  /// Tuples refused: their key or value is longer than allowed, or they make no sense.
  public var tuplesRefusedSize: UInt64 = 0
  /// Tuples refused: dated too far in the future.
  public var tuplesRefusedClock: UInt64 = 0
  /// Tuples refused: no room for them.
  public var tuplesRefusedFull: UInt64 = 0
  /// Tuples whose time was over.
  public var tuplesExpired: UInt64 = 0
  /// Memories of removals given up: all members have them, or their horizon has passed.
  public var tombstonesDropped: UInt64 = 0
  /// Tuples given up because they were removed while this node was away for too long.
  public var tuplesYielded: UInt64 = 0
  /// Tuples sent to neighbours that lacked them; those that travel as broadcasts or news are not among them.
  public var tuplesRepaired: UInt64 = 0
  /// Comparisons of the map with a neighbour's that differed, led by this node.
  public var tupleSyncs: UInt64 = 0
  /// Of these, comparisons that coded symbols could not bring to an end: all was sent instead.
  public var tupleSyncsFailed: UInt64 = 0
  /// Coded symbols received.
  public var symbolsReceived: UInt64 = 0
  /// Times all tuples were sent to a neighbour that had few or none.
  public var tupleStreams: UInt64 = 0
  /// Replicas: copies of tuples sent to other replicas as news.
  public var tupleNewsSent: UInt64 = 0
  /// Replicas: copies of tuples received from other replicas as news, new ones and others.
  public var tupleNewsReceived: UInt64 = 0
  /// Replicas: tuples told to readers.
  public var tuplesRead: UInt64 = 0
  /// Replicas: times a link was so far behind that news were left to a comparison, or to another walk.
  public var tupleLinksOverrun: UInt64 = 0

  /// Messages, questions and answers sent to single members; those sent again are not among them.
  public var directSent: UInt64 = 0
  /// Messages sent to a single member again: nothing was heard of them.
  public var directResent: UInt64 = 0
  /// Messages to single members given up.
  public var directFailed: UInt64 = 0
  /// Messages, questions and answers of other members handed to the application.
  public var directReceived: UInt64 = 0
  /// Messages of single members that had come before.
  public var directDuplicates: UInt64 = 0
  /// Direct frames dropped: nobody of that name and run is known at the address they came from, or there is no room
  /// for another conversation.
  public var droppedStrangers: UInt64 = 0
  /// Questions dropped: the application does not take them, or too many are open.
  public var questionsDropped: UInt64 = 0
  /// Answers dropped: the time for them was over.
  public var answersLate: UInt64 = 0
  /// Large messages of this node.
  public var transfersSent: UInt64 = 0
  /// Large messages of others that became complete.
  public var transfersReceived: UInt64 = 0
  /// Large messages that there was no room for when they were announced, or that are longer than allowed.
  public var transfersRefused: UInt64 = 0
  /// Large messages given up.
  public var transfersFailed: UInt64 = 0
  /// Large messages cancelled here.
  public var transfersCancelled: UInt64 = 0
  /// Large messages whose checksum was wrong, so that they were fetched once more.
  public var transfersDamaged: UInt64 = 0
  /// Questions for fragments sent.
  public var transferRequests: UInt64 = 0
  /// Fragments of large messages sent.
  public var fragmentsSent: UInt64 = 0
  /// Of these, those that a neighbour had asked for.
  public var fragmentsRepaired: UInt64 = 0
  /// Fragments received.
  public var fragmentsReceived: UInt64 = 0
  /// Of these, those that were here already.
  public var fragmentsDuplicate: UInt64 = 0
  /// Of these, those of messages that are complete, ended or not taken.
  public var fragmentsUnwanted: UInt64 = 0
  /// Fragments computed from parity.
  public var fragmentsRecovered: UInt64 = 0
  /// Rows of parity sent.
  public var paritySent: UInt64 = 0
  /// Rows of parity received.
  public var parityReceived: UInt64 = 0

  /// Links that came up.
  public var linksUp: UInt64 = 0
  /// Links that went down, for whatever reason.
  public var linksDown: UInt64 = 0

  /// Creates counters at zero.
  public init() {}
}
