// One gossip message as bytes and back, without a node: for tools that inspect or measure the wire.

/// Writes and reads single gossip messages as they stand inside a link frame.
public enum GossipCodec {
  /// Writes one reliable message.
  ///
  /// - Returns: The bytes written, or 0 when `buffer` is too small.
  public static func encode(
    origin: UInt64, sequence: UInt64, hops: UInt8, payload: UnsafeRawBufferPointer,
    into buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    guard buffer.count >= GossipHeader.lengthLimit + 10 + payload.count else { return 0 }
    var writer = Writer(buffer)
    GossipHeader(
      origin: origin, level: .reliable, isTagged: false, hops: hops, first: sequence, count: 1
    ).write(to: &writer)
    writer.writeVariable(UInt64(payload.count))
    writer.write(payload)
    return writer.count
  }

  /// Reads one message.
  ///
  /// - Parameters:
  ///   - bytes: The message, from its first byte.
  ///   - sender: The other end of the link, which is the origin of a message without hops.
  /// - Returns: The message, its payload a part of `bytes`; nil when the bytes are not a gossip message.
  public static func decode(_ bytes: RawSpan, sender: UInt64 = 1) -> (
    origin: UInt64, sequence: UInt64, payload: UnsafeRawBufferPointer
  )? {
    var cursor = Cursor(bytes)
    do throws(DecodeError) {
      let kind = try cursor.read(UInt8.self)
      guard kind & MessageKind.gossip != 0 else { return nil }
      let header = try GossipHeader(kind: kind, sender: sender, from: &cursor)
      let payload = try cursor.readBytes(try cursor.readVariable())
      return (header.origin, header.first, payload)
    } catch {
      return nil
    }
  }
}
