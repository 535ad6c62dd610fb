// Messages longer than a datagram, as applications meet them.

import GrapevineCore

/// A large message of this node on its way.
public struct OutgoingTransfer: Sendable {
  /// Which message it is; receivers have the same number.
  public let id: TransferID
  /// What becomes of it, from the beginning on. Ends with its completion, its cancellation or the node; a reader that
  /// falls far behind loses the oldest.
  public let updates: AsyncStream<TransferUpdate>
  private let node: GossipNode

  init(id: TransferID, updates: AsyncStream<TransferUpdate>, node: GossipNode) {
    self.id = id
    self.updates = updates
    self.node = node
  }

  /// Withdraws it: members that do not have all of it forget it.
  ///
  /// - Returns: False when all neighbours have it, or when the node has ended it already.
  @discardableResult
  public func cancel() async -> Bool { await node.cancelTransfer(id) }

  /// Waits until every neighbour has all of it, or it is cancelled or given up.
  ///
  /// - Returns: Whether every neighbour has it. Read either this or `updates`.
  public func handedOver() async -> Bool {
    for await update in updates {
      if case .completed = update { return true }
    }
    return false
  }
}

extension GossipNode {
  /// What becomes of large messages from now on, of this node's and of others: progress in steps of about one in a
  /// hundred, completion, cancellation, failure. Ends when the node has left.
  ///
  /// Each call is a reader of its own; one that falls 1,024 behind loses the oldest.
  public nonisolated var transfers: AsyncStream<TransferUpdate> { client.transfers.subscribe() }

  /// Broadcasts bytes of any length up to `largeLimit` as fragments, and tells how far they are.
  ///
  /// What `broadcast` does with bytes that are longer than `payloadLimit`, with a handle to watch and to cancel it.
  ///
  /// - Parameters:
  ///   - payload: One byte at least; copied once.
  ///   - topic: Up to 255 bytes of UTF-8; none for a message to all members.
  ///   - order: How it stands to the other ordered messages: what comes after it is delivered when it is there.
  /// - Throws: `BroadcastError.tooLarge`, `.topicTooLong`, `.empty`, `.notConnected`, or `CancellationError`; then it
  ///   was not sent.
  public nonisolated(nonsending) func transfer(
    _ payload: [UInt8], topic: String = "", order: MessageOrder = .unordered
  ) async throws -> OutgoingTransfer {
    // Subscribed before it begins, so that nothing is missed.
    let all = client.transfers.subscribe()
    let id = try await broadcastLarge(payload, LargeHandling(topic: Array(topic.utf8), order: order))
    let (updates, continuation) = AsyncStream.makeStream(
      of: TransferUpdate.self, bufferingPolicy: .bufferingNewest(128))
    let relay = Task {
      for await update in all where update.id == id {
        continuation.yield(update)
        if case .progress = update { continue }
        break
      }
      continuation.finish()
    }
    continuation.onTermination = { _ in relay.cancel() }
    return OutgoingTransfer(id: id, updates: updates, node: self)
  }

  /// Cancels a large message: one of this node everywhere where it is not complete yet, one of another member here.
  ///
  /// - Returns: False when it is complete, or not known.
  @discardableResult
  public func cancelTransfer(_ id: TransferID) -> Bool { client.cancelTransfer(id) }

  /// Begins a large message as soon as there is room for it.
  @usableFromInline
  nonisolated(nonsending) func broadcastLarge(_ payload: [UInt8], isTagged: Bool) async throws -> TransferID {
    try await broadcastLarge(payload, LargeHandling(isTagged: isTagged))
  }

  nonisolated(nonsending) func broadcastLarge(_ payload: [UInt8], _ handling: LargeHandling) async throws
    -> TransferID
  {
    guard handling.topic.count <= 255 else { throw BroadcastError.topicTooLong }
    guard payload.count <= largeLimit else { throw BroadcastError.tooLarge(limit: largeLimit) }
    guard !payload.isEmpty else { throw BroadcastError.empty }
    guard let content = payload.withUnsafeBytes({ LargeContent(copying: $0) }) else {
      throw BroadcastError.wouldBlock
    }
    while true {
      switch try await startTransfer(content, handling) {
      case .done(let id): return id
      case .mustWait(let epoch): try await waitForRoom(epoch)
      }
    }
  }

  private func startTransfer(_ content: LargeContent, _ handling: LargeHandling) throws(BroadcastError)
    -> Attempt<TransferID>
  {
    try client.startTransfer(content, handling)
  }
}

extension NodeClient {
  /// Begins a large message, if there is room for it; one with an order behind all that are staged.
  func startTransfer(_ content: LargeContent, _ handling: LargeHandling) throws(BroadcastError) -> Attempt<
    TransferID
  > {
    do throws(BroadcastError) {
      guard handling.order == .unordered || takeStaged() else { return .mustWait(since: room.epoch) }
      return .done(try driver.broadcast(large: content, handling))
    } catch .wouldBlock {
      return .mustWait(since: room.epoch)
    }
  }

  func cancelTransfer(_ id: TransferID) -> Bool {
    defer { tellTransfers() }
    return driver.cancelTransfer(id)
  }

  /// Tells what became of large messages.
  func tellTransfers() {
    for update in driver.takeTransferUpdates() { transfers.tell(update) }
  }
}
