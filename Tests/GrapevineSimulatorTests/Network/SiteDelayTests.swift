import GrapevineCore
import Testing

@testable import GrapevineSimulator

@Suite("Sites: a table of delays is read, or refused with its line")
struct SiteDelayTests {
  private func read(_ text: String) throws -> SiteDelays {
    try SiteDelays(csv: Array(text.utf8), file: "d.csv")
  }

  @Test("a bare matrix: rows are where datagrams come from")
  func bare() throws {
    let sites = try read("0.5,10\n20.25,0.5\n")
    #expect(sites.names == ["1", "2"])
    #expect(sites.delay(from: 0, to: 1) == 10_000_000)
    #expect(sites.delay(from: 1, to: 0) == 20_250_000)
    #expect(sites.delay(from: 2, to: 4) == 500_000)
  }

  @Test(
    "names above, in front, or both; comments, blanks and carriage returns do not count",
    arguments: [
      "eu,us\n1,40\n41,2", "eu,1,40\nus,41,2\n", ",eu,us\neu,1,40\nus,41,2",
      "# delays\r\n\r\n region , eu ,us\r\n eu, 1,40 # there\r\n us,41,2\r\n",
    ])
  func names(text: String) throws {
    let sites = try read(text)
    #expect(sites.names == ["eu", "us"])
    #expect(sites.delay(from: 0, to: 1) == 40_000_000 && sites.delay(from: 1, to: 1) == 2_000_000)
  }

  @Test("an explicit list of sites is repeated; one that says nothing usable is every site in turn")
  func assignment() throws {
    var sites = try read("1,2,3\n4,5,6\n7,8,9")
    #expect((0..<4).map(sites.site) == [0, 1, 2, 0])
    sites.assignment = [2, 2, 0]
    #expect((0..<4).map(sites.site) == [2, 2, 0, 2])
    #expect(sites.delay(from: 0, to: 2) == 7_000_000)
    sites.assignment = [-1, 99]
    #expect((0..<4).map(sites.site) == [0, 1, 2, 0])
  }

  @Test(
    "what cannot be read names file, line, what was found and what is allowed",
    arguments: [
      ("", "d.csv:1: found no delays; allowed is a line of milliseconds for each site"),
      ("a,b\n", "d.csv:1: found no delays; allowed is a line of milliseconds for each site"),
      ("1,2\n3\n", "d.csv:2: found 1 delays; allowed are 2"),
      ("1,2\n3,4\n5,6", "d.csv:3: found 3 lines of 2 delays; allowed are as many lines as delays"),
      ("1,2\n3,-4", "d.csv:2: found \"-4\"; allowed are milliseconds from 0 to 60000"),
      ("1,2\n3,60000.1", "d.csv:2: found \"60000.1\"; allowed are milliseconds from 0 to 60000"),
      (
        "1,99999999999999999999999999999\n3,4",
        "d.csv:1: found \"99999999999999999999999999999\"; allowed are milliseconds from 0 to 60000"
      ),
      ("1,2\n3,", "d.csv:2: found \"\"; allowed are milliseconds from 0 to 60000"),
      ("eu\n1,2\n3,4", "d.csv:1: found 1 names; allowed are 2, one for each delay of a line"),
      (
        "eu,us\nus,1,2\neu,3,4",
        "d.csv:1: found a header that differs from the names of the lines; allowed are the same names"
      ),
      ("eu,eu\n1,2\n3,4", "d.csv:1: found a name twice or an empty one; allowed are 2 different names"),
      ("eu,1,2\n3,4", "d.csv:2: found \"3\"; allowed is the name of a site, as in the lines before"),
    ])
  func refusals(text: String, message: String) {
    var found = ""
    do { _ = try read(text) } catch { found = "\(error)" }
    #expect(found == message)
  }

  @Test("bytes that are no text, and too many of them, are refused")
  func binary() {
    #expect(throws: ScenarioError.self) { try SiteDelays(csv: [0x31, 0x0a, 0xff], file: "f") }
    #expect(throws: ScenarioError.self) { try SiteDelays(csv: [0], file: "f") }
    let long = [UInt8](repeating: UInt8(ascii: "\n"), count: TextLines.bytesLimit + 1)
    #expect(throws: ScenarioError.self) { try SiteDelays(csv: long, file: "f") }
  }

  @Test("random changes of a table never trap", arguments: 1...4 as ClosedRange<UInt64>)
  func mutations(seed: UInt64) {
    var generator = Generator(seed: seed)
    let table = Array(",eu,us\neu,1,40.5 # there\nus,41,2\n".utf8)
    for _ in 0..<2_000 {
      var bytes = table
      for _ in 0...generator.below(4) {
        let byte = UInt8(truncatingIfNeeded: generator.next())
        switch generator.below(3) {
        case 0: bytes.insert(byte, at: generator.below(bytes.count + 1))
        case 1 where !bytes.isEmpty: bytes.remove(at: generator.below(bytes.count))
        default: if !bytes.isEmpty { bytes[generator.below(bytes.count)] = byte }
        }
      }
      do {
        let sites = try SiteDelays(csv: bytes, file: "f")
        #expect(sites.delay(from: 7, to: 8) <= 60_000_000_000)
      } catch {
        #expect((1...8).contains(error.line))
      }
    }
  }
}
