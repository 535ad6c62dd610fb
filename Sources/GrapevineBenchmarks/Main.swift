// scratch
import GrapevineCore
import GrapevineSimulator

@main struct Main {
  static func main() throws {
    var s = ReliabilityScenario()
    let a = CommandLine.arguments
    if a.count > 1 { s.nodes = Int(a[1])! }
    if a.count > 2 { s.loss = Double(a[2])! }
    if a.count > 3 { s.seed = UInt64(a[3])! }
    let clock = ContinuousClock()
    let start = clock.now
    let r = try s.run()
    print(r, r.holds, clock.now - start, Double(r.events) / Double((clock.now - start).asNanoseconds) * 1000, "M/s")
  }
}
