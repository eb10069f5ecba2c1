// swift-tools-version: 5.9
// Built in debug: the dialects describe debug builds, and @testable needs one. Around the release that
// the environment names in MLX_SWIFT_LM: 3.31.4, or 3.31.3, whose slot cache has no lengths.
import Foundation
import PackageDescription

let release = ProcessInfo.processInfo.environment["MLX_SWIFT_LM"] ?? "3.31.4"

let package = Package(
    name: "slot-cache-adapter",
    platforms: [.macOS(.v14)],
    dependencies: [
        .package(url: "https://github.com/ml-explore/mlx-swift-lm", exact: Version(release)!),
        .package(url: "https://github.com/ml-explore/mlx-swift", from: "0.31.3"),
    ],
    targets: [
        .executableTarget(
            name: "slot-cache-adapter",
            dependencies: [
                .product(name: "MLX", package: "mlx-swift"),
                .product(name: "MLXLMCommon", package: "mlx-swift-lm"),
            ],
            swiftSettings: release == "3.31.3" ? [.define("MLX_SWIFT_LM_3_31_3")] : [])
    ]
)
