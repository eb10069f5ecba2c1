"""Saves the cache of a hybrid model after a prompt, or goes on from a saved one.

Executed by the Python of a release's environment. Each line on stdin asks for one thing, a list in
JSON, `[save|continue|transplant, MODEL, FILE]`, and is answered by a line with a digest of the
logits of each following token. `transplant` reads no prompt-cache file: it puts the tensors of a
file of any release into new caches by hand.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import mlx.core as mx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "dropin"))
from program import build, digest

PROMPT = [7, 1, 8, 2, 4, 6, 11]
FOLLOWING = [3, 9, 27, 17, 51, 25]


def transplanted(model, path: str):
    from mlx_lm.models.cache import CacheList, KVCache, make_prompt_cache

    tensors = mx.load(path)
    caches = make_prompt_cache(model)

    def fill(cache, key: str) -> None:
        if isinstance(cache, CacheList):
            for i, child in enumerate(cache.caches):
                # mlx-lm 0.32 has the state of a child below `i.c.0`, 0.31 below `i.c`.
                fill(
                    child,
                    f"{key}.{i}"
                    + ".0"
                    * (f"{key}.{i}.1" in tensors and tensors[f"{key}.{i}.1"].dtype == mx.int32),
                )
        elif isinstance(cache, KVCache):
            offset = tensors.get(f"{key}.2")
            keys, values = tensors[f"{key}.0"], tensors[f"{key}.1"]
            length = keys.shape[2] if offset is None else offset.item()
            cache.update_and_fetch(keys[..., :length, :], values[..., :length, :])
        else:
            inner = f"{key}.0" if f"{key}.0.0" in tensors else key
            for slot in range(len(cache.cache)):
                cache[slot] = tensors[f"{inner}.{slot}"]

    for i, cache in enumerate(caches):
        fill(cache, str(i))
    return caches


def answered(what: str, name: str, path: str) -> list[str]:
    from mlx_lm.models.cache import load_prompt_cache, make_prompt_cache, save_prompt_cache

    model = build(name)
    if what == "save":
        cache = make_prompt_cache(model)
        mx.eval(model(mx.array([PROMPT]), cache=cache))
        save_prompt_cache(path, cache, {"model": name})
    else:
        cache = load_prompt_cache(path) if what == "continue" else transplanted(model, path)
    seen = []
    for token in FOLLOWING:
        logits = model(mx.array([[token]]), cache=cache)
        mx.eval(logits)
        seen.append(digest(logits))
    return seen


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answered(*json.loads(line))), flush=True)
