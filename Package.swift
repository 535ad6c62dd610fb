// swift-tools-version: 6.3
import PackageDescription

/// Settings of every Swift target: the cursor types of the wire code are non-escapable, which needs lifetimes.
let settings: [SwiftSetting] = [
  .enableExperimentalFeature("Lifetimes"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// Swift packages choose how to link the library; `make lib` asks for a file of one kind.
let libraryType: Product.Library.LibraryType? =
  switch Context.environment["GRAPEVINE_LIBRARY"] {
  case "static": .static
  case "dynamic": .dynamic
  default: nil
  }

/// Where Debian has ZeroMQ nothing needs to be found, and its flags for other libraries draw warnings.
#if os(Linux)
  let zeroMQConfig: String? = nil
#else
  let zeroMQConfig: String? = "libzmq"
#endif

let package = Package(
  name: "grapevine",
  platforms: [.macOS(.v26)],
  products: [
    .library(name: "Grapevine", type: libraryType, targets: ["Grapevine"]),
    .library(name: "GrapevineStore", targets: ["GrapevineStore"]),
    .library(name: "GrapevineSecurity", targets: ["GrapevineSecurity"]),
    .library(name: "GrapevineCore", targets: ["GrapevineCore"]),
    .library(name: "Pittacus", targets: ["Pittacus"]),
    .library(name: "ZGossip", targets: ["ZGossip"]),
    .library(name: "ZGossipNode", targets: ["ZGossipNode"]),
    .library(name: "ZGossipBridge", targets: ["ZGossipBridge"]),
    .library(name: "ZeroMQ", targets: ["ZeroMQ"]),
    .library(name: "GossipPython", targets: ["GossipPython"]),
    .library(name: "ClojureGossip", targets: ["ClojureGossip"]),
    .library(name: "GrapevineDialectNode", targets: ["GrapevineDialectNode"]),
    .library(name: "GrapevineBridge", targets: ["GrapevineBridge"]),
    .library(name: "GrapevineSimulator", targets: ["GrapevineSimulator"]),
    .executable(name: "grapevine", targets: ["GrapevineCommand"]),
    .executable(name: "grapevine-zgossip", targets: ["ZGossipCommand"]),
    .executable(name: "grapevine-bench", targets: ["GrapevineBenchmarks"]),
  ],
  targets: [
    .target(name: "GrapevineCore", swiftSettings: settings),
    .target(name: "CLinux"),
    .target(name: "CAllocations"),
    .target(
      name: "GrapevineTransport",
      dependencies: ["GrapevineCore", .target(name: "CLinux", condition: .when(platforms: [.linux]))],
      swiftSettings: settings),
    .target(
      name: "Grapevine", dependencies: ["GrapevineCore", "GrapevineTransport"], swiftSettings: settings),
    .systemLibrary(
      name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"]), .brew(["sqlite3"])]),
    .target(
      name: "GrapevineStore", dependencies: ["Grapevine", "GrapevineCore", "CSQLite"], swiftSettings: settings
    ),
    .systemLibrary(
      name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"]), .brew(["libsodium"])]),
    .systemLibrary(
      name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"]), .brew(["openssl@3"])]),
    .target(
      name: "GrapevineSecurity",
      dependencies: ["GrapevineCore", "GrapevineTransport", "CSodium", "COpenSSL"],
      swiftSettings: settings),
    .target(name: "GrapevineDialect", dependencies: ["GrapevineCore"], swiftSettings: settings),
    .target(
      name: "GossipPython", dependencies: ["GrapevineDialect", "GrapevineCore"], swiftSettings: settings),
    .target(
      name: "ClojureGossip", dependencies: ["GrapevineDialect", "GrapevineCore"], swiftSettings: settings),
    .target(
      name: "GrapevineDialectNode",
      dependencies: ["GrapevineDialect", "GrapevineTransport", "GrapevineCore"],
      swiftSettings: settings),
    .target(name: "Pittacus", dependencies: ["GrapevineCore", "GrapevineDialect"], swiftSettings: settings),
    .target(
      name: "ZGossipBridge", dependencies: ["ZGossipNode", "Grapevine", "GrapevineCore"],
      swiftSettings: settings),
    .target(name: "CPittacus"),
    .target(
      name: "PittacusC", dependencies: ["Pittacus", "GrapevineDialect", "GrapevineCore", "CPittacus"],
      swiftSettings: settings),
    .target(name: "ZGossip", dependencies: ["GrapevineCore"], swiftSettings: settings),
    .systemLibrary(
      name: "CZeroMQ", pkgConfig: zeroMQConfig, providers: [.apt(["libzmq3-dev"]), .brew(["zeromq"])]),
    .target(name: "ZeroMQ", dependencies: ["CZeroMQ"], swiftSettings: settings),
    .target(
      name: "ZGossipNode", dependencies: ["ZGossip", "ZeroMQ", "GrapevineTransport", "GrapevineCore"],
      swiftSettings: settings),
    .target(name: "GrapevineSimulator", dependencies: ["GrapevineCore"], swiftSettings: settings),
    .target(
      name: "GrapevineBridge",
      dependencies: [
        "Grapevine", "GrapevineCore", "GrapevineTransport", "GrapevineDialect", "GrapevineDialectNode",
      ],
      swiftSettings: settings),
    .target(
      name: "GrapevineConsole", dependencies: ["GrapevineCore", "GrapevineTransport"], swiftSettings: settings
    ),
    .executableTarget(
      name: "GrapevineCommand",
      dependencies: [
        "GrapevineConsole", "GrapevineBridge", "Pittacus",
        "Grapevine", "GrapevineCore", "GrapevineTransport", "GrapevineSecurity", "GrapevineSimulator",
        "GrapevineStore", "GrapevineDialect", "GrapevineDialectNode", "GossipPython", "ClojureGossip",
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "ZGossipCommand",
      dependencies: [
        "ZGossipBridge", "ZGossipNode", "ZGossip", "Grapevine", "GrapevineConsole", "GrapevineTransport",
        "GrapevineSecurity", "GrapevineCore",
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "GrapevineBenchmarks",
      dependencies: [
        "Grapevine", "GrapevineCore", "GrapevineTransport", "GrapevineSecurity", "GrapevineSimulator",
        "GrapevineStore", "COpenSSL", "GrapevineDialect", "Pittacus", "PittacusC", "CPittacus",
        "CAllocations", "ZGossipNode", "ZeroMQ",
        .target(name: "CLinux", condition: .when(platforms: [.linux])),
      ],
      swiftSettings: settings),
    .testTarget(name: "GrapevineCoreTests", dependencies: ["GrapevineCore"], swiftSettings: settings),
    .testTarget(
      name: "GrapevineTransportTests", dependencies: ["GrapevineTransport", "GrapevineCore"],
      swiftSettings: settings),
    .testTarget(
      name: "GrapevineTests", dependencies: ["Grapevine", "GrapevineCore", "GrapevineTransport"],
      swiftSettings: settings),
    .testTarget(
      name: "GrapevineStoreTests", dependencies: ["GrapevineStore", "Grapevine", "GrapevineCore", "CSQLite"],
      swiftSettings: settings),
    .testTarget(
      name: "GrapevineSecurityTests",
      dependencies: ["GrapevineSecurity", "Grapevine", "GrapevineTransport", "GrapevineCore", "CSodium"],
      swiftSettings: settings),
    .testTarget(
      name: "GrapevineSimulatorTests", dependencies: ["GrapevineSimulator", "GrapevineCore"],
      swiftSettings: settings),
    .testTarget(name: "GrapevineConsoleTests", dependencies: ["GrapevineConsole"], swiftSettings: settings),
    .testTarget(
      name: "GrapevineCommandTests",
      dependencies: ["GrapevineCommand", "GrapevineConsole", "GrapevineSecurity", "GrapevineSimulator"],
      swiftSettings: settings),
    .testTarget(
      name: "GossipPythonTests", dependencies: ["GossipPython", "GrapevineDialect", "GrapevineCore"],
      swiftSettings: settings),
    .testTarget(
      name: "ClojureGossipTests", dependencies: ["ClojureGossip", "GrapevineDialect", "GrapevineCore"],
      swiftSettings: settings),
    .testTarget(
      name: "GrapevineDialectNodeTests",
      dependencies: [
        "GrapevineDialectNode", "GossipPython", "ClojureGossip", "GrapevineDialect", "GrapevineTransport",
        "GrapevineCore",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "GrapevineBridgeTests",
      dependencies: [
        "GrapevineBridge", "Grapevine", "GrapevineDialectNode", "GossipPython", "ClojureGossip",
        "GrapevineTransport", "GrapevineCore",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "PittacusTests",
      dependencies: ["Pittacus", "PittacusC", "CPittacus", "GrapevineDialect", "GrapevineCore"],
      swiftSettings: settings),
    .testTarget(
      name: "ZGossipTests", dependencies: ["ZGossip", "GrapevineCore"], swiftSettings: settings),
    .testTarget(name: "ZeroMQTests", dependencies: ["ZeroMQ"], swiftSettings: settings),
    .testTarget(
      name: "ZGossipNodeTests",
      dependencies: ["ZGossipNode", "ZGossip", "ZeroMQ", "GrapevineTransport", "GrapevineCore"],
      swiftSettings: settings),
    .testTarget(
      name: "ZGossipBridgeTests",
      dependencies: [
        "ZGossipBridge", "ZGossipNode", "ZGossip", "Grapevine", "GrapevineTransport", "GrapevineCore",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "ZGossipCommandTests",
      dependencies: ["ZGossipCommand", "ZGossipNode", "ZGossip", "GrapevineConsole", "GrapevineCommand"],
      swiftSettings: settings),
    .testTarget(name: "TidyTests", swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)
