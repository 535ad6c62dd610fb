// libpittacus: the functions of gossip.h over the engine and one socket.
//
// Handles are plain memory and nothing here is a class, so a datagram costs no allocation and no count of
// references, and the same source builds for Embedded Swift.

import CPittacus
import GrapevineCore
import GrapevineDialect
import Pittacus

/// What a handle points to.
private struct Gossip: ~Copyable {
  var engine: PittacusEngine
  var effects: DialectEffects
  /// Datagrams of `effects` that were sent already, and all of them as the system is handed them.
  var sent = 0
  let outgoing: UnsafeMutablePointer<ps_datagram>
  /// What sending has learnt of the way out.
  var takesTrains: Int32 = 1
  let socket: Int32
  let receiver: data_receiver_t?
  let context: UnsafeMutableRawPointer?
  /// One byte more than a datagram may have, so that a longer one shows.
  let buffer: UnsafeMutableRawBufferPointer

  static let bufferSize = PittacusWire.datagramLimit + 1
  /// Datagrams that are made and sent at once.
  static let batch = Int(ps_batch)

  /// Hands the system what is to be sent; false when it has no room for all of it.
  ///
  /// - Parameter left: Is raised by the number of datagrams that left.
  mutating func send(_ left: inout Int32) -> Bool {
    let rest = effects.datagrams.count - sent
    let done = ps_send(socket, outgoing + sent, Int32(truncatingIfNeeded: rest), &takesTrains, &left)
    sent += Int(done)
    return Int(done) == rest
  }

  /// Makes datagrams of what is queued and due; false when there is nothing.
  mutating func fill(now: Instant) -> Bool {
    effects.datagrams.removeAll()
    sent = 0
    engine.flush(now: now, into: &effects)
    for index in 0..<effects.datagrams.count {
      let bytes = effects.datagrams.bytes(index)
      let to = effects.datagrams.record(index).destination
      outgoing[index] = ps_datagram(
        bytes: bytes.baseAddress, size: bytes.count,
        destination: ps_endpoint(high: to.high, low: to.low, scope: to.scope, port: to.port))
    }
    return effects.datagrams.count > 0
  }

  deinit {
    pt_close(socket)
    outgoing.deallocate()
    buffer.deallocate()
  }
}

/// The handle behind a pointer of a caller.
private func gossip(_ handle: OpaquePointer?) -> UnsafeMutablePointer<Gossip>? {
  handle.map { UnsafeMutablePointer<Gossip>($0) }
}

private func now() -> Instant { Instant(nanoseconds: ps_now()) }

private func endpoint(_ address: ps_endpoint) -> Endpoint {
  Endpoint(high: address.high, low: address.low, scope: address.scope, port: address.port)
}

/// The longest time between two ticks, in milliseconds.
private let tickLimit: UInt64 = 1_000

/// See gossip.h.
@c(pittacus_gossip_create)
public func gossipCreate(
  _ address: UnsafePointer<pittacus_addr_t>?, _ receiver: data_receiver_t?,
  _ context: UnsafeMutableRawPointer?
) -> OpaquePointer? {
  var bound = ps_endpoint()
  let socket = ps_open(address?.pointee.addr, address?.pointee.addr_len ?? 0, &bound)
  guard socket >= 0 else { return nil }
  let handle = UnsafeMutablePointer<Gossip>.allocate(capacity: 1)
  do throws(DialectError) {
    let engine = try PittacusEngine(address: endpoint(bound), uid: ps_seconds(), seed: ps_entropy())
    handle.initialize(
      to: Gossip(
        engine: engine,
        effects: DialectEffects(
          datagrams: Gossip.batch, datagramLimit: PittacusWire.datagramLimit,
          deliveries: DialectDeliveries(messages: 4, bytes: 4 * PittacusWire.datagramLimit)),
        outgoing: .allocate(capacity: Gossip.batch), socket: socket, receiver: receiver, context: context,
        buffer: .allocate(byteCount: Gossip.bufferSize, alignment: 16)))
    return OpaquePointer(handle)
  } catch {
    handle.deallocate()
    pt_close(socket)
    ps_refuse_address()
    return nil
  }
}

