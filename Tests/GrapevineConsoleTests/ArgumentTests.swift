// The command line: what a table accepts, what it refuses and what it says then.

import Testing

@testable import GrapevineConsole

@Suite("Command line: one table for parsing and help")
struct ArgumentTests {
  let table = CommandLineTable(
    name: "try", summary: "Tries.",
    options: [
      Option(name: "--count", placeholder: "N", value: .integer(1...9, default: 3), help: "How many"),
      Option(name: "--share", placeholder: "P", value: .real(0...1, default: 0.5), help: "How much"),
      Option(name: "--kind", placeholder: "K", value: .choice(["a", "b"], default: "a"), help: "Which"),
      Option(name: "--to", placeholder: "ADDR", value: .list, help: "Where"),
      Option(name: "--loud", value: .flag, help: "Whether"),
    ], exitCodes: [(0, "well")], example: "grapevine try")

  @Test("what is not given has its default")
  func defaults() throws {
    let arguments = try #require(try table.parse([]))
    #expect(arguments.integer("--count") == 3)
    #expect(arguments.real("--share") == 0.5)
    #expect(arguments.text("--kind") == "a")
    #expect(arguments.list("--to") == [])
    #expect(!arguments.has("--loud"))
  }

  @Test("values stand behind the name or an equals sign; lists grow, others keep the last")
  func values() throws {
    let line = [
      "--count", "1", "--to", "x:1", "--count=9", "--to=y=z", "--loud", "--share", "1", "--kind", "b",
    ]
    let arguments = try #require(try table.parse(line))
    #expect(arguments.integer("--count") == 9)
    #expect(arguments.list("--to") == ["x:1", "y=z"])
    #expect(arguments.real("--share") == 1)
    #expect(arguments.text("--kind") == "b")
    #expect(arguments.has("--loud"))
  }

  @Test(
    "a bad line names the option, what was found and what is allowed",
    arguments: [
      (["--count", "0"], "--count is \"0\"; it must be a whole number from 1 to 9"),
      (["--count", "10"], "--count is \"10\"; it must be a whole number from 1 to 9"),
      (["--count", "many"], "--count is \"many\"; it must be a whole number from 1 to 9"),
      (["--share", "1.01"], "--share is \"1.01\"; it must be a number from 0 to 1"),
      (["--share", "nan"], "--share is \"nan\"; it must be a number from 0 to 1"),
      (["--kind", "c"], "--kind is \"c\"; it must be a or b"),
      (["--count"], "--count needs a value; write --count N"),
      (["--loud=yes"], "--loud takes no value; found \"--loud=yes\""),
      (
        ["--nope"],
        "unknown option \"--nope\"; allowed are --count, --share, --kind, --to, --loud, --help"
      ),
      (
        ["stray\u{1b}"],
        "unexpected argument \"stray?\"; allowed are --count, --share, --kind, --to, --loud, --help"
      ),
    ])
  func refusals(line: [String], message: String) {
    #expect(throws: UsageError(command: "try", message: message)) { try table.parse(line) }
  }

  @Test("an operand stands anywhere, once, and only where the table has one")
  func operand() throws {
    var table = table
    table.operands = [Operand(name: "FILE", help: "What to read")]
    let arguments = try #require(try table.parse(["--count", "2", "a b.txt", "--loud"]))
    #expect(arguments.operand == "a b.txt" && arguments.integer("--count") == 2 && arguments.has("--loud"))
    #expect(try table.parse([])?.operand == nil)
    #expect(table.help.contains("[OPTION]... [FILE]\n") && table.help.contains("What to read"))
    let allowed = "allowed are --count, --share, --kind, --to, --loud, --help"
    #expect(throws: UsageError(command: "try", message: "found \"b\" besides \"a\"; allowed is one FILE")) {
      try table.parse(["a", "b"])
    }
    #expect(throws: UsageError(command: "try", message: "unknown option \"-a\"; \(allowed)")) {
      try table.parse(["-a"])
    }
  }

  @Test(
    "of several operands the order counts; what must be there is missed; -- ends the options, - is an operand"
  )
  func operands() throws {
    var table = table
    table.operands = [
      Operand(name: "KEY", help: "Which", isRequired: true), Operand(name: "VALUE", help: "What"),
    ]
    #expect(table.help.contains("[OPTION]... KEY [VALUE]\n"))
    #expect(try table.parse(["a", "--loud", "b"])?.operands == ["a", "b"])
    #expect(try table.parse(["a", "-"])?.operands == ["a", "-"])
    let dashed = try #require(try table.parse(["--loud", "--", "--loud", "--help"]))
    #expect(dashed.operands == ["--loud", "--help"])
    #expect(throws: UsageError(command: "try", message: "KEY is missing")) { try table.parse(["--loud"]) }
    let message = "found \"c\" besides \"a\" and \"b\"; allowed is one KEY and one VALUE"
    #expect(throws: UsageError(command: "try", message: message)) { try table.parse(["a", "b", "c"]) }
  }

  @Test("help names every option and its default, and asking for it wins")
  func help() throws {
    #expect(try table.parse(["--loud", "--help", "--nope"]) == nil)
    for option in table.options { #expect(table.help.contains(option.name)) }
    #expect(table.help.contains("How many (default: 3)"))
  }
}
