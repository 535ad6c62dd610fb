// Large messages, given to the core on the thread that steps it.

import GrapevineCore
import GrapevineTransport

/// What is to become of a large message.
struct LargeHandling: Sendable {
  var isTagged = false
  /// Empty for none.
  var topic: [UInt8] = []
  var order = MessageOrder.unordered
}

extension NodeDriver {
  func broadcast(large content: LargeContent, _ handling: LargeHandling) throws(BroadcastError) -> TransferID
  {
    let now = MonotonicClock.now()
    return try handling.topic.withRawBytes { topic throws(BroadcastError) in
      try node.broadcast(
        large: content, topic: topic, order: handling.order, isTagged: handling.isTagged, now: now,
        into: &effects)
    }
  }

  func cancelTransfer(_ id: TransferID) -> Bool {
    node.cancelTransfer(id, now: MonotonicClock.now(), into: &effects)
  }

  /// Takes what became of large messages since the last call.
  func takeTransferUpdates() -> [TransferUpdate] {
    guard !effects.transfers.isEmpty else { return [] }
    let updates = effects.transfers
    effects.removeTransfers()
    return updates
  }
}
