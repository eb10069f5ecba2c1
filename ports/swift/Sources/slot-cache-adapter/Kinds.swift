// The kinds beside the slot cache: caches of keys and values, lists, and whole prompts.

import Foundation
import MLX

@testable import MLXLMCommon

func serveKinds() {
    for kind in ["kv", "rotating", "quantized", "chunked", "list"] { serveCommon(kind + ".") }
    for kind in ["kv", "rotating", "quantized", "chunked"] { serveHeld(kind + ".") }
    for kind in ["kv", "rotating", "chunked"] { serveBuffers(kind + ".") }
    serveConstruction()
    serveList()
    servePrompt()
}

private func anyCache(_ a: Arguments, _ name: String = "cache") throws -> any KVCache {
    try named(a.string(name))
}

private func named(_ handle: String) throws -> any KVCache {
    guard let found = caches[handle] else { throw Failure.unknownCache(handle) }
    return found
}

private func cache<Kind>(_ a: Arguments, as kind: Kind.Type) throws -> Kind {
    guard let found = try anyCache(a) as? Kind else {
        throw Failure.invalidArguments("the cache is not a \(kind)")
    }
    return found
}

/// As a prompt-cache file restores it: by the library's own loader, which lists use, too.
private func rebuilt(_ className: String, _ state: [MLXArray], _ meta: [String]) throws
    -> any KVCache
{
    let framed = ["1", className, "\(state.count)", "\(meta.count)"] + meta
    return try CacheList.fromState(state: state, metaState: framed).children[0]
}

private func serveConstruction() {
    does("kv.new") { a in caches[try a.string("cache")] = KVCacheSimple() }
    does("rotating.new") { a in
        caches[try a.string("cache")] = RotatingKVCache(
            maxSize: try a.integer("max_size"), keep: try a.optionalInteger("keep") ?? 0)
    }
    does("quantized.new") { a in
        caches[try a.string("cache")] = QuantizedKVCache(
            groupSize: try a.integer("group_size"), bits: try a.integer("bits"))
    }
    does("chunked.new") { a in
        caches[try a.string("cache")] = ChunkedKVCache(
            chunkSize: try a.optionalInteger("chunk_size"))
    }
    does("chunked.maybe_trim_front") { a in try cache(a, as: ChunkedKVCache.self).maybeTrimFront() }
    for kind in ["kv", "chunked"] {
        does("\(kind).to_quantized") { a in
            caches[try a.string("into")] = try cache(a, as: KVCacheSimple.self).toQuantized(
                groupSize: a.optionalInteger("group_size") ?? 64,
                bits: a.optionalInteger("bits") ?? 8)
        }
    }
    does("rotating.to_quantized") { a in
        caches[try a.string("into")] = try cache(a, as: RotatingKVCache.self).toQuantized(
            groupSize: a.optionalInteger("group_size") ?? 64,
            bits: a.optionalInteger("bits") ?? 8)
    }
}

// What all kinds have

private func serveCommon(_ kind: String) {
    server.on(kind + "update_and_fetch") { a in
        guard let keys = try a.tensor("keys"), let values = try a.tensor("values") else {
            throw Failure.invalidArguments("keys and values must be tensors")
        }
        let cache = try anyCache(a)
        guard let quantized = cache as? QuantizedKVCache else {
            let (newKeys, newValues) = cache.update(keys: keys.array, values: values.array)
            return try wire([newKeys, newValues])
        }
        let (k, v) = quantized.updateQuantized(keys: keys.array, values: values.array)
        return .array([
            .array([try wire(k.0), try wire(k.1), try wire(k.2)]),
            .array([try wire(v.0), try wire(v.1), try wire(v.2)]),
        ])
    }
    server.on(kind + "make_mask") { a in
        try shown(
            anyCache(a).makeMask(
                n: a.integer("n"), windowSize: a.optionalInteger("window_size"),
                returnArray: a.flag("return_array")))
    }
    server.on(kind + "offset") { a in .integer(try anyCache(a).offset) }
    server.on(kind + "max_size") { a in try anyCache(a).maxSize.map(JSON.integer) ?? .null }
    server.on(kind + "is_trimmable") { a in .bool(try anyCache(a).isTrimmable) }
    server.on(kind + "trim") { a in .integer(try anyCache(a).trim(a.integer("n"))) }
    server.on(kind + "state") { a in try wire(anyCache(a).state) }
    server.on(kind + "meta_state") { a in .array(try anyCache(a).metaState.map(JSON.string)) }
    server.on(kind + "class_name") { a in .string(className(try anyCache(a))) }
    server.on(kind + "snapshot") { a in try listed(anyCache(a)) }
    does(kind + "set_state") { a in
        let state = try a.tensors("state").map(\.array)
        var cache = try anyCache(a)
        cache.state = state
    }
    does(kind + "set_meta_state") { a in
        let meta = try a.strings("meta_state")
        var cache = try anyCache(a)
        cache.metaState = meta
    }
    does(kind + "from_state") { a in
        let meta = a.values["meta_state"] == nil ? [] : try a.strings("meta_state")
        caches[try a.string("cache")] = try rebuilt(
            a.string("class_name"), a.tensors("state").map(\.array), meta)
    }
    does(kind + "round_trip") { a in
        let from = try anyCache(a)
        caches[try a.string("into")] = try rebuilt(className(from), from.state, from.metaState)
    }
    does(kind + "copy") { a in caches[try a.string("into")] = try anyCache(a).copy() }
    does(kind + "materialize") { a in eval(try anyCache(a).innerState()) }
}

