// What SQLite says when something goes wrong, and what to do about it.

import CSQLite
import Grapevine

/// Something that is wrong with a file of SQLite.
struct StoreFault: Error {
  /// SQLite's extended result code; of our own finds the code that SQLite would use.
  let code: Int32
  /// What was found.
  let text: String
  /// What kind of error it is; nil for what the code says.
  var reason: TupleStoreError.Reason?

  init(code: Int32, _ text: String, reason: TupleStoreError.Reason? = nil) {
    self.code = code
    self.text = text
    self.reason = reason
  }

  /// The code without its details.
  private var primary: Int32 { code & 0xff }

  /// Whether the file is damaged, so that it is of no use any more.
  var isDamage: Bool { reason == nil && (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) }

  /// As the user is told of it: what is wrong, and the way out.
  func error(_ path: String) -> TupleStoreError {
    let (reason, advice) = classified
    return TupleStoreError(reason, "the store \(path) \(advice.isEmpty ? text : "\(text); \(advice)")")
  }

  private var classified: (TupleStoreError.Reason, String) {
    if let reason { return (reason, "") }
    switch primary {
    case SQLITE_CORRUPT, SQLITE_NOTADB:
      return (.faulty, "start the node again, which sets the file aside and begins a new one")
    case SQLITE_FULL: return (.full, "make room on its disk")
    case SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH, SQLITE_CANTOPEN:
      return (.notPermitted, "let the program write there, or name another file")
    case SQLITE_BUSY, SQLITE_LOCKED: return (.inUse, "end the other program that has it open")
    case SQLITE_IOERR: return (.faulty, "make room on its disk, and see whether that is sound")
    default: return (.other, "name another file")
    }
  }
}
