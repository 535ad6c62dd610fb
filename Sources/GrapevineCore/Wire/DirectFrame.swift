// What one member says to another one, wherever in the overlay they are.
//
//   direct frame  'd'  checksum(4)  id(8)  run(8)  messages, until the datagram ends
//
// As a member frame, a direct frame needs no link, and its checksum key follows from the receiver's run, which
// whoever has not heard of it cannot know. `id` and `run` are the sender's.
//
//   SAY        number(v)  behind(v)  flags(1)  [call(v)]  [lifetime(v)]  length(v)  payload
//              flags: 0x0f what it is, 0x10 the payload begins with a tag
//              what: 0 a message; 1 a question, with call and lifetime; 2 an answer, with call; 3 a count, with call
//   HEARD      floor(v)  mask(8)
//
// `behind` says how far below `number` the oldest number lies that its sender still waits for. HEARD says that
// everything up to `floor` arrived, or is not waited for, and for each of the next 64 numbers whether it did.
//
// On links only:
//
//   COUNT      origin(8)  call(v)  version(v)  count(v)      so many members behind me have the message
//   COUNTED    origin(8)  call(v)  version(v)
//
// As broadcasts, behind the empty tag:
//
//   QUESTION   call(v)  id(8)  lifetime(v)  spread(v)  length(1) key  length(1) value  flags(1)  payload
//   RECEIPT    call(v)  sequence(v)  lifetime(v)
//
// Lifetimes and the spread, over which answers are to be put off by chance, are in milliseconds.

extension Frame {
  /// The first byte of a direct frame.
  static let direct: UInt8 = 0x64

  /// The checksum key of direct frames to a run of a member.
  static func directKey(_ openKey: UInt64, run: UInt64) -> UInt64 {
    memberKey(openKey, run: run) ^ 0x6469_7265_6374
  }
}

extension MessageKind {
  static let direct: ClosedRange<UInt8> = 0x70...0x7f
  static let say: UInt8 = 0x70
  static let heard: UInt8 = 0x71
  static let count: UInt8 = 0x72
  static let counted: UInt8 = 0x73
}

extension SystemMessage {
  /// Broadcasts about questions and receipts.
  static let calls: ClosedRange<UInt8> = 0x30...0x3f
  static let question: UInt8 = 0x30
  static let receipt: UInt8 = 0x31
}

/// What something said directly is.
enum Saying: UInt8, BitwiseCopyable {
  case message = 0
  case question = 1
  case answer = 2
  case count = 3
}

/// SAY, up to its payload.
struct SayHeader {
  var number: UInt64
  var behind: UInt64
  var saying: Saying
  var isTagged: Bool
  /// Which question or receipt it is about; 0 for a message.
  var call: UInt64 = 0
  /// Questions: the time for an answer, in milliseconds.
  var lifetime: UInt64 = 0

  /// Bytes of a frame that say nothing of the payload, at most.
  static let overhead = Frame.memberHeader + 1 + 10 + 1 + 1 + 10 + 5 + 3
  /// The longest time for an answer: a day, in milliseconds.
  static let lifetimeLimit: UInt64 = 86_400_000

  init(number: UInt64, behind: UInt64, saying: Saying, isTagged: Bool, call: UInt64, lifetime: UInt64) {
    self.number = number
    self.behind = behind
    self.saying = saying
    self.isTagged = isTagged
    self.call = call
    self.lifetime = lifetime
  }

  init(from cursor: inout Cursor) throws(DecodeError) {
    number = try cursor.readVariable(in: 1...UInt64.max / 2)
    behind = try cursor.readVariable(in: 0...min(number - 1, UInt64(Conversation.width) - 1))
    let flags = try cursor.read(UInt8.self)
    guard let saying = Saying(rawValue: flags & 0x0f), flags & 0xe0 == 0 else { throw .unknownKind }
    self.saying = saying
    isTagged = flags & 0x10 != 0
    if saying != .message { call = try cursor.readVariable(in: 1...UInt64.max) }
    if saying == .question { lifetime = try cursor.readVariable(in: 1...Self.lifetimeLimit) }
  }

  func write(to writer: inout Writer) {
    writer.write(MessageKind.say)
    writer.writeVariable(number)
    writer.writeVariable(behind)
    writer.write(saying.rawValue | (isTagged ? 0x10 : 0))
    if saying != .message { writer.writeVariable(call) }
    if saying == .question { writer.writeVariable(lifetime) }
  }
}

/// COUNT and COUNTED.
struct CountReport {
  var origin: UInt64
  var call: UInt64
  var version: UInt64
  var count: UInt64 = 0

  static let lengthLimit = 1 + 8 + 30

  init(origin: UInt64, call: UInt64, version: UInt64, count: UInt64) {
    self.origin = origin
    self.call = call
    self.version = version
    self.count = count
  }

  init(_ kind: UInt8, from cursor: inout Cursor) throws(DecodeError) {
    origin = try cursor.read(UInt64.self)
    call = try cursor.readVariable(in: 1...UInt64.max)
    version = try cursor.readVariable(in: 1...UInt64.max)
    if kind == MessageKind.count { count = try cursor.readVariable(in: 0...UInt64(UInt32.max)) }
  }

  func write(_ kind: UInt8, to writer: inout Writer) {
    writer.write(kind)
    writer.write(origin)
    writer.writeVariable(call)
    writer.writeVariable(version)
    if kind == MessageKind.count { writer.writeVariable(count) }
  }
}
