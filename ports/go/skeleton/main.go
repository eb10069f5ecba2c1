// An adapter to fill in: put your cache in the place of myCache, and add the operations that it has.
// What is in `operations` is what the handshake declares; cases that need more do not apply yet.
package main

import (
	"fmt"
	"strconv"
)

// myCache stands in for your cache, with your array type in the place of *tensor.
type myCache struct {
	slots       []*tensor
	leftPadding []int32
}

var caches = map[string]*myCache{}

func cacheOf(a arguments) (*myCache, error) {
	name, err := a.text("cache")
	if err != nil {
		return nil, err
	}
	if found, ok := caches[name]; ok {
		return found, nil
	}
	return nil, unknownCache(name)
}

// cacheAndSlot are what most operations on a slot begin with.
func cacheAndSlot(a arguments) (*myCache, int64, error) {
	cache, err := cacheOf(a)
	if err != nil {
		return nil, 0, err
	}
	slot, err := a.index("slot")
	return cache, slot, err
}

func newCache(a arguments) (any, error) {
	name, err := a.text("cache")
	if err != nil {
		return nil, err
	}
	size, err := a.integer("size")
	if err != nil {
		return nil, err
	}
	if size < 0 || size > 1<<32 {
		return nil, refused("OutOfRange", fmt.Sprintf("no cache has %d slots", size))
	}
	padding, err := a.rows("left_padding")
	if err != nil {
		return nil, err
	}
	caches[name] = &myCache{slots: make([]*tensor, size), leftPadding: padding}
	return nil, nil
}

func get(a arguments) (any, error) {
	cache, slot, err := cacheAndSlot(a)
	if err != nil {
		return nil, err
	}
	if slot < 0 || slot >= int64(len(cache.slots)) {
		return nil, nil
	}
	return toWire(cache.slots[slot]), nil
}

func set(a arguments) (any, error) {
	cache, slot, err := cacheAndSlot(a)
	if err != nil {
		return nil, err
	}
	value, err := a.slot("value")
	if err != nil {
		return nil, err
	}
	if slot < 0 || slot >= int64(len(cache.slots)) {
		return nil, refused("OutOfRange", "there is no such slot")
	}
	cache.slots[slot] = value
	return nil, nil
}

func snapshot(a arguments) (any, error) {
	cache, err := cacheOf(a)
	if err != nil {
		return nil, err
	}
	slots := map[string]any{}
	for index, slot := range cache.slots {
		if slot != nil {
			slots[strconv.Itoa(index)] = toWire(slot)
		}
	}
	shown := map[string]any{"class_name": "ArraysCache", "slot_count": len(cache.slots), "slots": slots,
		"left_padding": nil, "lengths": nil}
	if len(cache.leftPadding) > 0 {
		shown["left_padding"] = toWire(rows(cache.leftPadding))
	}
	return shown, nil
}

func main() {
	port := &server{
		name: "my-port", version: "0.0.1", dialect: "mlxrs-0.1",
		operations: map[string]operation{
			"new": newCache, "get": get, "set": set, "snapshot": snapshot,
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
		reset: func() { caches = map[string]*myCache{} },
	}
	port.serve()
}
