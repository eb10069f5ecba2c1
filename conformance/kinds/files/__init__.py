"""Whole prompt-cache files: what a backend writes, and what it makes of those of others."""

from __future__ import annotations

from conformance.engine.kind import Kind, later_properties
from conformance.kinds.files.operations import OPERATIONS, Load, Resave, Save

ABOUT = """
A whole cache, in `save` and `load`, is one of

```
{"class_name": "ArraysCache", "slots": [tensor or null], "left_padding": ..., "lengths": ...}
{"class_name": "KVCache", "keys": [tensor], "values": [tensor], "numbers": {"offset": 3}}
{"class_name": "CacheList", "caches": [cache, cache]}
```

Left padding and lengths are a tensor or null. A reader may list only the slots that are set, as
`snapshot` does: `"slot_count": 3, "slots": {"1": tensor}`; a file of 200 bytes can have millions of
unset ones. `save` always gets the list. The second form is used for RotatingKVCache (`numbers` also
`keep`, `max_size` and, when it is loaded, `idx`, where the next token goes), QuantizedKVCache
(`group_size`, `bits`), ChunkedKVCache (`chunk_size`, `start_position`), ConcatenateKVCache, and
batches: BatchKVCache has `offset` and `left_padding` as tensors of one number a row, and `idx`;
BatchRotatingKVCache also `max_size`, `seen` and `rotated`. `save` gets one tensor of keys and one
of values [B, heads, S, dim] to update an empty cache with, and none for a cache that stays empty;
`load` gives the tensors that the cache holds: of a QuantizedKVCache weights, scales and biases.
Free room behind the tokens is cut off; the buffer of a window that has turned over is given whole
and in its own order. What is not of the type that it should be is given as `{"foreign": "its
type"}`. `user_metadata` is an object of strings, whatever its keys: `dtype` and `shape` in it make
no tensor. The file lies in a temporary folder of the case. `resave` saves what it has loaded to the
very file that it was loaded from, without computing anything in between.
"""

FILES = Kind(
    name="files",
    title="Prompt-cache files",
    records=OPERATIONS,
    properties=later_properties(__name__),
    prefixed=False,
    about=ABOUT,
)
LOAD: type[Load] = FILES.steps["load"]  # type: ignore[assignment]
SAVE: type[Save] = FILES.steps["save"]  # type: ignore[assignment]
RESAVE: type[Resave] = FILES.steps["resave"]  # type: ignore[assignment]
EXCHANGED = ("save", "load")  # what files are exchanged with
