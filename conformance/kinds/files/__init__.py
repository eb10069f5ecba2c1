"""Whole prompt-cache files: what a backend writes, and what it makes of those of others."""

from __future__ import annotations

from conformance.engine.kind import Kind
from conformance.kinds.files.operations import OPERATIONS, Load, Save

ABOUT = """
A whole cache, in `save` and `load`, is one of

```
{"class_name": "ArraysCache", "slots": [tensor or null], "left_padding": ..., "lengths": ...}
{"class_name": "KVCache", "keys": [tensor], "values": [tensor], "numbers": {"offset": 3}}
{"class_name": "CacheList", "caches": [cache, cache]}
```

Left padding and lengths are a tensor or null. The second form is that of RotatingKVCache
(`numbers` also `keep` and `max_size`), QuantizedKVCache (`group_size`, `bits`) and ChunkedKVCache
(`chunk_size`, `start_position`) too. `save` gets one tensor of keys and one of values
[B, heads, S, dim] to update an empty cache with, and none for a cache that stays empty; `load`
gives the tensors that the cache holds: of a QuantizedKVCache weights, scales and biases. What is
not of the type that it should be is given as `{"foreign": "its type"}`. `user_metadata` is an
object of strings. The file lies in a temporary folder of the case.
"""

def _properties() -> object:
    from conformance.kinds.files.properties import PROPERTIES  # which needs hypothesis

    return PROPERTIES


FILES = Kind(
    name="files",
    title="Prompt-cache files",
    records=OPERATIONS,
    properties=_properties,
    prefixed=False,
    about=ABOUT,
)
LOAD: type[Load] = FILES.steps["load"]  # type: ignore[assignment]
SAVE: type[Save] = FILES.steps["save"]  # type: ignore[assignment]
