// An adapter to fill in: put your cache in the place of MyCache, and add the operations that it has.
// What is in `operations` is what the handshake declares; cases that need more do not apply yet.
import { type Json, type Tensor, refused, rows, serve, toWire, unknownCache } from "./protocol.js";
import type { Arguments, Fields } from "./protocol.js";

/** Stands in for your cache, with your array type in the place of Tensor. */
class MyCache {
  constructor(
    readonly slots: (Tensor | null)[],
    readonly leftPadding: number[] | null,
  ) {}
}

const caches = new Map<string, MyCache>();

function cache(a: Arguments): MyCache {
  const found = caches.get(a.text("cache"));
  if (found === undefined) throw unknownCache(a.text("cache"));
  return found;
}

serve({
  name: "my-port",
  version: "0.0.1",
  dialect: "mlxrs-0.1",
  reset: () => caches.clear(),
  operations: {
    new: (a) => {
      const padding = a.integers("left_padding");
      const slots = new Array<Tensor | null>(a.integer("size")).fill(null);
      caches.set(a.text("cache"), new MyCache(slots, padding?.length ? padding : null));
      return null;
    },
    get: (a) => toWire(cache(a).slots[a.index("slot")] ?? null),
    set: (a) => {
      const { slots } = cache(a);
      const [slot, value] = [a.index("slot"), a.slot("value")];
      if (slot < 0 || slot >= slots.length) throw refused("OutOfRange", "there is no such slot");
      slots[slot] = value;
      return null;
    },
    snapshot: (a): Json => {
      const { slots, leftPadding } = cache(a);
      const shown: Fields = {};
      slots.forEach((slot, index) => {
        if (slot !== null) shown[index] = toWire(slot);
      });
      return {
        class_name: "ArraysCache",
        slot_count: slots.length,
        slots: shown,
        left_padding: leftPadding && toWire(rows(leftPadding)),
        lengths: null,
      };
    },
    // Next: class_name, batch_size, state, set_state, meta_state, ... then save and load.

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
  },
});
