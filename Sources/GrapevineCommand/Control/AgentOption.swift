// The options of all commands that ask a running agent.

import GrapevineConsole

extension Option {
  /// The option that names the agent to ask; `MembersCommand.path(of:)` finds its socket.
  static let agent = Option(
    name: "--agent", placeholder: "PATH|PORT", value: .text(default: ""),
    help: "The agent's control socket, its UDP port, or unix:DIRECTORY/NUMBER as it is joined",
    defaultText: "the only agent of this user")

  /// The option that prints what the agent sends.
  static let agentJSON = Option(
    name: "--json", value: .flag, help: "Print one JSON object a line, as the agent sends them")
}
