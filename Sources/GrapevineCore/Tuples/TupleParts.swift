// Values that are longer than a datagram: fetched in parts from the neighbour that told of them.

/// A value that is being put together; all zero when unused.
struct TupleAssembly: BitwiseCopyable {
  var hash: UInt64 = 0
  var clock: UInt64 = 0
  var writer: UInt64 = 0
  var expiresAt: UInt64 = 0
  var traits: UInt8 = 0
  var keyLength: UInt8 = 0
  var slot: UInt8 = 0
  var attempts: UInt8 = 0
  /// The next question is to be sent.
  var owesQuestion = false
  var length: UInt32 = 0
  /// Parts that have not come.
  var missing: UInt32 = 0
  var deadline = Instant()

  init() {}
}

/// Parts of a version that a neighbour wants.
struct TuplePartsWanted: BitwiseCopyable {
  var hash: UInt64 = 0
  var first: UInt32 = 0
  var mask: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

  init() {}

  var isEmpty: Bool { mask.0 | mask.1 | mask.2 | mask.3 == 0 }
}

/// A version whose value waits for a place to be put together in.
struct TupleHead: BitwiseCopyable {
  var hash: UInt64 = 0
  var slot: UInt8 = 0

  init() {}
}

/// Long values on their way to this node, and what neighbours want of long values.
struct TupleParts: ~Copyable {
  /// Bytes of a part but the last. Chosen here: one fits into the smallest datagram, four into the usual one.
  static let unit = 256
  /// Parts asked for at once.
  static let partsPerQuestion = 256
  /// Values put together at once, and those that wait. Chosen here.
  static let assemblyCount = 4
  private static let headCount = 64
  /// Versions of which a neighbour wants parts.
  static let wantedPerLink = 4
  private static let keyRoom = 256

  let assemblies: FixedTable<TupleAssembly>
  private let bytes: FixedTable<UInt8>
  private let masks: FixedTable<UInt64>
  private let heads: FixedTable<TupleHead>
  private(set) var headsWaiting = 0
  /// Whether there was no place for one to wait: the next comparison finds it.
  var hasLost = false
  let wanted: FixedTable<TuplePartsWanted>
  private let stride: Int
  private let words: Int

  init(valueLimit: Int, links: Int) {
    stride = Self.keyRoom + valueLimit
    words = Self.words(valueLimit)
    assemblies = FixedTable(count: Self.assemblyCount)
    bytes = FixedTable(count: Self.assemblyCount * stride)
    masks = FixedTable(count: Self.assemblyCount * words)
    heads = FixedTable(count: Self.headCount)
    wanted = FixedTable(count: links * Self.wantedPerLink)
  }

  private static func words(_ length: Int) -> Int { (length / unit + 64) / 64 }

  static func bytes(valueLimit: Int, links: Int) -> Int {
    assemblyCount * (MemoryLayout<TupleAssembly>.stride + keyRoom + valueLimit + words(valueLimit) * 8)
      + headCount * MemoryLayout<TupleHead>.stride
      + links * wantedPerLink * MemoryLayout<TuplePartsWanted>.stride
  }

  func linkUp(_ slot: Int) { forgetWanted(slot) }

  mutating func linkDown(_ slot: Int) {
    forgetWanted(slot)
    for index in 0..<Self.assemblyCount where Int(assemblies[index].slot) == slot { end(index) }
    var kept = 0
    for index in 0..<headsWaiting where Int(heads[index].slot) != slot {
      heads[kept] = heads[index]
      kept += 1
    }
    headsWaiting = kept
  }

  private func forgetWanted(_ slot: Int) {
    for index in 0..<Self.wantedPerLink { wanted[slot * Self.wantedPerLink + index] = TuplePartsWanted() }
  }

  // MARK: Taking

