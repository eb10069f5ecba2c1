// swift-tools-version: 5.9
// Built in debug: the dialects describe debug builds, and @testable needs one.
import PackageDescription

let package = Package(
    name: "slot-cache-adapter",
    platforms: [.macOS(.v14)],
    dependencies: [
        .package(url: "https://github.com/ml-explore/mlx-swift-lm", exact: "3.31.4"),
        .package(url: "https://github.com/ml-explore/mlx-swift", from: "0.31.4"),
    ],
    targets: [
        .executableTarget(
            name: "slot-cache-adapter",
            dependencies: [
                .product(name: "MLX", package: "mlx-swift"),
                .product(name: "MLXLMCommon", package: "mlx-swift-lm"),
            ])
    ]
)
