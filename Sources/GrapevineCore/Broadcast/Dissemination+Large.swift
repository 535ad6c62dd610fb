// Large messages among the others: their announcements, and their places in the order.
//
// The announcement of a large message with a topic or an order travels as the body of an ordinary message that has
// them, and takes that one's place: what comes after it waits until its content is here and delivered. The content
// comes by another way (`Transfers`), which says here what became of it.

extension Dissemination {
  /// Announcements that wait at most, for the end of the frame or for a place, and those of one origin. Chosen here:
  /// above what a datagram holds.
  private static var announcementLimit: Int { 128 }
  private static var announcementsOfOne: Int { 64 }

  /// What a held message that announces a large one waits for in the end: that one's content, under a number that no
  /// message has.
  static func content(of name: MessageName) -> MessageName { (name.origin, name.sequence | 1 << 63) }

  /// The number of the message itself, of its own or of its content's.
  static func messageNumber(_ sequence: UInt64) -> UInt64 { sequence & ~(1 << 63) }

  /// Whether another announcement of an origin can wait.
  func hasRoomForAnnouncement(of origin: UInt64) -> Bool {
    announcements.count < Self.announcementLimit
      && announcements.count(where: { $0.origin == origin }) < Self.announcementsOfOne
  }

  /// Keeps what a broadcast says of a large message until the frame has been read, and until there is a place for it.
  ///
  /// - Returns: Whether there was room for it.
  mutating func hear(_ payload: UnsafeRawBufferPointer, origin: UInt64, sequence: UInt64, hops: UInt8) -> Bool
  {
    guard hasRoomForAnnouncement(of: origin) else { return false }
    if let announcement = Announcement(payload, origin: origin, sequence: sequence, hops: hops) {
      announcements.append(announcement)
    }
    return true
  }

  /// The announcement that a message with a topic or an order carries; nil when it makes no sense.
  func announcement(
    of message: OrderedMessage, _ name: MessageName, _ hops: UInt8, _ isWanted: Bool
  ) -> Announcement? {
    guard message.body.count > 1, message.body[1] == SystemMessage.announcement,
      var announcement = Announcement(
        message.body, origin: name.origin, sequence: name.sequence, hops: hops)
    else { return nil }
    announcement.topic = Array(message.topic)
    announcement.order = message.order
    announcement.isPassedOver = !isWanted && message.order != .unordered
    return announcement
  }

  /// Whether the message of these lower bits of a number has come, or was given up.
  mutating func isSettled(_ origin: UInt64, _ number: UInt32) -> Bool {
    guard let place = streams.find(origin, .reliable) else { return false }
    let floor = streams[place].floor
    let distance = Int64(Int32(bitPattern: number &- UInt32(truncatingIfNeeded: floor)))
    let sequence = floor &+ UInt64(bitPattern: distance)
    return windows.judge(sequence, in: streams[place], at: place) == .duplicate
  }
}

// Content that came, or will not.
extension Dissemination {
  /// What is to become of a large message whose content is settled.
  enum LargeFate {
    /// It was delivered, or nobody here wants it.
    case done
    /// It waits for others to be delivered first; `order.released` says when that is over.
    case held
    /// The application has no room for it.
    case full
  }

  /// The content of a large message with a topic or an order is here as a whole, or will not come.
  ///
  /// May be said again of the same message: what is said last counts.
  mutating func didSettle(
    _ announcement: Announcement, _ content: LargeContent?, counters: inout Counters,
    into effects: inout Effects
  ) -> LargeFate {
    let name = (announcement.origin, announcement.sequence)
    guard !announcement.isPassedOver else { return .done }
    if order.held.contains(name.0, name.1) {
      order.contents.removeAll { $0.origin == name.0 && $0.sequence == name.1 }
      order.contents.append(
        SettledContent(
          origin: name.0, sequence: name.1, content: content, isTagged: announcement.isTagged))
      order.held.wake(Self.content(of: name))
      releaseReady(counters: &counters, into: &effects)
      return .held
    }
    guard let content else { return .done }
    // It has no order, or nobody waits for it in its order any more.
    return announcement.topic.withUnsafeBytes { topic in
      guard topic.isEmpty || order.topics.contains(topic) else {
        counters.messagesUnwanted &+= 1
        return .done
      }
      guard effects.deliveries.hasRoom(forLarge: content) else { return .full }
      effects.deliveries.append(
        content, origin: name.0, sequence: name.1, isTagged: announcement.isTagged,
        hops: announcement.hops, topic: topic)
      counters.deliveries &+= 1
      if announcement.order == .causal, let place = streams.find(name.0, .reliable) {
        order.past.note(name.1, at: place)
      }
      return .done
    }
  }

  /// Where the settled content of a message stands; nil when it is not settled.
  func contentPosition(_ name: MessageName) -> Int? {
    order.contents.firstIndex { $0.origin == name.origin && $0.sequence == name.sequence }
  }

  /// What a held message still has to wait for when all that it comes after is here: its content, if it is a large one
  /// of which that is not settled.
  func missingContent(_ held: HeldMessage) -> MessageName? {
    let name = (held.origin, held.sequence)
    return held.isLarge && contentPosition(name) == nil ? Self.content(of: name) : nil
  }

  /// Whether the application has room for a large message, or there is nothing to hand to it.
  func hasRoom(forLarge name: MessageName, in effects: borrowing Effects) -> Bool {
    guard let position = contentPosition(name), let content = order.contents[position].content else {
      return true
    }
    return effects.deliveries.hasRoom(forLarge: content)
  }

  /// Lets go of the content of a message that was delivered, or that nobody here wants.
  mutating func dropContent(_ name: MessageName) {
    order.contents.removeAll { $0.origin == name.origin && $0.sequence == name.sequence }
    order.released.append(name)
  }
}
