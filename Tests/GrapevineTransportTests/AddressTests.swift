import GrapevineCore
import GrapevineTransport
import Testing

@Suite("Addresses: written and read")
struct AddressTests {
  private static let one = Endpoint(ipv4: 0x7f00_0001, port: 7_946)
  private static let six = Endpoint(high: 0, low: 1, port: 7_946)

  @Test(
    "every form is read",
    arguments: [
      ("127.0.0.1:7946", one), ("/ip4/127.0.0.1/udp/7946", one), ("/ip/127.0.0.1/port/7946", one),
      ("/ip4/127.0.0.1/udp/7946/", one), ("/dns/127.0.0.1/udp/7946", one), ("[::ffff:127.0.0.1]:7946", one),
      ("[::1]:7946", six), ("/ip6/::1/udp/7946", six), ("/ip/::1/port/7946", six), ("[0:0::0:1]:07946", six),
      ("0.0.0.0:0", Endpoint(ipv4: 0, port: 0)), ("255.255.255.255:65535", Endpoint(ipv4: .max, port: .max)),
      ("[::]:0", Endpoint(high: 0, low: 0, port: 0)),
      ("[fe80::1%7000001]:1", Endpoint(high: 0xfe80 << 48, low: 1, scope: 7_000_001, port: 1)),
    ])
  func forms(text: String, endpoint: Endpoint) throws {
    #expect(try Endpoint(text) == endpoint)
    #expect(try Endpoint.resolve(text) == [endpoint])
  }

  @Test(
    "IPv6 is printed as RFC 5952 asks",
    arguments: [
      ("::", 0, 0), ("::1", 0, 1), ("1::", 1 << 48, 0), ("2001:db8::1", 0x2001_0db8 << 32, 1),
      ("2001:db8:0:1:1:1:1:1", 0x2001_0db8_0000_0001, 0x0001_0001_0001_0001),
      ("2001:0:0:1::1", 0x2001_0000_0000_0001, 1),
      ("2001:db8::1:0:0:1", 0x2001_0db8 << 32, 0x0001_0000_0000_0001),
      ("1:2:3:4:5:6:7:8", 0x0001_0002_0003_0004, 0x0005_0006_0007_0008), ("::abcd:0:1", 0, 0xabcd_0000_0001),
      ("1:2:3:4:5:6::", 0x0001_0002_0003_0004, 0x0005_0006 << 32),
    ] as [(String, UInt64, UInt64)])
  func canonical(text: String, high: UInt64, low: UInt64) {
    #expect(Endpoint(high: high, low: low, port: 5).text == "[\(text)]:5")
    #expect(Endpoint(high: high, low: low, port: 5).multiaddress == "/ip6/\(text)/udp/5")
  }

  @Test("what is printed is read back, in both forms")
  func roundTrip() throws {
    var generator = Generator(seed: 7)
    for _ in 0..<2_000 {
      var endpoint = Endpoint(high: 0, low: 0, port: UInt16(truncatingIfNeeded: generator.next()))
      for index in 0..<8 where generator.chance(0.5) {
        let group = (generator.next() >> UInt64(48 + generator.below(16))) << UInt64(48 - 16 * (index & 3))
        if index < 4 { endpoint.high |= group } else { endpoint.low |= group }
      }
      if generator.chance(0.2) {
        endpoint = Endpoint(ipv4: UInt32(generator.next() >> 32), port: endpoint.port)
      }
      if generator.chance(0.2) {
        endpoint.high = 0xfe80 << 48
        endpoint.scope = 4_000_000
      }
      #expect(try Endpoint(endpoint.text) == endpoint)
      #expect(try Endpoint(endpoint.multiaddress) == endpoint)
    }
  }

  @Test("the loopback interface is named in both directions")
  func scope() throws {
    #if os(Linux)
      let endpoint = try Endpoint("[fe80::1%lo]:7946")
      #expect(endpoint.scope == 1 && endpoint.text == "[fe80::1%lo]:7946")
      #expect(endpoint.multiaddress == "/ip6zone/lo/ip6/fe80::1/udp/7946")
    #endif
  }

