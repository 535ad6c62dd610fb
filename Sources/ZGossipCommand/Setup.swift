// What the options and the file of settings come to: how the node is set up, and what it is to do first.

import GrapevineConsole
import GrapevineCore
import ZGossip
import ZGossipNode

/// Why a node cannot be what it was asked to be; where it was asked stands in the text.
struct SetupFailure: Error, Equatable, CustomStringConvertible {
  var description: String
}

/// A node before it runs.
struct Setup {
  var configuration = ZGossipNodeConfiguration()
  /// The settings; nil when there are none.
  var document: ZPLDocument?
  /// What of them has no effect, in words.
  var warnings: [String] = []
  var server = ZGossipServerSecurity.none
  var client = ZGossipClientSecurity.none
  private let options: ZGossipOptions

  /// Reads what files and environment say.
  init(_ options: ZGossipOptions) throws(SetupFailure) {
    self.options = options
    if options.config != nil || !options.settings.isEmpty { try readSettings() }
    if let capacity = options.capacity { configuration.engine.tuples.capacity = capacity }
    if let limit = options.valueLimit { configuration.engine.tuples.valueLimit = limit }
    do throws(ConfigurationError) {
      try configuration.engine.validate()
    } catch {
      throw SetupFailure(description: "grapevine zgossip: the limits cannot be: \(error)")
    }
    try readKeys()
  }

  private mutating func readSettings() throws(SetupFailure) {
    var document = ZPLDocument()
    if let file = options.config {
      let bytes: [UInt8]
      do throws(FileFailure) {
        bytes = try readFile(file, limit: ZPLDocument.textLimit)
      } catch {
        throw SetupFailure(description: "grapevine zgossip: --config is \(quoted(file)), \(error.reason)")
      }
      do throws(ZPLError) {
        document = try ZPLDocument(parsing: bytes)
      } catch {
        let place = error.line > 0 ? ":\(error.line)" : ""
        throw SetupFailure(description: "\(Terminal.printable(file))\(place): \(error.text)")
      }
    }
    for setting in options.settings {
      do throws(ZPLError) {
        try document.set(setting.name, to: setting.value)
      } catch {
        throw SetupFailure(
          description: "grapevine zgossip: --set \(quoted("\(setting.name)=\(setting.value)")): \(error.text)"
        )
      }
    }
    do throws(ZPLError) {
      let settings = try ZGossipSettings(document)
      configuration.apply(settings)
      warnings = settings.warnings.map { place($0.line, "warning: \($0.text)") }
    } catch {
      throw SetupFailure(description: place(error.line, error.text))
    }
    self.document = document
  }

  private mutating func readKeys() throws(SetupFailure) {
    do {
      let keys =
        try options.curveKeys.map { try CurveCertificate(file: $0).keys }
        ?? CurveCertificate.environmentKeys()
      if let keys {
        server = .curveServer(keys, allowed: options.curveAllowed.isEmpty ? nil : options.curveAllowed)
      } else if !options.curveAllowed.isEmpty {
        throw SetupFailure(description: "grapevine zgossip: --curve-allow needs the keys of --curve-keys")
      }
      if let key = try options.curveServer ?? CurveCertificate.environmentServer() {
        client = .curveClient(try keys ?? CurveKeys.generate(), server: key)
      }
    } catch let failure as SetupFailure {
      throw failure
    } catch let error as ZPLError {
      throw SetupFailure(description: "\(options.curveKeys ?? ""):\(error.line): \(error.text)")
    } catch {
      throw SetupFailure(description: "grapevine zgossip: \(error)")
    }
  }

  /// A text about a line of the file of settings, with its place; what options set has no line.
  func place(_ line: Int, _ text: String) -> String {
    guard line > 0, let file = options.config else { return "grapevine zgossip: --set: \(text)" }
    return "\(Terminal.printable(file)):\(line): \(text)"
  }
}
