// Sealing and opening frames with a cluster's keys.

import CSodium
import GrapevineCore

/// What one run of a member seals and opens frames with: its keyring, its counter and its memory of others' counters.
///
/// A value without clocks or sockets; one loop owns it. Sealing and opening allocate nothing. A process that forks must
/// let only one of the two go on with it, because both would seal under the same counters.
///
/// A cluster key is shared: whoever has it can seal as any sender. It keeps strangers out; it does not tell members
/// apart, which is what `MemberIdentity` is for.
public struct FrameProtection: ~Copyable, @unchecked Sendable {
  /// How many senders are remembered unless the caller says otherwise: chosen here for a thousand members that each
  /// start sixteen times between two changes of the key. A full table takes 2.5 MB.
  public static let defaultSenders = 16_384
  /// Identities that a run takes one after the other, each for 2^32 frames.
  static let identitiesMax = 64

  private var keyring: Keyring
  private var ciphers = FrameCiphers()
  private var windows: ReplayWindows
  /// What is accepted.
  public var policy: PlaintextPolicy
  /// What was done.
  public private(set) var counters = FrameCounters()

  /// Under what this run seals; the last is the present one.
  private var identities: [MemberID]
  private var counter: UInt64
  /// Nonce and associated data of the frame at hand.
  private let scratch: FixedTable<UInt8>
  private static var associatedStart: Int { 16 }

  /// Begins a run with a new identity, which no other run has, so that nonces never repeat.
  ///
  /// - Parameters:
  ///   - keyring: The keys of the cluster.
  ///   - policy: What is accepted.
  ///   - senders: How many runs of others are remembered, each in 160 bytes or less; at most 2^24.
  /// - Throws: `memory`, or `library` when OpenSSL lacks the cipher.
  public init(
    keyring: consuming Keyring, policy: PlaintextPolicy = .sealedOnly, senders: Int = defaultSenders
  ) throws(SecurityError) {
    try self.init(keyring: keyring, policy: policy, senders: senders, sender: Self.drawIdentity(), counter: 0)
  }

  /// Begins with a given identity and counter, for tests: two runs with the same identity would repeat nonces.
  init(
    keyring: consuming Keyring, policy: PlaintextPolicy, senders: Int, sender: MemberID, counter: UInt64
  ) throws(SecurityError) {
    self.keyring = keyring
    self.policy = policy
    windows = ReplayWindows(capacity: senders, seed: Self.drawIdentity().value)
    identities = [sender]
    identities.reserveCapacity(Self.identitiesMax)
    self.counter = counter
    scratch = FixedTable(count: Self.associatedStart + SealedFrame.associatedMax)
    for slot in 0..<Keyring.capacity where self.keyring.id(at: slot) != nil {
      try ciphers.set(slot, key: self.keyring.frameKey(at: slot))
    }
  }

  /// 64 bits from the system's random source. That two of n runs under one key draw the same has a chance of n²/2^65:
  /// 3 in 10^12 for ten thousand runs.
  private static func drawIdentity() -> MemberID {
    var value: UInt64 = 0
    randombytes_buf(&value, MemoryLayout<UInt64>.size)
    return MemberID(value)
  }

  /// The identity that frames are sealed under now; it changes after 2^32 frames.
  public var sender: MemberID { identities[identities.count - 1] }

  /// How many runs of others are remembered.
  public var senders: Int { windows.count }

  /// Bytes of the memory of `senders` others.
  public static func memoryBound(senders: Int = defaultSenders) -> Int {
    ReplayWindows.bytes(capacity: senders)
  }

  // MARK: Keys

  /// The names of the keys.
  public var keys: [KeyID] { keyring.ids }

  /// The name of the key that seals.
  public var sealingKey: KeyID? { keyring.sealing }

  /// Adds a key, which opens from now on: `Keyring.install`.
  @discardableResult
  public mutating func install(_ key: consuming ClusterKey) throws(SecurityError) -> Bool {
    let id = key.id
    guard try keyring.install(key) else { return false }
    let slot = try keyring.slot(of: id)
    try ciphers.set(slot, key: keyring.frameKey(at: slot))
    return true
  }

  /// Seals with the given key from now on: `Keyring.use`.
  public mutating func use(_ id: KeyID) throws(SecurityError) { try keyring.use(id) }

  /// Takes a key away: `Keyring.retire`. Runs that were heard under it alone are forgotten.
  public mutating func retire(_ id: KeyID) throws(SecurityError) {
    let slot = try keyring.slot(of: id)
    try keyring.retire(id)
    ciphers.clear(slot)
    windows.forget(keySlot: slot)
  }

