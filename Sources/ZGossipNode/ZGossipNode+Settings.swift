// Settings: zgossip's LOAD, SET and SAVE.

import ZGossip
import ZeroMQ

extension ZGossipNode {
  /// zgossip's LOAD, by its old name CONFIGURE: reads a file of settings and does what it says; see `load`.
  ///
  /// - Throws: `ZGossipNodeError` when the file cannot be read, and what `load` throws.
  public func configure(file: String) throws {
    try loadAndWarn(ZPLDocument(parsing: TextFile(name: file).read()))
  }

  /// zgossip's LOAD: takes the text of a file of settings in place of the present ones, and does what it says.
  ///
  /// Its `bind`, `connect`, `echo` and `security` are done in order. Limits and times count for nodes that are started
  /// with them (`ZGossipNodeConfiguration.apply`) and change nothing here. Where the original empties its settings when
  /// something is wrong, here the present ones stay.
  ///
  /// - Throws: `ZPLError`, and for the first step that cannot be done `ZGossipNodeError.setting`; those before it are
  ///   done.
  public func load(_ text: String) throws { try loadAndWarn(ZPLDocument(parsing: text)) }

  private func loadAndWarn(_ document: ZPLDocument) throws {
    for warning in try ZGossipSettings(document).warnings {
      configuration.log?("line \(warning.line): \(warning.text)")
    }
    try load(document)
  }

  /// zgossip's LOAD of settings that were read before, and perhaps changed since; see `load` for text. What of them has
  /// no effect is not logged: `ZGossipSettings.warnings` has it.
  ///
  /// - Throws: as `load` for text; lines are those that the document was read from.
  public func load(_ document: ZPLDocument) throws {
    let asked = try ZGossipSettings(document)
    settings = document
    for step in asked.steps {
      do {
        try perform(step.action)
      } catch let error as ZGossipNodeError where error == .closed {
        throw error
      } catch {
        throw ZGossipNodeError.setting(line: line(of: step, in: document), "\(error)")
      }
    }
  }

  /// The line of the value that a step could not be done with.
  private func line(of step: ZGossipSettings.Step, in document: ZPLDocument) -> Int {
    let name =
      switch step.action {
      case .echo: ""
      case .bind, .connect: "endpoint"
      case .security(.curve, _): "secret-key"
      case .security: "mechanism"
      }
    let item = document.first("zgossip")?.children.first { $0.line == step.line }
    return step.line > 0 ? item?.children.first { $0.name == name }?.line ?? step.line : 0
  }

  private func perform(_ action: ZGossipSettings.Action) throws {
    switch action {
    case .echo(let text):
      configuration.log?(text)
    case .security(.null, _):
      keysOfSettings = nil
    case .security(.plain, _):
      throw PlainSecurity()
    case .security(.curve(let file), _):
      keysOfSettings = try CurveCertificate(file: file).keys
    case .bind(let endpoint):
      let security = keysOfSettings.map { ZGossipServerSecurity.curveServer($0) } ?? .none
      try bind(endpoint, security: security)
    case .connect(let endpoint, let key?):
      try connect(endpoint, serverKey: CurvePublicKey(key))
    case .connect(let endpoint, nil):
      try connect(endpoint)
    }
  }

  /// zgossip's SET: gives the setting at a path such as `server/timeout` a value. As there, it is only noted, for `save`.
  ///
  /// - Throws: `ZPLError` for what no file could say.
  public func set(_ path: String, _ value: String) throws { try settings.set(path, to: value) }

  /// zgossip's SAVE: writes the settings to a file, which is replaced whole or not at all.
  ///
  /// - Throws: `ZGossipNodeError.file`.
  public func save(to file: String) throws { try TextFile(name: file).write(Array(settings.text.utf8)) }
}

/// Why a step is not done that asks for plain security.
private struct PlainSecurity: Error, CustomStringConvertible {
  let description = "plain security shows passwords to everybody and is not supported: use curve"
}
