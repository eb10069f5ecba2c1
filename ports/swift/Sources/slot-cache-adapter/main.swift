// The caches of mlx-swift-lm on the wire: 3.31.4, or 3.31.3, which has no lengths. Here the slot
// cache; Kinds.swift has the others. What fails a
// precondition ends the process, as in an application; the suite takes that for the dialect's trap.

import Foundation
import MLX

@testable import MLXLMCommon

enum Held {
    case array(MLXArray?)
    case arrays([MLXArray])
    case number(Int)
}

var caches: [String: any KVCache] = [:]
var held: [String: Held] = [:]

func cache(_ a: Arguments, _ name: String = "cache") throws -> ArraysCache {
    let handle = try a.string(name)
    guard let found = caches[handle] as? ArraysCache else { throw Failure.unknownCache(handle) }
    return found
}

/// A cache as the library's loader rebuilds it; its error for any other class is its own.
func restored(_ className: String, _ state: [MLXArray], _ meta: [String]) throws -> ArraysCache {
    let made: ArraysCache
    switch className {
    case "ArraysCache": made = ArraysCache(size: 0)
    case "MambaCache": made = MambaCache()
    default: throw KVCacheError(message: "Unknown cache class: \(className)")
    }
    made.restoreFromMetaState(state: state, savedMetaState: meta)
    return made
}

func lengths(of cache: ArraysCache) -> MLXArray? {
    #if MLX_SWIFT_LM_3_31_3
        return nil
    #else
        return cache.lengths
    #endif
}

func shownHeld(_ a: Arguments) throws -> JSON {
    switch held[try a.string("name")] {
    case .array(let array)?: return try wire(array)
    case .arrays(let arrays)?: return try wire(arrays)
    case .number(let number)?: return .integer(number)
    case nil: throw Failure.unknownCache(try a.string("name"))
    }
}

#if MLX_SWIFT_LM_3_31_3
    let release = "3.31.3"
#else
    let release = "3.31.4"
#endif

let server = Server(
    name: "mlx-swift-lm", version: release, dialect: "mlx-swift-lm-\(release)"
) {
    caches.removeAll()
    held.removeAll()
}

/// An operation that gives nothing.
func does(_ name: String, _ body: @escaping (Arguments) throws -> Void) {
    server.on(name) { a in
        try body(a)
        return .null
    }
}

// Construction and restoring

does("new") { a in
    let padding = try a.integers("left_padding")
    caches[try a.string("cache")] = ArraysCache(size: try a.integer("size"), leftPadding: padding)
}
does("new_mamba") { a in
    caches[try a.string("cache")] = MambaCache(leftPadding: try a.integers("left_padding"))
}
does("copy") { a in
    caches[try a.string("into")] = try cache(a).copy()
}
does("from_state") { a in
    let state = try a.tensors("state").map(\.array)
    caches[try a.string("cache")] = try restored(
        a.string("class_name"), state, a.strings("meta_state"))
}
does("round_trip") { a in
    let from = try cache(a)
    caches[try a.string("into")] = try restored(className(from), from.state, from.metaState)
}

// Slots and serialized state

server.on("get") { a in try wire(cache(a)[a.integer("slot")]) }
does("set") { a in
    let value = try a.tensor("value")?.array
    try cache(a)[a.integer("slot")] = value
}
server.on("state") { a in try wire(cache(a).state) }
does("set_state") { a in
    let state = try a.tensors("state").map(\.array)
    try cache(a).state = state
}
server.on("meta_state") { a in .array(try cache(a).metaState.map(JSON.string)) }
does("set_meta_state") { a in
    let meta = try a.strings("meta_state")
    try cache(a).metaState = meta
}
server.on("snapshot") { a in try described(cache(a)) }
does("hold") { a in
    let from = try cache(a)
    switch try a.string("what") {
    case "state": held[try a.string("name")] = .arrays(from.state)
    case "slot": held[try a.string("name")] = .array(from[try a.integer("slot")])
    case "left_padding": held[try a.string("name")] = .array(from.leftPadding)
    case "lengths": held[try a.string("name")] = .array(lengths(of: from))
    case let what: throw Failure.invalidArguments("nothing is called \(what)")
    }
}
server.on("held", shownHeld)

// Sequence metadata, masks, batches

#if !MLX_SWIFT_LM_3_31_3
    does("prepare") { a in
        let lengths = try a.integers("lengths")
        try cache(a).prepare(lengths: lengths)
    }
    does("finalize") { a in try cache(a).finalize() }
    does("advance") { a in try cache(a).advance(a.integer("n")) }
    server.on("batch_size") { a in .integer(try cache(a).batchSize) }
#endif
server.on("make_mask") { a in try wire(cache(a).makeMask(N: a.integer("n"))) }
does("filter") { a in
    let indices = try a.integers("batch_indices") ?? []
    try cache(a).filter(batchIndices: MLXArray(indices))
}
does("extend") { a in
    let other = try cache(a, "other")
    try cache(a).extend(other: other)
}

// What a cache says of itself

server.on("class_name") { a in .string(className(try cache(a))) }
server.on("size") { a in .integer(try cache(a).offset) }
server.on("max_size") { a in try cache(a).maxSize.map(JSON.integer) ?? .null }
server.on("is_trimmable") { a in .bool(try cache(a).isTrimmable) }
server.on("trim") { a in .integer(try cache(a).trim(a.integer("n"))) }
server.on("update") { a in
    guard let keys = try a.tensor("keys"), let values = try a.tensor("values") else {
        throw Failure.invalidArguments("keys and values must be tensors")
    }
    let (newKeys, newValues) = try cache(a).update(keys: keys.array, values: values.array)
    return try wire([newKeys, newValues])
}

serveKinds()
serveFiles(server)
server.serve()