/// See gossip.h.
@c(pittacus_gossip_destroy)
public func gossipDestroy(_ handle: OpaquePointer?) -> Int32 {
  guard let gossip = gossip(handle) else { return PITTACUS_ERR_BAD_STATE.rawValue }
  gossip.deinitialize(count: 1)
  gossip.deallocate()
  return PITTACUS_ERR_NONE.rawValue
}

/// See gossip.h.
@c(pittacus_gossip_join)
public func gossipJoin(
  _ handle: OpaquePointer?, _ seeds: UnsafePointer<pittacus_addr_t>?, _ count: UInt16
) -> Int32 {
  guard let gossip = gossip(handle) else { return PITTACUS_ERR_BAD_STATE.rawValue }
  guard gossip.pointee.engine.lifecycle == .initialized else { return PITTACUS_ERR_BAD_STATE.rawValue }
  let own = gossip.pointee.engine.identity.endpoint
  var contacts: [Endpoint] = []
  if count > 0 {
    guard let seeds else { return PITTACUS_ERR_INIT_FAILED.rawValue }
    for seed in UnsafeBufferPointer(start: seeds, count: Int(count)) {
      var address = ps_endpoint()
      guard ps_read(seed.addr, seed.addr_len, &address) == 0 else { return PITTACUS_ERR_INIT_FAILED.rawValue }
      // Programs give all nodes one list of seeds, in which a seed finds itself.
      if endpoint(address) != own { contacts.append(endpoint(address)) }
    }
  }
  do throws(DialectError) {
    try gossip.pointee.engine.join(contacts, now: now())
    return PITTACUS_ERR_NONE.rawValue
  } catch {
    return PITTACUS_ERR_INIT_FAILED.rawValue
  }
}

/// See gossip.h.
@c(pittacus_gossip_process_receive)
public func gossipProcessReceive(_ handle: OpaquePointer?) -> Int32 {
  guard let gossip = gossip(handle) else { return PITTACUS_ERR_BAD_STATE.rawValue }
  let buffer = gossip.pointee.buffer
  var source = ps_endpoint()
  let count = ps_receive(gossip.pointee.socket, buffer.baseAddress, buffer.count, &source)
  guard count > 0 else { return PITTACUS_ERR_READ_FAILED.rawValue }
  let datagram = UnsafeRawBufferPointer(rebasing: buffer[..<count])
  let before = gossip.pointee.engine.counters
  gossip.pointee.engine.receive(
    datagram, from: endpoint(source), now: now(), into: &gossip.pointee.effects)
  let after = gossip.pointee.engine.counters
  if after.droppedMalformed != before.droppedMalformed { return fault(of: datagram) }
  if after.droppedOversized != before.droppedOversized {
    return PITTACUS_ERR_BUFFER_NOT_ENOUGH.rawValue
  }
  if after.droppedUnexpected != before.droppedUnexpected,
    gossip.pointee.engine.lifecycle != .connected
  {
    return PITTACUS_ERR_BAD_STATE.rawValue
  }
  if gossip.pointee.effects.deliveries.count > 0 { deliver(gossip) }
  return PITTACUS_ERR_NONE.rawValue
}

/// What the original answers to a datagram that is not a message.
private func fault(of datagram: UnsafeRawBufferPointer) -> Int32 {
  guard datagram.count >= 12 else { return PITTACUS_ERR_INVALID_MESSAGE.rawValue }
  do throws(DecodeError) {
    _ = try PittacusMessage(decoding: datagram)
    return PITTACUS_ERR_NONE.rawValue
  } catch {
    return error == .unknownKind
      ? PITTACUS_ERR_INVALID_MESSAGE.rawValue : PITTACUS_ERR_BUFFER_NOT_ENOUGH.rawValue
  }
}

