// A queue in an array: what was taken from its front is let go at once, and its places when they are the greater part.

/// Elements in the order in which they came, each with a number by which it can be found, changed and erased.
package struct FrontQueue<Element> {
  @usableFromInline var places: [Element?] = []
  @usableFromInline var first = 0
  /// The number of the element in the first place.
  @usableFromInline var firstNumber = 0

  /// An empty queue.
  @inlinable
  package init() {}

  /// How many elements wait, those that were erased among them.
  @inlinable
  package var count: Int { places.count - first }

  /// The elements that wait.
  @inlinable
  package var waiting: [Element] { places[first...].compactMap { $0 } }

  /// Makes room for so many elements.
  @inlinable
  package mutating func reserveCapacity(_ count: Int) { places.reserveCapacity(count) }

  /// Puts an element behind all others.
  ///
  /// - Returns: Its number.
  @inlinable @discardableResult
  package mutating func append(_ element: consuming Element) -> Int {
    places.append(element)
    return firstNumber + places.count - 1
  }

  /// Puts an element before all others.
  @inlinable
  package mutating func putBack(_ element: consuming Element) {
    if first > 0 {
      first -= 1
      places[first] = element
    } else {
      places.insert(element, at: 0)
      firstNumber -= 1
    }
  }

  /// The element with a number; nil, which erases it, when there is none.
  @inlinable
  package subscript(number: Int) -> Element? {
    get { places.indices.contains(number - firstNumber) ? places[number - firstNumber] : nil }
    set {
      guard places.indices.contains(number - firstNumber) else { return }
      places[number - firstNumber] = newValue
    }
  }

  /// Takes the first element that was not erased.
  @inlinable
  package mutating func popFirst() -> Element? {
    while first < places.count {
      let element = places[first].take()
      first += 1
      if first == places.count {
        firstNumber += places.count
        places.removeAll(keepingCapacity: places.capacity <= 1_024)
        first = 0
      } else if first >= 64, first * 2 >= places.count {
        places.removeFirst(first)
        firstNumber += first
        first = 0
      }
      if let element { return element }
    }
    return nil
  }
}
