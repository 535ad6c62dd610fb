// Base64, hexadecimal digits and lengths of time.

import Testing

@testable import GrapevineConsole

@Suite("Text: base64, hexadecimal digits, lengths of time")
struct TextTests {
  @Test(
    "the vectors of RFC 4648, section 10",
    arguments: [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
      ("foobar", "Zm9vYmFy"),
    ])
  func vectors(text: String, encoded: String) {
    #expect(String(decoding: Base64.encode(Array(text.utf8)), as: UTF8.self) == encoded)
    #expect(Base64.decode(encoded.utf8) == Array(text.utf8))
  }

  @Test("any bytes come back, and the whole alphabet is used")
  func roundTrip() {
    #expect(String(decoding: Base64.encode([0xfb, 0xff, 0xbf]), as: UTF8.self) == "+/+/")
    for count in 0..<300 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ count) }
      #expect(Base64.decode(Base64.encode(bytes)) == bytes)
      #expect(Hexadecimal.bytes(Hexadecimal.text(bytes)) == bytes)
    }
  }

  @Test(
    "what is no base64 is refused: lengths, characters, padding in the middle, and bits that belong to no byte",
    arguments: [
      "Z", "Zg", "Zg=", "Zg===", "=", "====", "Z===", "Zm9v\n", "Zm9*", "Zm-_", "Zg==Zg==", "Zh==", "Zm9=",
      "=Zg=",
      "Zm=v", "Z g=",
    ])
  func refusals(text: String) {
    #expect(Base64.decode(text.utf8) == nil)
  }

  @Test("hexadecimal digits are read in both cases, in pairs")
  func hexadecimal() {
    #expect(Hexadecimal.bytes("00fFA9") == [0, 0xff, 0xa9])
    #expect(Hexadecimal.bytes("") == [])
    for text in ["0", "0g", "0x", " 0", "é0"] { #expect(Hexadecimal.bytes(text) == nil, "\(text)") }
    #expect(Hexadecimal.text([0, 0xff, 0xa9] as [UInt8]) == "00ffa9")
  }

  @Test("lengths of time have a unit and at least a millisecond")
  func times() {
    let known: [(String, UInt64)] = [
      ("1ms", 1), ("500ms", 500), ("30s", 30_000), ("1.5s", 1_500), ("5min", 300_000), ("12h", 43_200_000),
      ("7d", 604_800_000),
    ]
    for (text, time) in known { #expect(TimeText.milliseconds(text) == time, "\(text)") }
    for text in [
      "", "s", "30", "-1s", "0s", "0.4ms", "1 s", "1m", "1e3s", "1..5s", "nans", "infd", "99999999999d",
    ] {
      #expect(TimeText.milliseconds(text) == nil, "\(text)")
    }
  }
}