  /// Begins to fetch a value; or, when all places are taken, remembers to.
  mutating func want(_ record: TupleRecord, hash: UInt64, length: Int, from slot: Int, now: Instant) {
    var free: Int?
    for index in 0..<Self.assemblyCount {
      if assemblies[index].hash == hash { return }
      if assemblies[index].hash == 0 { free = index }
    }
    guard let free else { return wait(hash, slot) }
    var assembly = TupleAssembly()
    assembly.hash = hash
    assembly.clock = record.clock.bits
    assembly.writer = record.writer
    assembly.expiresAt = record.expiresAt
    assembly.traits = record.traits.rawValue
    assembly.keyLength = UInt8(truncatingIfNeeded: record.key.count)
    assembly.slot = UInt8(truncatingIfNeeded: slot)
    assembly.length = UInt32(truncatingIfNeeded: length)
    assembly.missing = UInt32(truncatingIfNeeded: (length + Self.unit - 1) / Self.unit)
    assembly.owesQuestion = true
    assembly.deadline = now + TupleMap.partTime
    assemblies[free] = assembly
    masks.clear(free * words..<(free + 1) * words)
    UnsafeMutableRawBufferPointer(start: bytes.pointer(at: free * stride), count: Self.keyRoom)
      .copyMemory(from: record.key)
  }

  private mutating func wait(_ hash: UInt64, _ slot: Int) {
    for index in 0..<headsWaiting where heads[index].hash == hash { return }
    guard headsWaiting < Self.headCount else {
      hasLost = true
      return
    }
    var head = TupleHead()
    (head.hash, head.slot) = (hash, UInt8(truncatingIfNeeded: slot))
    heads[headsWaiting] = head
    headsWaiting += 1
  }

  /// A version that waited and for which there is a place now, if it is a link's turn.
  mutating func takeHead(_ slot: Int) -> UInt64? {
    guard hasHead(slot) else { return nil }
    let hash = heads[0].hash
    for index in 1..<headsWaiting { heads[index - 1] = heads[index] }
    headsWaiting -= 1
    return hash
  }

  /// Whether a version that waited is to be asked for on a link.
  func hasHead(_ slot: Int) -> Bool {
    headsWaiting > 0 && Int(heads[0].slot) == slot
      && (0..<Self.assemblyCount).contains { assemblies[$0].hash == 0 }
  }

  /// Gives a place free.
  mutating func end(_ index: Int) { assemblies[index] = TupleAssembly() }

  func find(_ hash: UInt64) -> Int? { (0..<Self.assemblyCount).first { assemblies[$0].hash == hash } }

  /// Whether a part has come.
  func has(_ part: Int, _ index: Int) -> Bool {
    part >> 6 < words && masks[index * words + part >> 6] & 1 << UInt64(part & 63) != 0
  }

  /// Takes a part.
  ///
  /// - Returns: Whether it was one that was missing.
  mutating func put(_ part: Int, _ bytes: UnsafeRawBufferPointer, _ index: Int) -> Bool {
    let offset = part * Self.unit
    let length = Int(assemblies[index].length)
    guard offset < length, bytes.count == min(Self.unit, length - offset), !has(part, index) else {
      return false
    }
    masks[index * words + part >> 6] |= 1 << UInt64(part & 63)
    let target = self.bytes.pointer(at: index * stride + Self.keyRoom + offset)
    UnsafeMutableRawBufferPointer(start: target, count: bytes.count).copyMemory(from: bytes)
    assemblies[index].missing -= 1
    return true
  }

  /// The value as far as it is there; valid until it ends.
  func value(_ index: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: bytes.pointer(at: index * stride + Self.keyRoom), count: Int(assemblies[index].length))
  }

  /// The version that is being put together.
  func record(_ index: Int) -> TupleRecord {
    let assembly = assemblies[index]
    return TupleRecord(
      key: UnsafeRawBufferPointer(start: bytes.pointer(at: index * stride), count: Int(assembly.keyLength)),
      value: value(index), clock: TupleClock(bits: assembly.clock), writer: assembly.writer,
      traits: TupleTraits(rawValue: assembly.traits), expiresAt: assembly.expiresAt)
  }
}
