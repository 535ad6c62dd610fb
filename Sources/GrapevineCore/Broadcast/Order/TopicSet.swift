// The topics that a node hears.

/// Why a topic cannot be used.
public enum TopicError: Error, Equatable, Sendable {
  /// A topic has from 1 to 255 bytes.
  case invalidLength
  /// The node is subscribed to as many topics as it may be.
  case tooMany(limit: Int)
}

/// A bounded set of topics, asked for every message that has one.
struct TopicSet: ~Copyable {
  private var names: [[UInt8]] = []
  private let index: PlaceIndex
  private let key: SecretKey
  let limit: Int

  init(limit: Int, key: SecretKey) {
    self.limit = limit
    self.key = key
    index = PlaceIndex(capacity: limit)
  }

  /// Bytes of a set of `limit` topics, each as long as can be.
  static func bytes(limit: Int) -> Int {
    PlaceIndex.bytes(capacity: limit) + limit * (OrderedMessage.topicLimit + 40)
  }

  var count: Int { names.count }

  /// A hash that others cannot foresee.
  func hash(_ topic: UnsafeRawBufferPointer) -> UInt64 {
    var hash = SipHash(key: key)
    hash.add(topic)
    return hash.finish()
  }

  private func place(_ topic: UnsafeRawBufferPointer) -> Int? {
    index.find(hash(topic)) { place in names[place].withUnsafeBytes { $0.hasBytes(of: topic) } }
  }

  func contains(_ topic: UnsafeRawBufferPointer) -> Bool { !names.isEmpty && place(topic) != nil }

  /// Adds a topic, which may be there already.
  mutating func insert(_ topic: UnsafeRawBufferPointer) throws(TopicError) {
    guard 1...OrderedMessage.topicLimit ~= topic.count else { throw .invalidLength }
    guard place(topic) == nil else { return }
    guard names.count < limit else { throw .tooMany(limit: limit) }
    names.append(Array(topic))
    index.enter(names.count - 1, hash(topic))
  }

  /// Takes a topic out; does nothing when it is not there.
  mutating func remove(_ topic: UnsafeRawBufferPointer) {
    guard let place = place(topic) else { return }
    leave(place)
    let last = names.count - 1
    if place < last {
      leave(last)
      names.swapAt(place, last)
      index.enter(place, names[place].withUnsafeBytes { hash($0) })
    }
    names.removeLast()
  }

  private func leave(_ place: Int) {
    index.leave(place) { place in names[place].withUnsafeBytes { hash($0) } }
  }
}
