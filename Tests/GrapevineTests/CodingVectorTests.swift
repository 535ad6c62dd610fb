// The examples of RFC 8949, appendix A, that this profile of CBOR covers, and the exact bytes of our own
// writer.

import Grapevine
import Testing

/// Bytes from hexadecimal digits.
func unhex(_ hex: String) -> [UInt8] {
  let digits = hex.compactMap(\.hexDigitValue)
  return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

@Suite("Coding: RFC 8949 appendix A")
struct CodingVectorTests {
  @Test(
    "integers are written in the shortest form and read back",
    arguments: [
      (0, "00"), (1, "01"), (10, "0a"), (23, "17"), (24, "1818"), (25, "1819"), (100, "1864"), (255, "18ff"),
      (256, "190100"), (1000, "1903e8"), (65535, "19ffff"), (65536, "1a00010000"), (1_000_000, "1a000f4240"),
      (4_294_967_295, "1affffffff"), (4_294_967_296, "1b0000000100000000"),
      (1_000_000_000_000, "1b000000e8d4a51000"), (Int128(UInt64.max), "1bffffffffffffffff"),
      (18_446_744_073_709_551_616, "c249010000000000000000"),
      (-18_446_744_073_709_551_616, "3bffffffffffffffff"),
      (-18_446_744_073_709_551_617, "c349010000000000000000"), (-1, "20"), (-10, "29"), (-24, "37"),
      (-25, "3818"), (-100, "3863"), (-1000, "3903e7"), (Int128(Int64.min), "3b7fffffffffffffff"),
    ] as [(Int128, String)])
  func integers(_ value: Int128, _ hex: String) throws {
    #expect(try BinaryCoding.encode(value) == unhex(hex))
    #expect(try BinaryCoding.decode(Int128.self, from: unhex(hex)) == value)
    if let narrow = Int64(exactly: value) {
      #expect(try BinaryCoding.encode(narrow) == unhex(hex))
      #expect(try BinaryCoding.decode(Int64.self, from: unhex(hex)) == narrow)
    }
    if let narrow = UInt64(exactly: value) {
      #expect(try BinaryCoding.encode(narrow) == unhex(hex))
      #expect(try BinaryCoding.decode(UInt64.self, from: unhex(hex)) == narrow)
    }
  }

  @Test(
    "doubles are read from every width that holds them",
    arguments: [
      (0.0, "f90000"), (-0.0, "f98000"), (1.0, "f93c00"), (1.1, "fb3ff199999999999a"), (1.5, "f93e00"),
      (65504.0, "f97bff"), (100000.0, "fa47c35000"), (3.4028234663852886e+38, "fa7f7fffff"),
      (1.0e+300, "fb7e37e43c8800759c"), (5.960464477539063e-8, "f90001"), (0.00006103515625, "f90400"),
      (-4.0, "f9c400"), (-4.1, "fbc010666666666666"), (.infinity, "f97c00"), (-.infinity, "f9fc00"),
      (.infinity, "fa7f800000"), (-.infinity, "fbfff0000000000000"), (10, "0a"), (-1000, "3903e7"),
    ] as [(Double, String)])
  func doubles(_ value: Double, _ hex: String) throws {
    let decoded = try BinaryCoding.decode(Double.self, from: unhex(hex))
    #expect(decoded == value && decoded.sign == value.sign)
  }

  @Test("NaN is read from every width", arguments: ["f97e00", "fa7fc00000", "fb7ff8000000000000"])
  func notANumber(_ hex: String) throws {
    #expect(try BinaryCoding.decode(Double.self, from: unhex(hex)).isNaN)
    #expect(try BinaryCoding.decode(Float.self, from: unhex(hex)).isNaN)
  }

  @Test("a floating-point number keeps its type's width")
  func floatWidths() throws {
    #expect(try BinaryCoding.encode(1.1) == unhex("fb3ff199999999999a"))
    #expect(try BinaryCoding.encode(Float(100000)) == unhex("fa47c35000"))
    #expect(try BinaryCoding.encode(1.0) == unhex("fb3ff0000000000000"))
  }

  @Test("booleans and null")
  func simpleValues() throws {
    #expect(try BinaryCoding.encode(false) == unhex("f4"))
    #expect(try BinaryCoding.encode(true) == unhex("f5"))
    #expect(try BinaryCoding.encode(Int?.none) == unhex("f6"))
    #expect(try BinaryCoding.decode(Bool.self, from: unhex("f5")))
    #expect(try BinaryCoding.decode(Int?.self, from: unhex("f6")) == nil)
    #expect(try BinaryCoding.decode(Int?.self, from: unhex("f7")) == nil)
  }

  @Test("byte strings", arguments: [([], "40"), ([1, 2, 3, 4], "4401020304")] as [([UInt8], String)])
  func byteStrings(_ value: [UInt8], _ hex: String) throws {
    #expect(try BinaryCoding.encode(value) == unhex(hex))
    #expect(try BinaryCoding.encode(ContiguousArray(value)) == unhex(hex))
    #expect(try BinaryCoding.decode([UInt8].self, from: unhex(hex)) == value)
    #expect(try BinaryCoding.decode(ContiguousArray<UInt8>.self, from: unhex(hex)) == ContiguousArray(value))
  }

  @Test(
    "text strings",
    arguments: [
      ("", "60"), ("a", "6161"), ("IETF", "6449455446"), ("\"\\", "62225c"), ("\u{fc}", "62c3bc"),
      ("\u{6c34}", "63e6b0b4"), ("\u{10151}", "64f0908591"),
    ])
  func texts(_ value: String, _ hex: String) throws {
    #expect(try BinaryCoding.encode(value) == unhex(hex))
    #expect(try BinaryCoding.decode(String.self, from: unhex(hex)) == value)
  }

  @Test("arrays and maps")
  func containers() throws {
    #expect(try BinaryCoding.encode([Int]()) == unhex("80"))
    #expect(try BinaryCoding.encode([1, 2, 3]) == unhex("83010203"))
    #expect(try BinaryCoding.encode([[1], [2, 3], [4, 5]]) == unhex("838101820203820405"))
    #expect(
      try BinaryCoding.encode(Array(1...25))
        == unhex("98190102030405060708090a0b0c0d0e0f101112131415161718181819"))
    #expect(try BinaryCoding.encode([String: Int]()) == unhex("a0"))
    let letters = ["a": "A", "b": "B", "c": "C", "d": "D", "e": "E"]
    #expect(try BinaryCoding.encode(letters) == unhex("a56161614161626142616361436164614461656145"))
    #expect(
      try BinaryCoding.decode(
        [String: String].self, from: unhex("a56161614161626142616361436164614461656145"))
        == letters)
    #expect(
      try BinaryCoding.decode([[Int]].self, from: unhex("838101820203820405")) == [[1], [2, 3], [4, 5]])
  }

  @Test("tags are looked through")
  func tags() throws {
    #expect(try BinaryCoding.decode(Int.self, from: unhex("c11a514b67b0")) == 1_363_896_240)
    #expect(try BinaryCoding.decode([UInt8].self, from: unhex("d74401020304")) == [1, 2, 3, 4])
    #expect(try BinaryCoding.decode([Int].self, from: unhex("d9d9f7820102")) == [1, 2])
  }

  @Test(
    "what the profile leaves out is refused, with the reason",
    arguments: [
      ("5f42010243030405ff", .indefiniteLength), ("7f657374726561646d696e67ff", .indefiniteLength),
      ("9fff", .indefiniteLength), ("bf61610161629f0203ffff", .indefiniteLength),
      ("ff", .reserved(initialByte: 0xff)), ("1c", .reserved(initialByte: 0x1c)),
      ("f818", .reserved(initialByte: 0xf8)),
    ] as [(String, CodingFailure.Reason)])
  func refused(_ hex: String, _ reason: CodingFailure.Reason) {
    #expect(throws: CodingFailure(reason, offset: 0)) {
      try BinaryCoding.decode([Int].self, from: unhex(hex))
    }
  }

  @Test("a message's bytes never change: the fields in order of their keys, nil left out")
  func golden() throws {
    struct Commit: Codable {
      var value: [UInt8]
      var key: String
      var note: String?
    }
    #expect(
      try BinaryCoding.encode(Commit(value: [1, 2], key: "a", note: nil))
        == unhex("a2636b657961616576616c7565420102"))
  }
}
