// Large messages, given to the core on the thread that steps it.

import GrapevineCore
import GrapevineTransport

extension NodeDriver {
  func broadcast(large content: LargeContent, isTagged: Bool) throws(BroadcastError) -> TransferID {
    try node.broadcast(large: content, isTagged: isTagged, now: MonotonicClock.now(), into: &effects)
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
