// Commands that are programs of their own, beside this one: what they need is then loaded by nobody else.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A command in a program of its own, which was built or installed into the same directory.
package struct SiblingProgram {
  /// The command, such as `bench`.
  private let command: String
  /// The program's file.
  private let name: String
  /// What to do where it is missing.
  private let remedy: String

  package init(command: String, name: String, remedy: String) {
    self.command = command
    self.name = name
    self.remedy = remedy
  }

  /// Becomes that program; returns, with an exit code, only when it cannot be started, which it says.
  package func run(_ arguments: [String]) -> Int32 {
    guard let own = Executable.path, let slash = own.lastIndex(of: "/") else {
      Standard.error(
        "grapevine \(command): the directory of this program cannot be found; run \(name) itself\n")
      return ExitCode.failure
    }
    let program = own[..<slash] + "/" + name
    var list: [UnsafeMutablePointer<CChar>?] = ([String(program)] + arguments).map { strdup($0) }
    list.append(nil)
    // Only a missing program comes back from this.
    signal(SIGPIPE, SIG_DFL)
    execv(String(program), list)
    let reason = errno
    for case let text? in list { free(text) }
    let isMissing = reason == ENOENT
    Standard.error(
      isMissing
        ? "grapevine \(command): \(program) is missing; \(remedy)\n"
        : "grapevine \(command): \(program) cannot be run: \(String(cString: strerror(reason)))\n")
    return ExitCode.failure
  }
}