/// Hands the one message of a datagram to the caller.
///
/// From a copy on the stack, and last of all: the callback may call every function of this file with the same handle.
private func deliver(_ gossip: UnsafeMutablePointer<Gossip>) {
  withUnsafeTemporaryAllocation(byteCount: PittacusWire.datagramLimit, alignment: 16) { copy in
    let count = gossip.pointee.effects.deliveries.withMessage(0) { _, payload in
      copy.copyMemory(from: UnsafeRawBufferPointer(rebasing: payload.prefix(copy.count)))
      return min(payload.count, copy.count)
    }
    gossip.pointee.effects.deliveries.removeAll()
    guard let receiver = gossip.pointee.receiver else { return }
    let bytes = count > 0 ? copy.baseAddress?.assumingMemoryBound(to: UInt8.self) : nil
    receiver(gossip.pointee.context, OpaquePointer(gossip), bytes, count)
  }
}

/// See gossip.h.
@c(pittacus_gossip_process_send)
public func gossipProcessSend(_ handle: OpaquePointer?) -> Int32 {
  guard let gossip = gossip(handle), gossip.pointee.engine.lifecycle != .initialized else {
    return PITTACUS_ERR_BAD_STATE.rawValue
  }
  let time = now()
  var left: Int32 = 0
  var done = 0
  repeat {
    let before = gossip.pointee.sent
    let hasRoom = gossip.pointee.send(&left)
    done += gossip.pointee.sent - before
    // What is left stays where it is.
    if !hasRoom { return left }
  } while gossip.pointee.fill(now: time)
  // An address that the system refuses holds up nobody else.
  return left == 0 && done > 0 ? PITTACUS_ERR_WRITE_FAILED.rawValue : left
}

/// See gossip.h.
@c(pittacus_gossip_send_data)
public func gossipSendData(_ handle: OpaquePointer?, _ data: UnsafePointer<UInt8>?, _ size: UInt32) -> Int32 {
  guard let gossip = gossip(handle), gossip.pointee.engine.lifecycle == .connected else {
    return PITTACUS_ERR_BAD_STATE.rawValue
  }
  guard data != nil || size == 0 else { return PITTACUS_ERR_INIT_FAILED.rawValue }
  do throws(DialectError) {
    let payload = UnsafeRawBufferPointer(start: data, count: Int(size))
    try gossip.pointee.engine.broadcast(payload, now: now())
    return PITTACUS_ERR_NONE.rawValue
  } catch {
    return PITTACUS_ERR_BUFFER_NOT_ENOUGH.rawValue
  }
}

/// See gossip.h.
@c(pittacus_gossip_tick)
public func gossipTick(_ handle: OpaquePointer?) -> Int32 {
  guard let gossip = gossip(handle) else { return PITTACUS_ERR_BAD_STATE.rawValue }
  let time = now()
  gossip.pointee.engine.tick(now: time)
  let pause = gossip.pointee.engine.nextTimer.since(time) / 1_000_000
  return Int32(truncatingIfNeeded: min(max(pause &+ (pause < tickLimit ? 1 : 0), 1), tickLimit))
}

/// See gossip.h.
@c(pittacus_gossip_state)
public func gossipState(_ handle: OpaquePointer?) -> pittacus_gossip_state_t {
  guard let gossip = gossip(handle) else { return STATE_DESTROYED }
  switch gossip.pointee.engine.lifecycle {
  case .initialized: return STATE_INITIALIZED
  case .joining: return STATE_JOINING
  case .connected: return STATE_CONNECTED
  case .leaving: return STATE_LEAVING
  case .disconnected: return STATE_DISCONNECTED
  case .destroyed: return STATE_DESTROYED
  }
}

/// See gossip.h.
@c(pittacus_gossip_socket_fd)
public func gossipSocket(_ handle: OpaquePointer?) -> Int32 {
  gossip(handle)?.pointee.socket ?? -1
}
