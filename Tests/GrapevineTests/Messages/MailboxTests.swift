import Synchronization
import Testing

@testable import Grapevine

@Suite("From the node's thread to the application's tasks", .timeLimit(.minutes(5)))
struct MailboxTests {
  @Test("a mailbox is full by what waits in it, until that is taken")
  func weight() {
    let told = Mutex(0)
    let mailbox = Mailbox<[UInt8]>(limit: 100, weightLimit: 10) { $0.count }
    mailbox.setOnRoom { told.withLock { $0 += 1 } }
    mailbox.addReader()
    let before = told.withLock { $0 }
    #expect(mailbox.push([1, 2, 3, 4]) == nil && !mailbox.isFull)
    #expect(mailbox.push(Array(repeating: 5, count: 6)) == nil && mailbox.isFull)
    #expect(mailbox.take() == [1, 2, 3, 4] && !mailbox.isFull)
    #expect(told.withLock { $0 } == before + 1)
    mailbox.putBack([1, 2, 3, 4])
    #expect(mailbox.isFull)
    #expect(mailbox.take() == [1, 2, 3, 4] && mailbox.take()?.count == 6 && mailbox.take() == nil)
    #expect(!mailbox.isFull)
    // One that is longer than all that may wait is taken all the same, and makes it full.
    #expect(mailbox.push(Array(repeating: 7, count: 50)) == nil && mailbox.isFull)
  }
}
