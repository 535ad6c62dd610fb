// The tables of the commands that there are.

import GrapevineConsole
import Testing

@testable import GrapevineCommand

@Suite("Command line: the commands' own tables")
struct CommandTableTests {
  @Test(
    "the real tables have no option twice and take their own defaults",
    arguments: [
      AgentCommand.table, MembersCommand.table, DemoCommand.table, SimulateCommand.table, PapersCommand.table,
      KeygenCommand.table, KeysCommand.table,
    ] + TuplesVerb.allCases.map(\.table))
  func tables(table: CommandLineTable) {
    #expect(Set(table.options.map(\.name)).count == table.options.count)
    for option in table.options where option.defaultText == nil {
      guard let value = option.shownDefault else { continue }
      #expect(option.accepts(value), "\(option.name) \(value)")
    }
  }
}
