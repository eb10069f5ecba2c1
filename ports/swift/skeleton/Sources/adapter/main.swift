// An adapter to fill in: put your cache in the place of MyCache, and register what it implements.
// What is registered here is what the handshake declares; cases that need more do not apply yet.

import Foundation

/// Stands in for your cache, with your array type in the place of Tensor.
final class MyCache {
    var slots: [Tensor?]
    var leftPadding: [Int32]?

    init(size: Int, leftPadding: [Int32]?) {
        slots = Array(repeating: nil, count: size)
        self.leftPadding = leftPadding
    }
}

var caches: [String: MyCache] = [:]

func cache(_ arguments: Arguments) throws -> MyCache {
    let handle = try arguments.string("cache")
    guard let found = caches[handle] else { throw Failure.unknownCache(handle) }
    return found
}

let server = Server(name: "my-port", version: "0.0.1", dialect: "mlx-swift-lm-3.31.4") {
    caches.removeAll()
}

server.on("new") { a in
    let padding = try a.integers("left_padding")?.map { Int32($0) }
    caches[try a.string("cache")] = MyCache(size: try a.integer("size"), leftPadding: padding)
    return .null
}
server.on("get") { a in
    try cache(a).slots[a.integer("slot")]?.wire ?? .null
}
server.on("set") { a in
    try cache(a).slots[a.integer("slot")] = a.tensor("value")
    return .null
}
server.on("snapshot") { a in
    let seen = try cache(a)
    var slots: [String: JSON] = [:]
    for (index, slot) in seen.slots.enumerated() {
        if let slot { slots["\(index)"] = slot.wire }
    }
    return .object([
        "class_name": .string("ArraysCache"),
        "slot_count": .integer(seen.slots.count),
        "slots": .object(slots),
        "left_padding": seen.leftPadding.map { Tensor(rows: $0).wire } ?? .null,
        "lengths": .null,
    ])
}
// Next: class_name, batch_size, state, set_state, meta_state, ... one server.on() each. For prompt-cache
// files: save, load and resave, which ports/swift of the suite has in Files.swift.

// A place for each other kind of cache that you have. The operations of a kind have its name in
// front: begin with kv.new, kv.update_and_fetch, kv.offset and kv.snapshot. docs/protocol.md of
// the suite has them all. What stays empty is a declared gap.
// - kv: all tokens, in buffers that grow
// - rotating: a window of tokens
// - quantized: packed keys and values
// - chunked: drops its front in chunks
// - concatenate: joins what comes
// - batch_kv: rows with padding
// - batch_rotating: rows with padding in a window
// - list: several caches of one layer (list.new, list.child)
// - prompt: the caches of all layers (prompt.trim_prompt_cache)

server.serve()
