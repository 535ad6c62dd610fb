// What becomes of a frame that arrives.

import GrapevineCore

/// What a frame turned out to be.
public enum OpenedFrame: Equatable, Sendable {
  /// It is authentic, and its payload lies decrypted at these offsets of the buffer.
  case sealed(Range<Int>, sender: MemberID, key: KeyID)
  /// It is a plain frame, which the policy accepts, untouched. Anybody can have sent it.
  case plain
  /// It must not be used. Its bytes may have been overwritten.
  case refused(FrameRefusal)
}

/// Why a frame is refused.
public enum FrameRefusal: Int, Error, Sendable, CaseIterable {
  /// Empty, too short, or of no known form.
  case malformed
  /// Plain, where only sealed frames are accepted.
  case plain
  /// Sealed, where only plain frames are accepted.
  case sealed
  /// Sealed with a key that is not in the keyring.
  case unknownKey
  /// Not what a holder of the key sealed for this context: changed, forged, or meant for others.
  case forged
  /// It was here before.
  case replayed
  /// So far behind its sender's newest frame that nobody remembers whether it was here before.
  case tooOld
  /// It is one of our own.
  case reflected
  /// The table of senders is full.
  case tooManySenders
}

/// What a `FrameProtection` has done.
public struct FrameCounters: Equatable, Sendable {
  /// Frames sealed.
  public internal(set) var sealed: UInt64 = 0
  /// Sealed frames opened.
  public internal(set) var opened: UInt64 = 0
  /// Plain frames accepted.
  public internal(set) var plain: UInt64 = 0
  private var refusals: [UInt64]

  init() { refusals = [UInt64](repeating: 0, count: FrameRefusal.allCases.count) }

  /// Frames refused for a reason.
  public func refused(_ reason: FrameRefusal) -> UInt64 { refusals[reason.rawValue] }

  /// Frames refused for whatever reason.
  public var refused: UInt64 { refusals.reduce(0, &+) }

  mutating func refuse(_ reason: FrameRefusal) { refusals[reason.rawValue] &+= 1 }
}
