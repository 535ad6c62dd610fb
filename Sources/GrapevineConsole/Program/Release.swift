// Which release the commands are of.

/// The release that all commands are of.
package enum Release {
  package static let version = "0.1.0"
}