  /// Takes over the keys of another keyring: opens and seals from now on as it says, and retires what it lacks.
  ///
  /// - Throws: `memory`, `keyRetired` for a key that was retired here; then what was not taken over stays as it was.
  mutating func adopt(_ other: borrowing Keyring) throws(SecurityError) {
    let wanted = other.ids
    for id in keyring.ids where !wanted.contains(id) && id != keyring.sealing { try retire(id) }
    // Where all places are taken, one becomes free when the key that seals can go.
    for round in 0..<2 {
      for id in wanted where !keyring.ids.contains(id) && (round > 0 || keyring.ids.count < Keyring.capacity)
      {
        try install(other.copy(of: id))
      }
      guard round == 0, let sealing = other.sealing, keyring.ids.contains(sealing) else { continue }
      try use(sealing)
      for id in keyring.ids where !wanted.contains(id) { try retire(id) }
    }
    if let sealing = other.sealing { try use(sealing) }
  }

  /// Writes the keys to a file: `KeyFile.write`.
  public func writeKeys(to path: String) throws(SecurityError) { try KeyFile.write(keyring, to: path) }

  // MARK: Sealing

  /// Seals a payload of any length into a frame, whatever the policy says; ask `policy.seals` first.
  ///
  /// - Parameters:
  ///   - payload: What is sealed. It must not overlap `frame`.
  ///   - frame: Where the frame goes: `SealedFrame.overhead` bytes more than the payload are always enough.
  ///   - context: What the frame is for, known to both ends and not sent: it opens only with the same number. The
  ///     receiver's run keeps it from being replayed to other members, or to this one's next run.
  /// - Returns: The length of the frame.
  /// - Throws: `noSealingKey`, `buffer`, or `exhausted` after 2^38 frames.
  public mutating func seal(
    _ payload: UnsafeRawBufferPointer, into frame: UnsafeMutableRawBufferPointer, context: UInt64 = 0
  ) throws(SecurityError) -> Int {
    guard let slot = keyring.sealingSlot, let key = keyring.id(at: slot) else {
      throw SecurityError(.noSealingKey, "the keyring is empty: install a key")
    }
    if counter > UInt64(UInt32.max) { try takeNewIdentity() }
    let header = SealedHeader(
      keyHint: key.hint, sender: sender, counter: UInt32(truncatingIfNeeded: counter))
    let length = header.length + payload.count + SealedFrame.tagLength
    guard let base = frame.baseAddress, frame.count >= length, !overlap(payload, frame) else {
      throw SecurityError(
        .buffer, "the frame needs \(length) bytes apart from the payload, not \(frame.count)")
    }
    header.write(to: base)
    let body = (base + header.length).assumingMemoryBound(to: UInt8.self)
    prepare(header, UnsafeRawPointer(base), context: context)
    // A counter is spent also where the cipher fails, which only a lack of memory could bring about.
    defer { counter += 1 }
    guard
      ciphers.seal(
        slot, nonce: scratch.pointer(at: 0), associated: scratch.pointer(at: Self.associatedStart),
        header.length + 8, payload.baseAddress?.assumingMemoryBound(to: UInt8.self), payload.count, to: body)
    else { throw SecurityError(.library, "OpenSSL could not seal a frame") }
    counters.sealed &+= 1
    return length
  }

  private mutating func takeNewIdentity() throws(SecurityError) {
    guard identities.count < Self.identitiesMax else {
      throw SecurityError(.exhausted, "this run has sealed 2^38 frames: begin another one")
    }
    identities.append(Self.drawIdentity())
    counter = 0
  }

  /// Uses up the counters of the present identity, for tests.
  mutating func skipCounters() { counter = UInt64(UInt32.max) + 1 }

  @inline(__always)
  private func overlap(_ payload: UnsafeRawBufferPointer, _ frame: UnsafeMutableRawBufferPointer) -> Bool {
    guard let payloadStart = payload.baseAddress, let frameStart = frame.baseAddress, payload.count > 0 else {
      return false
    }
    let start = UnsafeRawPointer(frameStart)
    return payloadStart < start + frame.count && start < payloadStart + payload.count
  }

