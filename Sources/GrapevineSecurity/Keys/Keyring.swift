// The keys of a cluster at one member: one seals, all open.

import CSodium

/// A few cluster keys, of which one seals and all open.
///
/// A cluster changes its key without losing a frame in three steps, each finished at all members before the next:
/// `install` the new key, `use` it, `retire` the old one.
public struct Keyring: ~Copyable, Sendable {
  /// The greatest number of keys.
  public static let capacity = 8
  /// How many retired keys are remembered; beyond, the one retired first is forgotten.
  static let retiredCapacity = 1_024

  /// Per slot the key, then what is derived from it for frames.
  private let secrets: SecretMemory
  /// The key of each slot, which keeps its slot until it is retired.
  private var slots = [KeyID?](repeating: nil, count: capacity)
  /// The slot of the key that seals.
  private(set) var sealingSlot: Int?
  private var retired: [KeyID] = []

  private static var slotLength: Int { ClusterKey.length + ClusterKey.frameKeyLength }

  /// An empty keyring.
  public init() throws(SecurityError) {
    secrets = try SecretMemory(count: Self.capacity * Self.slotLength)
  }

  /// The names of the keys.
  public var ids: [KeyID] { slots.compactMap { $0 } }

  /// The name of the key that seals; nil only while there is none.
  public var sealing: KeyID? { sealingSlot.flatMap { slots[$0] } }

  /// Adds a key, which opens from now on. The first key of a keyring also seals.
  ///
  /// - Returns: Whether it is new; a key that is there already changes nothing.
  /// - Throws: `keyringFull`, or `keyRetired` for a key that was retired: what was sealed with it could be replayed.
  @discardableResult
  public mutating func install(_ key: consuming ClusterKey) throws(SecurityError) -> Bool {
    let id = key.id
    guard !slots.contains(id) else { return false }
    guard !retired.contains(id) else {
      throw SecurityError(
        .keyRetired, "the key \(id) was retired and old frames would count again: install a new key")
    }
    guard let slot = slots.firstIndex(of: nil) else {
      throw SecurityError(
        .keyringFull, "the keyring holds \(Self.capacity) keys already: retire one that is not used any more")
    }
    let memory = secrets.pointer(at: slot * Self.slotLength)
    memory.update(from: key.secret.pointer(), count: ClusterKey.length)
    key.deriveFrameKey(into: memory + ClusterKey.length)
    slots[slot] = id
    if sealingSlot == nil { sealingSlot = slot }
    return true
  }

  /// Seals with the given key from now on; do so once every member has it.
  ///
  /// - Throws: `unknownKey`.
  public mutating func use(_ id: KeyID) throws(SecurityError) {
    sealingSlot = try slot(of: id)
  }

  /// Takes a key away, zeroes it and opens nothing sealed with it any more; do so once every member seals with another.
  ///
  /// - Throws: `unknownKey`, or `keyInUse` when it is the one that seals.
  public mutating func retire(_ id: KeyID) throws(SecurityError) {
    let slot = try slot(of: id)
    guard slot != sealingSlot else {
      throw SecurityError(.keyInUse, "the key \(id) seals: use another one first")
    }
    sodium_memzero(secrets.base + slot * Self.slotLength, Self.slotLength)
    slots[slot] = nil
    if retired.count == Self.retiredCapacity { retired.removeFirst() }
    retired.append(id)
  }

  /// Another keyring with the same keys in the same slots, for one more holder.
  func copy() throws(SecurityError) -> Keyring {
    var copy = try Keyring()
    copy.secrets.bytes.copyMemory(from: UnsafeRawBufferPointer(secrets.bytes))
    copy.slots = slots
    copy.sealingSlot = sealingSlot
    copy.retired = retired
    return copy
  }

  /// A copy of one key.
  ///
  /// - Throws: `unknownKey`, `memory`.
  func copy(of id: KeyID) throws(SecurityError) -> ClusterKey {
    try ClusterKey(bytes: clusterKey(at: slot(of: id)).bytes)
  }

  func slot(of id: KeyID) throws(SecurityError) -> Int {
    guard let slot = slots.firstIndex(of: id) else {
      throw SecurityError(.unknownKey, "the keyring has no key \(id): install it first")
    }
    return slot
  }

  /// The key of a slot; nil when that is empty.
  func id(at slot: Int) -> KeyID? { slots[slot] }

  /// The first slot from `start` on whose key has the given hint.
  @inline(__always)
  func slot(hint: UInt8, from start: Int) -> Int? {
    var slot = start
    while slot < Self.capacity {
      if let id = slots[slot], id.hint == hint { return slot }
      slot += 1
    }
    return nil
  }

  /// What frames are sealed with in a slot that has a key.
  @inline(__always)
  func frameKey(at slot: Int) -> UnsafePointer<UInt8> {
    UnsafePointer(secrets.pointer(at: slot * Self.slotLength + ClusterKey.length))
  }

  /// The key itself in a slot that has one, to write it to a file.
  func clusterKey(at slot: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: secrets.base + slot * Self.slotLength, count: ClusterKey.length)
  }
}
