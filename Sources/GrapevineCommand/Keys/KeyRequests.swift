// What an agent's control socket answers about its keys. Keys themselves never pass through it.

import GrapevineConsole
import GrapevineSecurity

extension ControlRequest {
  /// Shows or changes the keys of the agent; it says so when it has none.
  static func keys(_ keys: ClusterKeys?) -> ControlRequest {
    ControlRequest(
      name: "keys", usage: "keys [install FILE | use KEY | retire KEY | policy STEP]"
    ) { words, answer in
      let change = try KeysChange(request: words)
      guard let keys else {
        throw ControlFailure("this agent has no keys and seals nothing: start it with --keys FILE")
      }
      let state = try change.apply(to: keys)
      try await answer.post { writer in
        writer.object { object in
          object.field("end", true)
          state.write(to: &object)
        }
      }
    }
  }
}
