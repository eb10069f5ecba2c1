// swift-tools-version: 5.9
import PackageDescription

let package = Package(
    name: "adapter",
    platforms: [.macOS(.v14)],
    targets: [.executableTarget(name: "adapter")]
)
