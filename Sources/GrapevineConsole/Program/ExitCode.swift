// What the exit codes of the commands mean.

/// What a program's exit codes mean.
package enum ExitCode {
  package static let success: Int32 = 0
  package static let failure: Int32 = 1
  package static let broken: Int32 = 2
  /// EX_USAGE of sysexits.h.
  package static let usage: Int32 = 64
  /// 128 and the number of SIGINT, as shells report it.
  package static let interrupted: Int32 = 130
}
