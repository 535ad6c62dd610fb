// What can be done to keys, and what is said of them afterwards: the same for a file and for a running agent.

import GrapevineConsole
import GrapevineSecurity

/// Something that is done to keys.
enum KeysChange: Equatable, Sendable {
  case list
  case install(file: String)
  case use(KeyID)
  case retire(KeyID)
  case policy(PlaintextPolicy?)

  private static let verbs = "list, install, use, retire, policy"

  /// Reads a verb and what stands behind it on a command line.
  init(_ words: [String]) throws(UsageError) {
    do throws(ControlFailure) {
      try self.init(request: words)
    } catch {
      throw KeysCommand.table.failure(error.description)
    }
  }

  /// Reads a verb and what stands behind it; no verb means `list`.
  init(request words: [String]) throws(ControlFailure) {
    let verb = words.first ?? "list"
    let what = words.count > 1 ? words[1] : nil
    guard words.count <= 2 else {
      throw ControlFailure("found \(quoted(words[2])), for which there is no use")
    }
    switch verb {
    case "list":
      guard what == nil else { throw ControlFailure("list stands alone") }
      self = .list
    case "install":
      guard let what, !what.isEmpty else { throw ControlFailure("install needs the name of a file of keys") }
      self = .install(file: what)
    case "use": self = .use(try Self.key(what, verb))
    case "retire": self = .retire(try Self.key(what, verb))
    case "policy":
      guard let what else {
        self = .policy(nil)
        return
      }
      guard let policy = PlaintextPolicy(name: what) else {
        throw ControlFailure(
          "\(quoted(what)) is no step; allowed are "
            + PlaintextPolicy.allCases.map(\.name).joined(separator: ", "))
      }
      self = .policy(policy)
    default: throw ControlFailure("unknown verb \(quoted(verb)); allowed are \(Self.verbs)")
    }
  }

  private static func key(_ text: String?, _ verb: String) throws(ControlFailure) -> KeyID {
    guard let text, let id = KeyID(text) else {
      // What was typed is not repeated: it may be a key.
      throw ControlFailure("\(verb) needs a key's name, which has 8 hexadecimal digits")
    }
    return id
  }

  /// The words of a request to an agent, with the name of a file as `path` makes it.
  func words(path: (String) -> String) -> [String] {
    switch self {
    case .list: []
    case .install(let file): ["install", path(file)]
    case .use(let id): ["use", id.description]
    case .retire(let id): ["retire", id.description]
    case .policy(let policy): ["policy"] + (policy.map { [$0.name] } ?? [])
    }
  }

  /// Changes a file of keys, which is there already.
  func apply(toFile path: String) throws -> KeysState {
    if case .policy = self {
      throw ControlFailure("a file has no policy: give --plaintext to the agent, or ask one that runs")
    }
    var state = try apply(to: ClusterKeys(file: path))
    state.policy = nil
    return state
  }

  /// Changes the keys of running nodes.
  func apply(to keys: ClusterKeys) throws -> KeysState {
    switch self {
    case .list: break
    case .install(let file): try keys.install(file: file)
    case .use(let id): try keys.use(id)
    case .retire(let id): try keys.retire(id)
    case .policy(let policy): if let policy { keys.policy = policy }
    }
    return KeysState(keys)
  }
}

/// The names of keys, and what is sent and accepted.
struct KeysState: Equatable, Sendable {
  var names: [String]
  var sealing: String
  /// Nil for a file that no agent uses.
  var policy: String?
  var file: String?

  init(_ keys: ClusterKeys) {
    names = keys.ids.map(\.description)
    sealing = keys.sealing?.description ?? ""
    policy = keys.policy.name
    file = keys.file
  }

  /// Reads an agent's answer; nil when it is none.
  init?(_ value: JSONValue) {
    guard let sealing = value["seals"]?.text, case .array(let items)? = value["keys"] else { return nil }
    names = items.compactMap(\.text)
    self.sealing = sealing
    policy = value["policy"]?.text
    file = value["file"]?.text
  }

  /// The fields of an object.
  func write(to object: inout JSONWriter) {
    object.field("keys", list: names)
    object.field("seals", sealing)
    if let policy { object.field("policy", policy) }
    if let file { object.field("file", file) }
  }

  var json: String {
    var writer = JSONWriter()
    writer.object { write(to: &$0) }
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  var text: String {
    var text = names.map { "\($0 == sealing ? "*" : " ") \(Terminal.printable($0))\n" }.joined()
    if let policy { text += "\(Terminal.printable(policy))\n" }
    return text
  }
}
