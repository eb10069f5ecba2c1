//! An adapter to fill in: put your cache in the place of `MyCache`, and list what it implements.

mod json;
#[allow(dead_code)] // some of it waits for the operations that are still missing
mod protocol;

use std::collections::HashMap;

use json::Json;
use protocol::{refused, Arguments, Failure, Operation, Server, Tensor};

/// Stands in for your cache, with your array type in the place of `Tensor`.
struct MyCache {
    slots: Vec<Option<Tensor>>,
    left_padding: Option<Vec<i32>>,
}

#[derive(Default)]
struct Adapter {
    caches: HashMap<String, MyCache>,
}

impl Adapter {
    fn cache(&mut self, arguments: &Arguments) -> Result<&mut MyCache, Failure> {
        let handle = arguments.text("cache")?;
        self.caches
            .get_mut(handle)
            .ok_or_else(|| Failure::UnknownCache(handle.to_string()))
    }
}

fn wire(slot: Option<&Tensor>) -> Json {
    slot.map_or(Json::Null, Tensor::to_wire)
}

/// What is listed here is declared; cases that need more do not apply yet.
const OPERATIONS: &[(&str, Operation<Adapter>)] = &[
    ("new", |adapter, a| {
        let slots = vec![None; a.integer("size")?];
        let left_padding = a.integers("left_padding")?.filter(|rows| !rows.is_empty());
        adapter.caches.insert(
            a.text("cache")?.to_string(),
            MyCache {
                slots,
                left_padding,
            },
        );
        Ok(Json::Null)
    }),
    ("get", |adapter, a| {
        let slot: usize = a.integer("slot")?;
        Ok(wire(
            adapter.cache(a)?.slots.get(slot).and_then(Option::as_ref),
        ))
    }),
    ("set", |adapter, a| {
        let (slot, value): (usize, _) = (a.integer("slot")?, a.tensor("value")?);
        let missing = || refused("OutOfRange", "there is no such slot", Json::object([]));
        *adapter.cache(a)?.slots.get_mut(slot).ok_or_else(missing)? = Some(value);
        Ok(Json::Null)
    }),
    ("snapshot", |adapter, a| {
        let cache = adapter.cache(a)?;
        let written = cache
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.is_some());
        let slots = written
            .map(|(i, slot)| (i.to_string(), wire(slot.as_ref())))
            .collect();
        let padding = cache.left_padding.as_deref().map(Tensor::rows);
        Ok(Json::object([
            ("class_name", Json::text("ArraysCache")),
            ("slot_count", Json::Integer(cache.slots.len() as i128)),
            ("slots", Json::Object(slots)),
            ("left_padding", wire(padding.as_ref())),
            ("lengths", Json::Null),
        ]))
    }),
    // Next: class_name, batch_size, state, set_state, meta_state, ...
];

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
const OTHER_KINDS: &[(&str, Operation<Adapter>)] = &[];

fn main() -> std::io::Result<()> {
    let server = Server {
        name: "my-port",
        version: "0.0.1",
        dialect: "mlxrs-0.1",
        operations: &[OPERATIONS, OTHER_KINDS],
    };
    server.serve()
}
