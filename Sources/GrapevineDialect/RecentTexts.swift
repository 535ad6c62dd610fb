// What was heard of late, where a wire has nothing but the bytes of a message to know it by.

import GrapevineCore

/// A bounded memory of byte strings, each forgotten when it was not heard for a time.
///
/// It keeps the bytes themselves and not hashes of them: nobody can make one message hide another. When it is
/// full, what was not heard for longest makes room.
public struct RecentTexts: Sendable {
  private var heard: [[UInt8]: Instant] = [:]
  /// The strings by the time that they were queued; those heard since are queued anew when they come up.
  private var queue: [(text: [UInt8], at: Instant)] = []
  private var first = 0
  private let lifetime: Nanoseconds
  private let limit: Int

  /// Creates an empty memory.
  ///
  /// - Parameters:
  ///   - lifetime: Nanoseconds for which a string is known after it was heard.
  ///   - limit: Strings it holds at most; at least 1.
  public init(lifetime: Nanoseconds, limit: Int) {
    self.lifetime = lifetime
    self.limit = max(1, limit)
  }

  /// The number of strings held.
  public var count: Int { heard.count }

  /// Whether the string was heard of late.
  public func contains(_ text: [UInt8], now: Instant) -> Bool {
    guard let at = heard[text] else { return false }
    return now.since(at) < lifetime
  }

  /// Notes that the string was heard; a string that is known stays known for another lifetime.
  ///
  /// - Returns: Whether it was not known.
  @discardableResult
  public mutating func insert(_ text: [UInt8], now: Instant) -> Bool {
    forget(now: now)
    if heard.updateValue(now, forKey: text) != nil { return false }
    queue.append((text, now))
    while heard.count > limit { dropOldest() }
    return true
  }

  /// Forgets what was not heard for the lifetime.
  private mutating func forget(now: Instant) {
    while first < queue.count, now.since(queue[first].at) >= lifetime { drop(now: now) }
  }

  /// Takes the head of the queue, which goes to its end when it was heard since.
  private mutating func drop(now: Instant) {
    let entry = takeFirst()
    guard let at = heard[entry.text] else { return }
    if now.since(at) < lifetime {
      queue.append((entry.text, at))
    } else {
      heard[entry.text] = nil
    }
  }

  private mutating func dropOldest() {
    while first < queue.count {
      let entry = takeFirst()
      guard let at = heard[entry.text] else { continue }
      if at > entry.at {
        queue.append((entry.text, at))
      } else {
        heard[entry.text] = nil
        return
      }
    }
  }

  private mutating func takeFirst() -> (text: [UInt8], at: Instant) {
    let entry = queue[first]
    first += 1
    if first >= 64, first * 2 >= queue.count {
      queue.removeFirst(first)
      first = 0
    }
    return entry
  }
}