  /// Puts the nonce and the associated data where the library reads them.
  @inline(__always)
  private func prepare(_ header: SealedHeader, _ bytes: UnsafeRawPointer, context: UInt64) {
    let nonce = UnsafeMutableRawPointer(scratch.pointer(at: 0))
    nonce.storeBytes(of: header.sender.value.bigEndian, as: UInt64.self)
    nonce.storeBytes(of: header.counter.bigEndian, toByteOffset: 8, as: UInt32.self)
    let associated = nonce + Self.associatedStart
    associated.copyMemory(from: bytes, byteCount: header.length)
    associated.storeBytes(of: context.bigEndian, toByteOffset: header.length, as: UInt64.self)
  }

  // MARK: Opening

  /// Judges a frame that arrived, and decrypts it in place.
  ///
  /// Total: any bytes are a frame or a reason to refuse it. A frame that is not authentic changes nothing but a counter.
  ///
  /// - Parameters:
  ///   - frame: The whole frame.
  ///   - context: What the sender sealed it for.
  public mutating func open(_ frame: UnsafeMutableRawBufferPointer, context: UInt64 = 0) -> OpenedFrame {
    open(UnsafeRawBufferPointer(frame), into: frame, context: context)
  }

  /// Judges a frame that arrived, and decrypts it into other memory.
  ///
  /// - Parameters:
  ///   - frame: The whole frame, which stays as it is.
  ///   - output: As long as the frame; the payload goes to the offsets at which it lies in the frame.
  ///   - context: What the sender sealed it for.
  public mutating func open(
    _ frame: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, context: UInt64 = 0
  ) -> OpenedFrame {
    do throws(FrameRefusal) {
      guard output.count >= frame.count, let target = output.baseAddress else { throw .malformed }
      guard let first = frame.first else { throw .malformed }
      guard SealedFrame.isSealed(firstByte: first) else {
        guard policy.acceptsPlain else { throw .plain }
        counters.plain &+= 1
        return .plain
      }
      guard policy.acceptsSealed else { throw .sealed }
      let opened = try openSealed(frame, target, context)
      counters.opened &+= 1
      return opened
    } catch {
      counters.refuse(error)
      return .refused(error)
    }
  }

  private mutating func openSealed(
    _ frame: UnsafeRawBufferPointer, _ target: UnsafeMutableRawPointer, _ context: UInt64
  ) throws(FrameRefusal) -> OpenedFrame {
    guard let header = SealedHeader(frame), let base = frame.baseAddress else { throw .malformed }
    for identity in identities where identity == header.sender { throw .reflected }
    // Before the expensive part, on what the header claims; nothing is changed by it.
    let place = windows.place(of: header.sender)
    if let place {
      switch windows.judge(header.counter, at: place) {
      case .fresh: break
      case .replayed: throw .replayed
      case .tooOld: throw .tooOld
      }
    }
    prepare(header, base, context: context)
    let payload = header.length..<(frame.count - SealedFrame.tagLength)
    let slot = try decrypt(base, payload, header, to: target)
    if let place {
      windows.record(header.counter, keySlot: slot, at: place)
    } else if !windows.enter(header.sender, counter: header.counter, keySlot: slot) {
      throw .tooManySenders
    }
    guard let key = keyring.id(at: slot) else { throw .unknownKey }
    return .sealed(payload, sender: header.sender, key: key)
  }

  /// Decrypts with the key that is meant, and returns its slot.
  @inline(__always)
  private func decrypt(
    _ base: UnsafeRawPointer, _ payload: Range<Int>, _ header: SealedHeader,
    to target: UnsafeMutableRawPointer
  ) throws(FrameRefusal) -> Int {
    guard let first = keyring.slot(hint: header.keyHint, from: 0) else { throw .unknownKey }
    let body = (base + payload.lowerBound).assumingMemoryBound(to: UInt8.self)
    let output = (target + payload.lowerBound).assumingMemoryBound(to: UInt8.self)
    var slot = first
    while true {
      let isOpen = ciphers.open(
        slot, nonce: scratch.pointer(at: 0), associated: scratch.pointer(at: Self.associatedStart),
        header.length + 8, body, payload.count, tag: body + payload.count, to: output)
      if isOpen { return slot }
      // One key in 256 has the hint of another one.
      guard let next = keyring.slot(hint: header.keyHint, from: slot + 1) else { break }
      if UnsafePointer(output) == body {
        ciphers.undo(slot, nonce: scratch.pointer(at: 0), output, payload.count)
      }
      slot = next
    }
    // Nobody is to see what is not authentic.
    output.update(repeating: 0, count: payload.count)
    throw .forged
  }
}
