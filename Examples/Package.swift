// swift-tools-version: 6.3
import PackageDescription

let package = Package(
  name: "examples",
  platforms: [.macOS(.v26)],
  dependencies: [.package(name: "grapevine", path: "..")],
  targets: [
    .executableTarget(
      name: "Commits", dependencies: [.product(name: "Grapevine", package: "grapevine")]),
    .executableTarget(
      name: "OwnLoop", dependencies: [.product(name: "Grapevine", package: "grapevine")]),
    .executableTarget(
      name: "Router", dependencies: [.product(name: "Grapevine", package: "grapevine")]),
    .executableTarget(
      name: "Services", dependencies: [.product(name: "Grapevine", package: "grapevine")]),
  ],
  swiftLanguageModes: [.v6]
)
