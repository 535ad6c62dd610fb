// The keys of running nodes: one owner, which the application changes and every node's thread looks at.
//
// A node must not wait for a lock with each datagram, and must not keep a key that was retired. So every node has a
// copy of the keyring, and compares one number with each batch of datagrams: only when that has changed does it lock
// and take over what is different.

import GrapevineTransport
import Synchronization

/// Keys and policy of one member or of several in one process, which any thread may change while nodes run.
///
/// Give it to a node as `GossipNode.Configuration.layer`, or wrap a transport in it. Every change counts from the next
/// batch of datagrams that a node sends or receives. Made from a file, it keeps the file: a change is on the disk
/// before it counts, and when it cannot be written there it does not count.
public final class ClusterKeys: DatagramLayer {
  private struct State: ~Copyable {
    var keyring: Keyring
    var policy: PlaintextPolicy
  }

  private let state: Mutex<State>
  /// Counts the changes of `state`, from 1.
  private let generation = Atomic<UInt64>(1)
  /// Held while the keys change, also while the file is written, which nodes do not wait for.
  private let changing = Mutex<Void>(())
  /// The file that holds the keys; nil when none does.
  public let file: String?
  private let senders: Int

  /// Keys of a keyring, in memory only.
  ///
  /// - Parameters:
  ///   - keyring: At least one key.
  ///   - policy: What is sent and accepted.
  ///   - senders: How many runs of others each node remembers, to refuse what it had from them before.
  /// - Throws: `noSealingKey` for an empty keyring.
  public convenience init(
    keyring: consuming Keyring, policy: PlaintextPolicy = .sealedOnly,
    senders: Int = FrameProtection.defaultSenders
  ) throws(SecurityError) {
    try self.init(keyring, policy, file: nil, senders: senders)
  }

  /// The keys of a file, which is changed with them.
  ///
  /// - Throws: As `KeyFile.read`.
  public convenience init(
    file: String, policy: PlaintextPolicy = .sealedOnly, senders: Int = FrameProtection.defaultSenders
  ) throws(SecurityError) {
    try self.init(KeyFile.read(file), policy, file: file, senders: senders)
  }

  private init(
    _ keyring: consuming Keyring, _ policy: PlaintextPolicy, file: String?, senders: Int
  ) throws(SecurityError) {
    guard keyring.sealing != nil else {
      throw SecurityError(.noSealingKey, "the keyring is empty: install a key")
    }
    self.file = file
    self.senders = senders
    state = Mutex(State(keyring: keyring, policy: policy))
  }

  // MARK: What is there

  /// The names of the keys.
  public var ids: [KeyID] { state.withLock { $0.keyring.ids } }

  /// The name of the key that seals; nil never while a node runs.
  public var sealing: KeyID? { state.withLock { $0.keyring.sealing } }

  /// What is sent and accepted. It is not part of the file.
  public var policy: PlaintextPolicy {
    get { state.withLock { $0.policy } }
    set {
      state.withLock { $0.policy = newValue }
      generation.add(1, ordering: .releasing)
    }
  }

  // MARK: Changing keys

  /// Adds a key, which opens from now on: `Keyring.install`.
  ///
  /// - Returns: Whether it is new.
  /// - Throws: As `Keyring.install` and `KeyFile.write`; then nothing changed.
  @discardableResult
  public func install(_ key: consuming ClusterKey) throws(SecurityError) -> Bool {
    let key = key
    let id = key.id
    guard !ids.contains(id) else { return false }
    try change { keyring throws(SecurityError) in
      try keyring.install(ClusterKey(bytes: UnsafeRawBufferPointer(key.secret.bytes).bytes))
    }
    return true
  }

  /// Adds all keys of a file: those that a new key's file, or another member's, holds. Which one seals does not change.
  ///
  /// - Returns: The names of those that are new.
  /// - Throws: As `KeyFile.read`, `Keyring.install` and `KeyFile.write`; then nothing changed.
  @discardableResult
  public func install(file: String) throws(SecurityError) -> [KeyID] {
    let other = try KeyFile.read(file)
    let present = ids
    let new = other.ids.filter { !present.contains($0) }
    guard !new.isEmpty else { return [] }
    try change { keyring throws(SecurityError) in
      for id in new { try keyring.install(other.copy(of: id)) }
    }
    return new
  }

  /// Seals with the given key from now on: `Keyring.use`. Do so once every member has it.
  ///
  /// - Throws: `unknownKey`, or as `KeyFile.write`; then nothing changed.
  public func use(_ id: KeyID) throws(SecurityError) {
    try change { keyring throws(SecurityError) in try keyring.use(id) }
  }

  /// Takes a key away: `Keyring.retire`. Do so once every member seals with another.
  ///
  /// - Throws: `unknownKey`, `keyInUse`, or as `KeyFile.write`; then nothing changed.
  public func retire(_ id: KeyID) throws(SecurityError) {
    try change { keyring throws(SecurityError) in try keyring.retire(id) }
  }

  /// Changes a copy, puts it on the disk, and has it count.
  private func change(
    _ body: (inout Keyring) throws(SecurityError) -> Void
  ) throws(SecurityError) {
    try changing.withLock { _ throws(SecurityError) in
      var keyring = try state.withLock { state throws(SecurityError) in try state.keyring.copy() }
      try body(&keyring)
      if let file { try KeyFile.write(keyring, to: file) }
      var changed: Keyring? = consume keyring
      state.withLock { state in
        if let keyring = changed.take() { state.keyring = keyring }
      }
    }
    generation.add(1, ordering: .releasing)
  }

  // MARK: Nodes

  /// As of `SealedFrame`, also where the policy sends plain datagrams, so that it can change.
  public var overhead: Int { SealedFrame.overhead }

  /// Puts sealing around a transport, for one node.
  ///
  /// - Throws: `memory`.
  public func wrap(_ transport: any DatagramTransport) throws -> any DatagramTransport {
    try SealedTransport(transport, keys: self)
  }

  /// Which state of the keys is the present one.
  var present: UInt64 { generation.load(ordering: .acquiring) }

  /// Begins a run with the present keys, which does not follow their changes.
  ///
  /// - Throws: `memory`.
  public func makeProtection() throws(SecurityError) -> FrameProtection {
    try state.withLock { state throws(SecurityError) in
      try FrameProtection(keyring: state.keyring.copy(), policy: state.policy, senders: senders)
    }
  }

  /// Has a node's run take over the present keys.
  func update(_ protection: inout FrameProtection) throws(SecurityError) {
    try state.withLock { state throws(SecurityError) in
      protection.policy = state.policy
      try protection.adopt(state.keyring)
    }
  }
}
