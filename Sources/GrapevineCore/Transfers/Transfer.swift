// One large message: its bytes, which fragments are here, in which order they came, and what neighbours think of it.
//
// The order in which fragments came is the list that each link walks to push them on, with a cursor of its own, as
// links walk the log of small messages: nothing is queued and nothing copied.

/// What a link knows of a transfer.
struct TransferLink: BitwiseCopyable {
  /// The place, in the order of arrival, of the fragment to push next.
  var cursor: UInt32 = 0
  /// How many of the finished blocks were looked at for parity.
  var blocks: UInt32 = 0
  /// The block that parity is owed for, the row that is next and how many are left.
  var parityBlock: UInt32 = 0
  var parityRow: UInt8 = 0
  var parityLeft: UInt8 = 0
  /// Fragments that the other end says it has.
  var held: UInt32 = 0
  /// When the other end was last told to stop.
  var stoppedAt = Instant()
}

/// The bytes of a transfer and where they came from; there while the transfer has memory.
final class TransferStore {
  /// A block of which every fragment is here.
  struct Finished: BitwiseCopyable {
    var block: UInt32
    /// How many fragments had come when it was finished.
    var position: UInt32
  }

  /// A row that stands in for a fragment of a block.
  struct Row {
    var number: UInt8
    var bytes: [UInt8]
  }

  let content: LargeContent
  /// The place of each fragment in the order of arrival, from 1; 0 for one that is missing.
  let positions: FixedTable<UInt32>
  /// The fragments in the order of their arrival: the index, and above 24 bits the slot that it came from.
  private let arrivals: FixedTable<UInt32>
  private(set) var count = 0
  /// The fragments missing of each block.
  let missing: FixedTable<UInt8>
  private let finished: FixedTable<Finished>
  private(set) var finishedCount = 0
  /// Parity of blocks that are not complete.
  var rows: [UInt32: [Row]] = [:]
  var rowCount = 0

  /// The source of fragments that came from nobody.
  static let ownSource: UInt8 = .max

  /// The bytes that the store of a message takes.
  static func bytes(_ head: TransferHead) -> Int {
    Int(head.length) + head.count * 9 + head.count / 8
  }

  init?(_ head: TransferHead, content given: LargeContent? = nil) {
    guard let content = given ?? LargeContent(count: Int(head.length)) else { return nil }
    self.content = content
    let count = head.count
    let blocks = (count + ErasureCode.blockLength - 1) / ErasureCode.blockLength
    positions = FixedTable(count: count)
    arrivals = FixedTable(count: count)
    missing = FixedTable(count: blocks)
    finished = FixedTable(count: blocks)
    for block in 0..<blocks {
      missing[block] = UInt8(min(ErasureCode.blockLength, count - block * ErasureCode.blockLength))
    }
    if given != nil {
      for index in 0..<count { note(index, source: Self.ownSource) }
    }
  }

  /// Notes that a fragment is here.
  ///
  /// - Returns: Whether its block is complete now.
  @discardableResult
  func note(_ index: Int, source: UInt8) -> Bool {
    arrivals[count] = UInt32(truncatingIfNeeded: index) | UInt32(source) << 24
    count += 1
    positions[index] = UInt32(truncatingIfNeeded: count)
    let block = index / ErasureCode.blockLength
    missing[block] -= 1
    guard missing[block] == 0 else { return false }
    finished[finishedCount] = Finished(
      block: UInt32(truncatingIfNeeded: block), position: UInt32(truncatingIfNeeded: count))
    finishedCount += 1
    return true
  }

  /// Forgets all fragments.
  func reset(_ head: TransferHead) {
    positions.clear(0..<positions.count)
    (count, finishedCount, rowCount) = (0, 0, 0)
    rows = [:]
    for block in 0..<missing.count {
      missing[block] = UInt8(
        min(ErasureCode.blockLength, head.count - block * ErasureCode.blockLength))
    }
  }

  @inline(__always)
  func has(_ index: Int) -> Bool { positions[index] != 0 }

