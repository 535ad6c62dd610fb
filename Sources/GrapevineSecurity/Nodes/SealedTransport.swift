// Datagrams of a node, sealed on their way out and opened on their way in.

import GrapevineCore
import GrapevineTransport

/// Where an opened datagram lies.
struct OpenedPlace: BitwiseCopyable {
  /// Its number in the inner transport's batch.
  var index: Int
  /// Where it begins in the memory of opened datagrams; negative for a plain one, which stays where it was.
  var offset: Int
  /// Its length.
  var count: Int
}

/// A transport that seals what it sends and opens what it receives, as its keys say. One thread uses it.
///
/// What is refused is dropped and counted in `counters.layer`. It allocates nothing for a datagram. Frames have no
/// context, since a node does not know who will receive what it sends: a link's own checksum and numbers refuse what
/// was sealed for another member or in another run.
public final class SealedTransport: DatagramTransport {
  private let inner: any DatagramTransport
  private let keys: ClusterKeys
  @exclusivity(unchecked) private var protection: FrameProtection
  /// The state of the keys that `protection` has.
  private var generation: UInt64

  @exclusivity(unchecked) private var outgoing = DatagramBuffer(
    datagrams: SealedTransport.batch, datagramLimit: SealedTransport.datagramBytes)
  private let opened: FixedTable<UInt8>
  private let places: FixedTable<OpenedPlace>
  private var count = 0
  private var truncated: UInt64 = 0
  private var sealFailures: UInt64 = 0

  /// As of every transport.
  private static var batch: Int { 64 }
  private static var datagramBytes: Int { 2_048 }
  /// Batches of nothing but refused datagrams that are taken before whoever drives the transport may do something
  /// else. Chosen here: as many as a node takes of others in one turn of its loop.
  private static var refusedBatches: Int { 4 }

  /// Wraps a transport; begins a run under an identity of its own.
  ///
  /// - Throws: `memory`.
  public init(_ inner: any DatagramTransport, keys: ClusterKeys) throws(SecurityError) {
    self.inner = inner
    self.keys = keys
    // Read first: what changes meanwhile is taken over once more.
    generation = keys.present
    protection = try keys.makeProtection()
    opened = FixedTable(count: Self.batch * Self.datagramBytes)
    places = FixedTable(count: Self.batch)
  }

  /// The inner transport's endpoint.
  public var localEndpoint: Endpoint { inner.localEndpoint }

  /// The inner transport's descriptor.
  public var fileDescriptor: Int32 { inner.fileDescriptor }

  /// The inner transport's window.
  public var receiveWindow: Int { inner.receiveWindow }

  /// That of sealed frames, and the inner transport's.
  public var overhead: Int { SealedFrame.overhead + inner.overhead }

  /// The inner transport's counters, refused datagrams included, and those of sealing.
  public var counters: TransportCounters {
    var counters = inner.counters
    let frames = protection.counters
    var layer = LayerCounters()
    layer.sealed = frames.sealed
    layer.sealFailures = sealFailures
    layer.opened = frames.opened
    layer.plain = frames.plain
    layer.refusedTruncated = truncated
    layer.refusedMalformed = frames.refused(.malformed)
    layer.refusedPlain = frames.refused(.plain)
    layer.refusedSealed = frames.refused(.sealed)
    layer.refusedUnknownKey = frames.refused(.unknownKey)
    layer.refusedForged = frames.refused(.forged)
    layer.refusedReplayed = frames.refused(.replayed)
    layer.refusedTooOld = frames.refused(.tooOld)
    layer.refusedOwn = frames.refused(.reflected)
    layer.refusedSenders = frames.refused(.tooManySenders)
    counters.layer = layer
    return counters
  }

  /// Takes over what has changed of the keys. Where there is no memory for that, the present ones go on.
  private func followKeys() {
    let present = keys.present
    guard present != generation else { return }
    do throws(SecurityError) {
      try keys.update(&protection)
      generation = present
    } catch {}
  }

  // MARK: Receiving

  /// Receives until a batch has something left that is not refused, or nothing waits; returns 0 as well after a few
  /// batches that had nothing.
  public func receive() -> Int {
    for _ in 0..<Self.refusedBatches {
      count = 0
      let arrived = inner.receive()
      guard arrived > 0 else { return 0 }
      followKeys()
      for index in 0..<min(arrived, Self.batch) { open(index) }
      if count > 0 { return count }
    }
    return 0
  }

  private func open(_ index: Int) {
    guard !inner.isTruncated(index) else {
      truncated &+= 1
      return
    }
    let frame = inner.datagram(index)
    let start = count * Self.datagramBytes
    let room = UnsafeMutableRawBufferPointer(start: opened.pointer(at: start), count: Self.datagramBytes)
    switch protection.open(frame, into: room) {
    case .sealed(let payload, _, _):
      places[count] = OpenedPlace(index: index, offset: start + payload.lowerBound, count: payload.count)
      count += 1
    case .plain:
      places[count] = OpenedPlace(index: index, offset: -1, count: frame.count)
      count += 1
    case .refused:
      break
    }
  }

  /// The bytes of a datagram that was not refused.
  public func datagram(_ index: Int) -> UnsafeRawBufferPointer {
    let place = place(index)
    guard place.offset >= 0 else { return inner.datagram(place.index) }
    return UnsafeRawBufferPointer(start: opened.pointer(at: place.offset), count: place.count)
  }

  /// False: a truncated datagram is refused.
  public func isTruncated(_ index: Int) -> Bool { false }

  /// Where a datagram that was not refused came from, as the network says: anybody can send on what was sealed by
  /// others, once.
  public func source(_ index: Int) -> Endpoint { inner.source(place(index).index) }

  private func place(_ index: Int) -> OpenedPlace {
    precondition(index >= 0 && index < count, "datagram index out of range")
    return places[index]
  }

  // MARK: Sending

  /// Seals and sends, if the policy says so. What the system does not take is sealed again, under another counter, when
  /// the rest is sent.
  public func send(_ buffer: borrowing DatagramBuffer, from first: Int) -> Int {
    followKeys()
    guard protection.policy.seals else { return inner.send(buffer, from: first) }
    var next = first
    while next < buffer.count {
      outgoing.removeAll()
      while next + outgoing.count < buffer.count, outgoing.hasRoom, seal(buffer, next + outgoing.count) {}
      guard outgoing.count > 0 else {
        // One that cannot be sealed must not hold up those behind it.
        sealFailures &+= 1
        next += 1
        continue
      }
      let sent = inner.send(outgoing, from: 0)
      next += sent
      if sent < outgoing.count { break }
    }
    return max(0, next - first)
  }

  /// Seals one datagram behind those that are sealed already; says whether it could.
  private func seal(_ buffer: borrowing DatagramBuffer, _ index: Int) -> Bool {
    let record = buffer.record(index)
    do throws(SecurityError) {
      let length = try protection.seal(buffer.bytes(index), into: outgoing.nextDatagram())
      outgoing.commit(length: length, to: record.destination)
      return true
    } catch {
      return false
    }
  }
}