private func shown(_ mask: MLXFast.ScaledDotProductAttentionMaskMode) throws -> JSON {
    switch mask {
    case .array(let array): try wire(array)
    case .causal: .string("causal")
    case .none: .null
    default: throw Failure.invalidArguments("a mask of several arrays has no form on the wire")
    }
}

/// A cache in a list shows how many slots it has by showing them all.
private func listed(_ cache: any KVCache) throws -> JSON {
    if let list = cache as? CacheList {
        return .object([
            "class_name": .string("CacheList"),
            "caches": .array(try list.children.map(listed)),
        ])
    }
    guard let slots = cache as? ArraysCache else { return try described(cache, filled(cache)) }
    return .object([
        "class_name": .string(className(slots)),
        "slots": .array(try (0..<slots.slotCount).map { try wire(slots[$0]) }),
        "left_padding": try wire(slots.leftPadding),
        "lengths": try wire(lengths(of: slots)),
    ])
}

/// What stands behind the offset is free room, also where the library forgets the start.
private func filled(_ cache: any KVCache) -> [MLXArray] {
    guard cache is ChunkedKVCache, let start = Int(cache.metaState[1]) else { return cache.state }
    let kept = max(cache.offset - start, 0)
    return cache.state.map { $0.dim(2) > kept ? $0[.ellipsis, ..<kept, 0...] : $0 }
}

// Live objects

private func serveHeld(_ kind: String) {
    does(kind + "hold") { a in
        let from = try anyCache(a)
        let buffers = from.innerState()
        let half = buffers.count / 2
        let name = try a.string("name")
        switch try a.string("what") {
        case "state": held[name] = .arrays(from.state)
        case "offset": held[name] = .number(from.offset)
        case "keys" where from is QuantizedKVCache: held[name] = .arrays(Array(buffers[..<half]))
        case "values" where from is QuantizedKVCache: held[name] = .arrays(Array(buffers[half...]))
        case "keys": held[name] = .array(buffers.first)
        case "values": held[name] = .array(buffers.last)
        case let what: throw Failure.invalidArguments("nothing is called \(what)")
        }
    }
    server.on(kind + "held", shownHeld)
}

private func serveBuffers(_ kind: String) {
    does(kind + "write_in_place") { a in
        guard let value = try a.tensor("value")?.array else {
            throw Failure.invalidArguments("value must be a tensor")
        }
        let buffers = try anyCache(a).innerState()
        let buffer = buffers[try a.string("what") == "keys" ? 0 : 1]
        let start = try a.integer("position")
        buffer[.ellipsis, start ..< (start + value.dim(2)), 0...] = value
    }
}

// Lists and whole prompts

private func serveList() {
    does("list.new") { a in
        let children = try a.strings("children").map(named)
        caches[try a.string("cache")] = CacheList(caches: children)
    }
    server.on("list.child") { a in
        caches[try a.string("into")] = try cache(a, as: CacheList.self)[a.integer("index")]
        return .bool(true)
    }
    #if !MLX_SWIFT_LM_3_31_3
        does("list.prepare") { a in
            let lengths = try a.integers("lengths")
            try anyCache(a).prepare(lengths: lengths)
        }
        does("list.finalize") { a in try anyCache(a).finalize() }
    #endif
}

private func servePrompt() {
    server.on("prompt.can_trim_prompt_cache") { a in
        .bool(canTrimPromptCache(try a.strings("caches").map(named)))
    }
    server.on("prompt.trim_prompt_cache") { a in
        let layers = try a.strings("caches").map(named)
        return .integer(trimPromptCache(layers, numTokens: try a.integer("n")))
    }
    does("prompt.make_prompt_cache") { a in
        let made = makePromptCacheWithLayerCount(
            numLayers: try a.integer("layers"), maxKVSize: try a.optionalInteger("max_kv_size"))
        for (name, cache) in zip(try a.strings("into"), made) { caches[name] = cache }
    }
    server.on("prompt.create_attention_mask") { a in
        let hasLayer = (a.values["layer"] ?? .null) != .null
        return try shown(
            makeAttentionMask(
                n: a.integer("n"), cache: hasLayer ? anyCache(a, "layer") : nil,
                windowSize: a.optionalInteger("window_size"), returnArray: a.flag("return_array")))
    }
}

extension Arguments {
    /// nil for null and for a missing argument.
    fileprivate func optionalInteger(_ name: String) throws -> Int? {
        (values[name] ?? .null) == .null ? nil : try integer(name)
    }

    /// False where it is missing.
    fileprivate func flag(_ name: String) throws -> Bool {
        guard case .bool(let flag) = values[name] ?? .bool(false) else {
            throw Failure.invalidArguments("\(name) must be true or false")
        }
        return flag
    }
}
