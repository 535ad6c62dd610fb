// The receive queue of one in-memory transport.
//
// Datagrams lie in slots of 2,048 bytes. A slot that was freed last is filled next, so that memory becomes
// resident only for as many slots as ever waited at once. A receiver reads its slots in place.

import GrapevineCore
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A bounded queue of datagrams: any thread delivers, one takes.
final class Mailbox: @unchecked Sendable {
  /// What is known of the datagram in a slot.
  struct Entry: BitwiseCopyable {
    var slot: Int32
    var length: Int32
    var source: Endpoint
  }

  private struct Queue: ~Copyable {
    var readiness: Readiness
    var head = 0
    var count = 0
    var freeSlots: [Int32]
    var dropped = 0
  }

  let descriptor: Int32
  let limit: Int
  private let slots: UnsafeMutablePointer<UInt8>
  /// The waiting entries, a ring; guarded by `queue` like the slots they name.
  private let ring: UnsafeMutablePointer<Entry>
  private let queue: Mutex<Queue>

  init(limit: Int) throws(TransportError) {
    let readiness = try Readiness()
    self.limit = limit
    descriptor = readiness.descriptor
    // A batch more than may wait: what the receiver is reading.
    let slotCount = limit + TransportLimits.batch
    slots = zeroed(slotCount * TransportLimits.datagramBytes)
    ring = zeroed(limit)
    queue = Mutex(Queue(readiness: readiness, freeSlots: (0..<Int32(slotCount)).reversed()))
  }

  deinit {
    free(slots)
    free(ring)
  }

  /// Datagrams that found the queue full.
  var dropped: Int { queue.withLock { $0.dropped } }

  /// Appends a copy of the datagram; one too long for a slot keeps its place but not its bytes.
  func deliver(_ datagram: UnsafeRawBufferPointer, from source: Endpoint) {
    queue.withLock { queue in
      guard queue.count < limit, let slot = queue.freeSlots.popLast() else {
        queue.dropped += 1
        return
      }
      let isTruncated = datagram.count > TransportLimits.datagramBytes
      if !isTruncated, let bytes = datagram.baseAddress { memcpy(pointer(to: slot), bytes, datagram.count) }
      let length = isTruncated ? -1 : Int32(datagram.count)
      ring[(queue.head + queue.count) % limit] = Entry(slot: slot, length: length, source: source)
      queue.count += 1
      queue.readiness.set(true)
    }
  }

  /// Gives back the first `used` of `entries`, and fills it from the start with what waits; returns how many.
  func exchange(_ entries: UnsafeMutablePointer<Entry>, used: Int) -> Int {
    queue.withLock { queue in
      for index in 0..<used { queue.freeSlots.append(entries[index].slot) }
      let taken = min(queue.count, TransportLimits.batch)
      for index in 0..<taken { entries[index] = ring[(queue.head + index) % limit] }
      queue.head = (queue.head + taken) % limit
      queue.count -= taken
      queue.readiness.set(queue.count > 0)
      return taken
    }
  }

  /// The bytes of an entry that was taken; none when it was truncated.
  func bytes(of entry: Entry) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: pointer(to: entry.slot), count: Int(max(0, entry.length)))
  }

  private func pointer(to slot: Int32) -> UnsafeMutablePointer<UInt8> {
    slots + Int(slot) * TransportLimits.datagramBytes
  }
}
