// Lines from a descriptor.

import Foundation
import Testing

@testable import GrapevineConsole

@Suite("Standard input: lines of any length")
struct LineReaderTests {
  @Test(
    "lines across buffers, empty lines, too long ones and an unfinished last one", arguments: [1, 3, 4_096])
  func lines(bufferBytes: Int) {
    let pipe = Pipe()
    pipe.fileHandleForWriting.write(Data("one\n\n0123456789\n01234567890\nlast".utf8))
    pipe.fileHandleForWriting.closeFile()
    var reader = LineReader(
      descriptor: pipe.fileHandleForReading.fileDescriptor, limit: 10, bufferBytes: bufferBytes)
    #expect(reader.next() == .text(Array("one".utf8)))
    #expect(reader.next() == .text([]))
    #expect(reader.next() == .text(Array("0123456789".utf8)))
    #expect(reader.next() == .tooLong(11))
    #expect(reader.next() == .text(Array("last".utf8)))
    #expect(reader.next() == .end)
    #expect(reader.next() == .end)
  }
}