  /// The fragment that came at a place, and the slot that it came from.
  @inline(__always)
  func arrival(_ place: Int) -> (index: Int, source: UInt8) {
    let entry = arrivals[place]
    return (Int(entry & 0xff_ffff), UInt8(truncatingIfNeeded: entry >> 24))
  }

  func finishedBlock(_ place: Int) -> Finished { finished[place] }

  @inline(__always)
  func pointer(_ head: TransferHead, _ index: Int) -> UnsafeMutableRawPointer {
    content.base + index &* head.size
  }
}

/// One large message under way, or kept for late neighbours.
final class Transfer {
  enum Phase: UInt8 {
    /// Known, without memory.
    case waiting
    case receiving
    /// All of it is here.
    case complete
    /// Cancelled or given up: remembered so that it does not begin again.
    case ended
  }

  let head: TransferHead
  let isOwn: Bool
  let count: Int
  var phase = Phase.waiting
  var announcement: Announcement?
  var store: TransferStore?
  let links: FixedTable<TransferLink>

  /// Links that belonged to the tree when it began.
  var tree: SlotMask = 0
  /// Neighbours that asked for it.
  var wanting: SlotMask = 0
  /// Neighbours that want no more of it.
  var stopped: SlotMask = 0
  /// Neighbours that have all of it, and those that have given it up.
  var satisfied: SlotMask = 0
  var gone: SlotMask = 0
  /// Words that are owed.
  var owesStop: SlotMask = 0
  var owesHave: SlotMask = 0
  var asksHave: SlotMask = 0
  var owesWant: SlotMask = 0

  /// The slot that most of it comes from.
  var parent: Int?
  /// Every fragment below this one is here.
  var floor = 0
  /// The highest fragment that came, and how far a WANT that is owed asks.
  var highest = -1
  var wantEnd = 0
  /// Whether the parent has pushed all of it: what is missing was lost.
  var isPushed = false
  /// Whether rows of parity come.
  var hasParity = false
  /// Questions and turns to other neighbours in a row that brought nothing.
  var fruitless = 0
  /// Slots that were turned to since anything came.
  var tried: SlotMask = 0
  /// Times it came damaged.
  var damage = 0
  var startedAt = Instant()
  var lastNew = Instant()
  /// Nothing is asked for before this.
  var askAt = Instant()
  /// When it wants attention.
  var checkAt = Instant.never
  /// When it is forgotten; for one that is complete.
  var endsAt = Instant.never
  /// Complete, and the application had no room yet.
  var isUndelivered = false
  /// Complete, and others are to be delivered first.
  var isHeldBack = false
  /// Given up because nobody had announced it: it begins anew when somebody does.
  var wasUnannounced = false
  /// Own: every neighbour has it, and that was told.
  var isHandedOver = false
  /// Hundredths of it that were told, and sixteenths that the parent was told.
  var toldShare = 0
  var toldParent = 0

  init(_ head: TransferHead, isOwn: Bool, slots: Int) {
    self.head = head
    self.isOwn = isOwn
    count = head.count
    links = FixedTable(count: slots)
  }

  var received: Int { store?.count ?? 0 }

  /// Which message it is, when that is known.
  var id: TransferID? {
    announcement.map { TransferID(origin: MemberID(head.origin), sequence: $0.sequence) }
  }

  /// The links that fragments are pushed on.
  @inline(__always)
  func targets(eager: SlotMask) -> SlotMask { (tree & eager | wanting) & ~stopped & ~satisfied & ~gone }

  /// Links that words are owed on.
  var wordy: SlotMask { owesStop | owesHave | asksHave | owesWant }

  /// Moves the floor past what is here.
  func raiseFloor() {
    guard let store else { return }
    while floor < count, store.has(floor) { floor += 1 }
  }

  /// Forgets what a slot said.
  func forget(_ slot: Int) {
    let bit: SlotMask = 1 << SlotMask(slot)
    for path in [
      \Transfer.tree, \.wanting, \.stopped, \.satisfied, \.gone, \.owesStop, \.owesHave,
      \.asksHave, \.owesWant, \.tried,
    ] { self[keyPath: path] &= ~bit }
    if parent == slot { parent = nil }
    links[slot] = TransferLink()
  }
}
