import Testing

@testable import GrapevineCore

@Suite("Parity: any rows bring back any fragments")
struct ErasureCodeTests {
  @Test("every number but zero has an inverse, and multiplication is that of the field")
  func field() {
    for number in UInt8(1)...255 {
      #expect(ErasureCode.multiply(number, ErasureCode.inverse(number)) == 1)
    }
    #expect(ErasureCode.multiply(0x80, 2) == 0x1d && ErasureCode.multiply(0, 77) == 0)
    // (a + b) c = a c + b c
    #expect(
      ErasureCode.multiply(0x53 ^ 0xca, 0x8e) == ErasureCode.multiply(0x53, 0x8e)
        ^ ErasureCode.multiply(0xca, 0x8e))
  }

  @Test("a row is the sum that its coefficients say, byte by byte")
  func rows() throws {
    let (head, store) = try message(length: 5 * 64 - 3, unit: 4)
    let target = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 16)
    defer { target.deallocate() }
    ErasureCode.writeRow(7, block: 0, of: head, in: store, to: target)
    for byte in 0..<64 {
      var expected: UInt8 = 0
      for place in 0..<5 where byte < head.size(of: place) {
        let value = store.content.bytes[place * 64 + byte]
        expected ^= ErasureCode.multiply(ErasureCode.coefficient(row: 7, column: place), value)
      }
      #expect(target.load(fromByteOffset: byte, as: UInt8.self) == expected)
    }
  }

  @Test("lost fragments come back from as many rows, whichever they are", arguments: 1...24)
  func recovery(lost: Int) throws {
    // The last block is short, and its last fragment too.
    let (head, store) = try message(length: 94 * 64 - 17, unit: 4)
    var generator = Generator(seed: UInt64(lost))
    for block in 0..<2 {
      let length = block == 0 ? 64 : 30
      var rows: [TransferStore.Row] = []
      var numbers = Array(0..<ErasureCode.rowLimit)
      for _ in 0..<lost {
        let number = numbers.remove(at: generator.below(numbers.count))
        var bytes = [UInt8](repeating: 0, count: 64)
        bytes.withUnsafeMutableBytes {
          if let base = $0.baseAddress {
            ErasureCode.writeRow(number, block: block, of: head, in: store, to: base)
          }
        }
        rows.append(TransferStore.Row(number: UInt8(number), bytes: bytes))
      }
      var missing: Set<Int> = []
      while missing.count < lost { missing.insert(block * 64 + generator.below(length)) }
      let receiver = try #require(TransferStore(head))
      for index in 0..<head.count where !missing.contains(index) {
        receiver.pointer(head, index).copyMemory(
          from: store.pointer(head, index), byteCount: head.size(of: index))
        receiver.note(index, source: 0)
      }
      #expect(
        Set(ErasureCode.recover(rows[...], block: block, of: head, in: receiver)) == missing)
      #expect(receiver.content.checksum == store.content.checksum)
    }
  }

  @Test("there is none where nothing is lost, and more where more is")
  func rate() {
    #expect(Transfers.parityRows(lossShare: 0) == 0)
    #expect(Transfers.parityRows(lossShare: 655) == 2)
    #expect(Transfers.parityRows(lossShare: 6_554) == 11)
    #expect(Transfers.parityRows(lossShare: 65_536) == 24)
  }

  private func message(length: Int, unit: UInt8) throws -> (TransferHead, TransferStore) {
    let bytes = World.bytes(length)
    let content = try #require(bytes.withUnsafeBytes { LargeContent(copying: $0) })
    let head = TransferHead(origin: 1, number: 1, length: UInt32(length), unit: unit)
    return (head, try #require(TransferStore(head, content: content)))
  }
}