  @Test(
    "what is not an address is refused with the reason",
    arguments: [
      ("", .malformed(text: "")), (":7946", .malformed(text: ":7946")), ("a b:1", .malformed(text: "a b:1")),
      ("127.0.0.1\0:1", .malformed(text: "127.0.0.1\0:1")), ("ä:1", .malformed(text: "ä:1")),
      ("127.0.0.1", .portMissing(text: "127.0.0.1")), ("127.0.0.1:", .portMissing(text: "127.0.0.1:")),
      ("::1", .portMissing(text: "::1")), ("fe80::1:80", .portMissing(text: "fe80::1:80")),
      ("[::1]", .portMissing(text: "[::1]")),
      ("127.0.0.1:65536", .portInvalid(text: "127.0.0.1:65536", port: "65536")),
      ("127.0.0.1:-1", .portInvalid(text: "127.0.0.1:-1", port: "-1")),
      ("127.0.0.1:+1", .portInvalid(text: "127.0.0.1:+1", port: "+1")),
      ("127.0.0.1:1e3", .portInvalid(text: "127.0.0.1:1e3", port: "1e3")),
      ("127.0.0.1:000001", .portInvalid(text: "127.0.0.1:000001", port: "000001")),
      ("localhost:1", .hostInvalid(text: "localhost:1", host: "localhost")),
      ("127.0.0.256:1", .hostInvalid(text: "127.0.0.256:1", host: "127.0.0.256")),
      ("127.1:1", .hostInvalid(text: "127.1:1", host: "127.1")),
      ("[127.0.0.1]:1", .hostInvalid(text: "[127.0.0.1]:1", host: "127.0.0.1")),
      ("[::1%lo]:1", .interfaceInvalid(text: "[::1%lo]:1", interface: "lo")),
      ("[fe80::1%]:1", .interfaceInvalid(text: "[fe80::1%]:1", interface: "")),
      ("[fe80::1%eth9none]:1", .interfaceInvalid(text: "[fe80::1%eth9none]:1", interface: "eth9none")),
      ("/", .malformed(text: "/")), ("/ip4", .malformed(text: "/ip4")),
      ("/ip4/127.0.0.1", .portMissing(text: "/ip4/127.0.0.1")),
      ("/ip4/127.0.0.1/udp", .portMissing(text: "/ip4/127.0.0.1/udp")),
      ("/ip4/127.0.0.1/tcp/1", .multiaddressInvalid(text: "/ip4/127.0.0.1/tcp/1", part: "tcp")),
      ("/ip4/127.0.0.1/udp/1/quic", .multiaddressInvalid(text: "/ip4/127.0.0.1/udp/1/quic", part: "quic")),
      ("/unix/a/udp/1", .multiaddressInvalid(text: "/unix/a/udp/1", part: "unix")),
      ("/ip4/::1/udp/1", .hostInvalid(text: "/ip4/::1/udp/1", host: "::1")),
      ("/ip6/127.0.0.1/udp/1", .hostInvalid(text: "/ip6/127.0.0.1/udp/1", host: "127.0.0.1")),
    ] as [(String, AddressError)])
  func refused(text: String, error: AddressError) {
    #expect(throws: error) { try Endpoint(text) }
    #expect(error.description.utf8.count > 20)
  }

  @Test("long and random texts are refused, never trapped on")
  func fuzz() {
    #expect(throws: AddressError.self) { try Endpoint(String(repeating: "1", count: 100_000) + ":1") }
    var generator = Generator(seed: 3)
    let letters = Array("0123456789abf:.[]%/-ipudp46dns")
    for _ in 0..<20_000 {
      let text = String((0..<generator.below(24)).map { _ in letters[generator.below(letters.count)] })
      if let endpoint = try? Endpoint(text) {
        #expect((try? Endpoint(endpoint.text)) == endpoint)
      }
    }
  }

  @Test("the name localhost has loopback addresses; a name that cannot be has none")
  func names() throws {
    for text in [
      "localhost:7946", "/dns/localhost/udp/7946", "/dns4/localhost/udp/7946", "/ip/localhost/port/7946",
    ] {
      let endpoints = try Endpoint.resolve(text)
      #expect(!endpoints.isEmpty && endpoints.allSatisfy { $0.port == 7_946 })
      #expect(endpoints.allSatisfy { $0.ipv4.map { $0 >> 24 == 127 } ?? ($0.high == 0 && $0.low == 1) })
    }
    #expect(throws: AddressError.self) { try Endpoint.resolve("-..-:1") }
  }
}
