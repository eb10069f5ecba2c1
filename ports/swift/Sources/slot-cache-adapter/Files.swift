// Prompt-cache files, by the library's own savePromptCache and loadPromptCache.

import Foundation
import MLX

@testable import MLXLMCommon

func serveFiles(_ server: Server) {
    server.on("save") { a in
        let caches = try a.objects("caches").map(built)
        try savePromptCache(url: file(a), cache: caches, metadata: a.texts("user_metadata"))
        return .null
    }
    server.on("load") { a in
        let (caches, metadata) = try loadPromptCache(url: file(a))
        return .object([
            "caches": .array(try caches.map(described)),
            "user_metadata": .object(metadata.mapValues(JSON.string)),
        ])
    }
    // Nothing is computed in between: what is pending reads the file that is being written.
    server.on("resave") { a in
        let (caches, metadata) = try loadPromptCache(url: file(a))
        try savePromptCache(url: file(a), cache: caches, metadata: metadata)
        return .null
    }
}

private func file(_ a: Arguments) throws -> URL {
    URL(fileURLWithPath: try a.string("path"))
}

// What is asked to be saved, as the library's own objects

private func built(_ a: Arguments) throws -> any KVCache {
    let className = try a.string("class_name")
    let numbers = try a.object("numbers")
    let cache: any KVCache
    switch className {
    case "ArraysCache":
        return try filled(ArraysCache(size: a.slots("slots").count), a)
    case "MambaCache":
        return try filled(MambaCache(), a)
    case "CacheList":
        return CacheList(caches: try a.objects("caches").map(built))
    case "KVCache":
        cache = KVCacheSimple()
    case "RotatingKVCache":
        cache = RotatingKVCache(
            maxSize: try numbers.integer("max_size"), keep: try numbers.integer("keep"))
    case "QuantizedKVCache":
        cache = QuantizedKVCache(
            groupSize: try numbers.integer("group_size"), bits: try numbers.integer("bits"))
    case "ChunkedKVCache":
        cache = ChunkedKVCache(chunkSize: try numbers.values["chunk_size"].flatMap {
            $0 == .null ? nil : try numbers.integer("chunk_size")
        })
    default:
        throw Failure.invalidArguments("mlx-swift-lm has no class \(className)")
    }
    for (keys, values) in zip(try a.tensors("keys"), try a.tensors("values")) {
        if let quantized = cache as? QuantizedKVCache {
            _ = quantized.updateQuantized(keys: keys.array, values: values.array)
        } else {
            _ = cache.update(keys: keys.array, values: values.array)
        }
    }
    return cache
}

private func filled(_ cache: ArraysCache, _ a: Arguments) throws -> ArraysCache {
    for (index, slot) in try a.slots("slots").enumerated() { cache[index] = slot?.array }
    cache.leftPadding = try rows(a, "left_padding")
    #if !MLX_SWIFT_LM_3_31_3
        cache.lengths = try rows(a, "lengths")
    #endif
    return cache
}

private func rows(_ a: Arguments, _ name: String) throws -> MLXArray? {
    try a.values[name].flatMap { $0 == .null ? nil : try Tensor(wire: $0).array }
}

// What is loaded, in the protocol's terms

func described(_ cache: ArraysCache) throws -> JSON {
    var slots: [String: JSON] = [:]
    for index in cache.presentSlotIndices { slots["\(index)"] = try wire(cache[index]) }
    return .object([
        "class_name": .string(className(cache)),
        "slot_count": .integer(cache.slotCount),
        "slots": .object(slots),
        "left_padding": try wire(cache.leftPadding),
        "lengths": try wire(lengths(of: cache)),
    ])
}

private func described(_ cache: any KVCache) throws -> JSON {
    if let slots = cache as? ArraysCache { return try described(slots) }
    if let list = cache as? CacheList {
        return .object([
            "class_name": .string("CacheList"),
            "caches": .array(try list.children.map(described)),
        ])
    }
    return try described(cache, cache.state)
}

/// The same of a cache of keys and values with this of its state.
func described(_ cache: any KVCache, _ state: [MLXArray]) throws -> JSON {
    let half = state.count / 2
    return .object([
        "class_name": .string(className(cache)),
        "keys": try wire(Array(state[..<half])),
        "values": try wire(Array(state[half...])),
        "numbers": .object(numbers(cache)),
    ])
}

func className(_ cache: any KVCache) -> String {
    switch cache {
    case is MambaCache: "MambaCache"
    case is ArraysCache: "ArraysCache"
    case is CacheList: "CacheList"
    case is ChunkedKVCache: "ChunkedKVCache"
    case is RotatingKVCache: "RotatingKVCache"
    case is QuantizedKVCache: "QuantizedKVCache"
    default: "KVCache"
    }
}

/// The library keeps its numbers private, and writes them all in metaState.
private func numbers(_ cache: any KVCache) -> [String: JSON] {
    let names =
        switch cache {
        case is RotatingKVCache: ["keep", "max_size", "step", "offset", "idx"]
        case is QuantizedKVCache: ["step", "offset", "group_size", "bits"]
        case is ChunkedKVCache: ["chunk_size", "start_position"]
        default: [String]()
        }
    var numbers: [String: JSON] = ["offset": .integer(cache.offset)]
    for (name, text) in zip(names, cache.metaState) where name != "step" {
        numbers[name] = Int(text).map(JSON.integer) ?? .null
    }
    return numbers
}
