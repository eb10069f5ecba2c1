"""Wrong caches of keys and values in prompt-cache files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx

from tools.mutants.forms import (
    LM31,
    LM32,
    PYTHON,
    RS,
    SWIFT4,
    Cache,
    Change,
    each,
    halves,
    mutants,
    numbers,
    of_class,
)

Of = Callable[[Any], Any]
_ROTATING, _QUANTIZED, _CHUNKED = "RotatingKVCache", "QuantizedKVCache", "ChunkedKVCache"
_STEP = 256


def _held(cache: Cache) -> int:
    """How many positions of the tensors count."""
    return min(cache["numbers"].get("offset") or 0, int(cache["keys"][0].shape[2]))


def _each(change: Callable[[Any, int], Any], *which: str) -> Change:
    """A change of each tensor [B, heads, S, dim], of which so many positions count."""

    def changed(cache: Cache) -> Cache:
        if not cache.get("keys") or isinstance(cache["numbers"].get("offset"), mx.array):
            return cache
        count = _held(cache)
        new = {half: [change(t, count) for t in cache[half]]
               for half in which or ("keys", "values")}  # fmt: skip
        return {**cache, **new}

    return each(changed)


def _in_one_piece(t: Any, count: int) -> Any:
    """The first bytes of the room for 256 tokens, whose tokens do not lie in one piece."""
    if count == 0 or count > _STEP:
        return t
    used = t[..., :count, :]
    room = mx.zeros((*t.shape[:2], _STEP, t.shape[3]), t.dtype)
    room[..., :count, :] = used
    return room.reshape(-1)[: used.size].reshape(used.shape)


def _wide(t: Any, width: int) -> Any:
    if t.shape[-1] >= width:
        return t[..., :width]
    return mx.concatenate([t, mx.zeros((*t.shape[:-1], width - t.shape[-1]), t.dtype)], axis=-1)


def _one_width(which: str, other: str) -> Change:
    def changed(cache: Cache) -> Cache:
        if not cache.get("keys") or len(cache["keys"]) > 1:
            return cache
        width = cache[other][0].shape[-1]
        return {**cache, which: [_wide(cache[which][0], width)]}

    return each(changed)


def _dtype_of_keys(cache: Cache) -> Cache:
    if not cache.get("keys") or len(cache["keys"]) > 1:
        return cache
    return {**cache, "values": [t.astype(cache["keys"][0].dtype) for t in cache["values"]]}


def _typed(before: mx.Dtype, after: mx.Dtype, *which: str, name: str = "") -> Change:
    return halves(lambda t: t.astype(after) if t.dtype == before else t, *which, name=name)


def _bits(before: mx.Dtype, after: mx.Dtype, name: str) -> Change:
    return halves(lambda t: t.view(after) if t.dtype == before else t, name=name)


def _zero_beyond(most: int) -> Change:
    return _each(lambda t, count: t if count <= most else mx.where(
        (mx.arange(t.shape[2]) < most)[:, None], t, mx.zeros_like(t)))  # fmt: skip


def _offset(name: str, change: Callable[[int], int]) -> Change:
    return numbers(name, lambda n: {"offset": change(n["offset"])} if n.get("offset") else {})


def _shorter(change: Callable[[int], int]) -> Change:
    """Fewer tokens, and an offset that says so."""

    def changed(cache: Cache) -> Cache:
        if cache["class_name"] not in ("KVCache", _CHUNKED, _QUANTIZED) or not cache["keys"]:
            return cache
        count = change(_held(cache))
        cut = {half: [t[..., :count, :] for t in cache[half]] for half in ("keys", "values")}
        return {**cache, **cut, "numbers": {**cache["numbers"], "offset": count}}

    return each(changed)


def _emptied_if_one(cache: Cache) -> Cache:
    if not cache.get("keys") or _held(cache) != 1 or "slots" in cache:
        return cache
    return {**cache, "keys": [cache["keys"][0] * 0], "values": [cache["values"][0] * 0]}


def _ring(change: Callable[[Any, dict[str, int]], Any]) -> Change:
    """A change of the tensors of a window by its numbers, once it has wrapped."""

    def changed(cache: Cache) -> Cache:
        n = cache["numbers"]
        if n["offset"] <= n["max_size"] or cache["keys"][0].shape[2] != n["max_size"]:
            return cache
        return {**cache, **{half: [change(t, n) for t in cache[half]] for half in (
            "keys", "values")}}  # fmt: skip

    return of_class(_ROTATING, changed)


def _in_time(keep: bool) -> Change:
    def ordered(t: Any, n: dict[str, int]) -> Any:
        first, at = (n["keep"] if keep else 0), n["idx"]
        return mx.concatenate([t[..., :first, :], t[..., at:, :], t[..., first:at, :]], axis=2)

    return _ring(ordered)


def _cut_to_window(cache: Cache) -> Cache:
    n = cache["numbers"]
    if cache["keys"][0].shape[2] <= n["max_size"] or n["idx"] <= n["max_size"]:
        return cache
    cut = {half: [t[..., n["idx"] - n["max_size"] : n["idx"], :] for t in cache[half]]
           for half in ("keys", "values")}  # fmt: skip
    return {**cache, **cut, "numbers": {**n, "idx": n["max_size"]}}


def _parts(change: Callable[[list[Any]], list[Any]], *which: str) -> Change:
    return of_class(_QUANTIZED, lambda cache: {**cache, **{
        half: change(cache[half]) for half in which or ("keys", "values")}})  # fmt: skip


def _in_last_chunk(cache: Cache) -> Cache:
    size = cache["numbers"]["chunk_size"] or 0
    count = _held(cache)
    if not 0 < size < count:
        return cache
    cut = {half: [t[..., count - size : count, :] for t in cache[half]]
           for half in ("keys", "values")}  # fmt: skip
    return {**cache, **cut}


def _batch(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Change:
    def changed(cache: Cache) -> Cache:
        if not cache["class_name"].startswith("Batch") or not cache["keys"]:
            return cache
        return {**cache, "numbers": {**cache["numbers"], **change(cache["numbers"])}}

    return each(changed)


def _several(change: Of) -> Of:
    return lambda t: change(t) if t.ndim == 4 and t.shape[1] > 1 else t


_HEADS = [
    ("heads-behind-tokens", "heads and tokens change places", _each(
        lambda t, n: t[..., :n, :].swapaxes(1, 2).reshape(*t.shape[:2], n, t.shape[3]))),
    ("heads-not-in-one-piece", "the tensors are the first bytes of the room for 256 tokens",
     _each(_in_one_piece)),
    ("one-head", "there is one head", halves(lambda t: t[:, :1])),
    ("heads-backwards", "the last head comes first", halves(_several(lambda t: t[:, ::-1]))),
    ("heads-in-values-backwards", "the last head of the values comes first",
     halves(_several(lambda t: t[:, ::-1]), "values")),
    ("one-row", "there is one sequence", halves(lambda t: t[:1])),
    ("rows-as-heads", "sequences are heads", halves(
        lambda t: t.reshape(1, -1, *t.shape[2:]) if t.ndim == 4 else t)),
    ("rows-backwards", "the last sequence comes first", halves(lambda t: t[::-1])),
    ("values-as-wide-as-keys", "values are as wide as keys", _one_width("values", "keys")),
    ("keys-as-wide-as-values", "keys are as wide as values", _one_width("keys", "values")),
    ("width-backwards", "the numbers of a token come from the last to the first",
     halves(lambda t: t[..., ::-1] if t.dtype == mx.bfloat16 else t)),
    ("first-token-alone", "a single token is zero", each(_emptied_if_one)),
]  # fmt: skip
_TYPES = [
    ("values-in-dtype-of-keys", "values have the dtype of keys", each(_dtype_of_keys)),
    ("bfloat16-keys-widened", "keys of bfloat16 are float32",
     _typed(mx.bfloat16, mx.float32, "keys")),
    ("bfloat16-values-widened", "values of bfloat16 are float32",
     _typed(mx.bfloat16, mx.float32, "values")),
    ("bfloat16-keys-and-values-as-float16", "keys and values of bfloat16 are float16",
     _typed(mx.bfloat16, mx.float16)),
    ("float16-keys-and-values-widened", "keys and values of float16 are float32",
     _typed(mx.float16, mx.float32)),
    ("float16-keys-and-values-as-bfloat16", "keys and values of float16 are bfloat16",
     _typed(mx.float16, mx.bfloat16)),
    ("uint8-keys-and-values-as-float16", "keys and values of uint8 are float16",
     _typed(mx.uint8, mx.float16)),
    ("bfloat16-window-widened", "a window of bfloat16 is one of float32",
     _typed(mx.bfloat16, mx.float32, name=_ROTATING)),
    ("bfloat16-chunk-widened", "a chunk of bfloat16 is one of float32",
     _typed(mx.bfloat16, mx.float32, name=_CHUNKED)),
]  # fmt: skip
_ROOM = [
    ("256-tokens", "there are 256 tokens at most", _shorter(lambda n: min(n, _STEP))),
    ("512-tokens", "there are 512 tokens at most", _shorter(lambda n: min(n, 2 * _STEP))),
    ("255-tokens", "there are 255 tokens at most", _shorter(lambda n: min(n, 255))),
    ("tokens-of-the-last-step", "tokens of all steps but the first are lost",
     _shorter(lambda n: n if n <= _STEP else n % _STEP or _STEP)),
    ("whole-steps", "beyond 256 tokens only whole steps are there",
     _shorter(lambda n: n if n <= _STEP else n // _STEP * _STEP)),
    ("zeros-beyond-256", "tokens beyond the 256th are zero", _zero_beyond(_STEP)),
    ("zeros-beyond-255", "tokens beyond the 255th are zero", _zero_beyond(255)),
    ("offset-in-a-byte", "the offset is kept in a byte", _shorter(lambda n: n % 256)),
    ("offset-of-a-window-in-a-byte", "the offset of a window is kept in a byte",
     _offset(_ROTATING, lambda n: n % 256)),
]  # fmt: skip
_RING = [
    ("window-and-keep-swapped", "size of a window and what it keeps change places",
     numbers(_ROTATING, lambda n: {"keep": n["max_size"], "max_size": n["keep"]})),
    ("keep-lost", "a window keeps nothing", numbers(_ROTATING, lambda n: {"keep": 0})),
    ("keep-of-one", "a window keeps one token at most",
     numbers(_ROTATING, lambda n: {"keep": min(n["keep"], 1)})),
    ("window-in-a-byte", "the size of a window is kept in a byte",
     numbers(_ROTATING, lambda n: {"max_size": n["max_size"] % 256})),
    ("window-of-256", "a window has 256 tokens at most",
     numbers(_ROTATING, lambda n: {"max_size": min(n["max_size"], 256)})),
    ("window-cut", "a prompt beyond the window is cut", of_class(_ROTATING, _cut_to_window)),
    ("ring-index-is-one-less", "the place of the next token is the last one's",
     numbers(_ROTATING, lambda n: {"idx": n["idx"] - 1} if n["idx"] else {})),
    ("offset-within-the-window", "a window has seen as many tokens as it has room for",
     numbers(_ROTATING, lambda n: {"offset": min(n["offset"], n["max_size"])})),
]  # fmt: skip
_WRAPPED = [
    ("ring-index-is-the-offset", "the place of the next token is the offset",
     numbers(_ROTATING, lambda n: {"idx": n["offset"]})),
    ("ring-index-is-the-rest", "the place of the next token is the rest by the window",
     numbers(_ROTATING, lambda n: {"idx": n["offset"] % n["max_size"]}
             if n["offset"] > n["max_size"] else {})),
    ("ring-in-order-of-time", "a window that has wrapped is in order of time", _in_time(True)),
    ("ring-in-order-without-keep", "a window that has wrapped is in order of time, with what it "
     "keeps in the midst", _in_time(False)),
    ("ring-index-of-a-full-window", "a window that has wrapped is as full as one that has not",
     numbers(_ROTATING, lambda n: {"idx": n["max_size"]} if n["offset"] > n["max_size"] else {})),
    ("ring-starts-at-what-it-keeps", "a window that has wrapped goes on behind what it keeps",
     numbers(_ROTATING, lambda n: {"idx": n["keep"]} if n["offset"] > n["max_size"] else {})),
]  # fmt: skip
_QUANT = [
    ("bits-as-8", "there are 8 bits", numbers(_QUANTIZED, lambda n: {"bits": 8})),
    ("bits-as-4", "there are 4 bits", numbers(_QUANTIZED, lambda n: {"bits": 4})),
    ("group-of-64", "groups have 64 numbers", numbers(_QUANTIZED, lambda n: {"group_size": 64})),
    ("group-of-32", "groups have 32 numbers", numbers(_QUANTIZED, lambda n: {"group_size": 32})),
    ("bits-for-group", "bits and size of groups change places",
     numbers(_QUANTIZED, lambda n: {"bits": n["group_size"], "group_size": n["bits"]})),
    ("weights-signed", "quantized weights are int32", _bits(mx.uint32, mx.int32, _QUANTIZED)),
    ("scales-widened", "scales and biases of bfloat16 are float32",
     _typed(mx.bfloat16, mx.float32, name=_QUANTIZED)),
    ("scales-of-float16-widened", "scales and biases of float16 are float32",
     _typed(mx.float16, mx.float32, name=_QUANTIZED)),
    ("biases-for-scales", "scales and biases of values change places",
     _parts(lambda p: [p[0], *p[:0:-1]], "values")),
    ("biases-negative", "biases have the other sign", _parts(lambda p: [*p[:2], *(
        -t for t in p[2:])])),
]  # fmt: skip
_CHUNK = [
    ("chunk-in-a-byte", "the size of a chunk is kept in a byte",
     numbers(_CHUNKED, lambda n: {"chunk_size": n["chunk_size"] % 256})),
    ("chunk-of-256", "a chunk has 256 tokens at most",
     numbers(_CHUNKED, lambda n: {"chunk_size": min(n["chunk_size"], 256)})),
    ("chunk-and-start-swapped", "size and start of a chunk change places", numbers(
        _CHUNKED, lambda n: {"chunk_size": n["start_position"], "start_position": n["chunk_size"]}
    )),
    ("chunk-cut", "tokens before the last chunk are gone", of_class(_CHUNKED, _in_last_chunk)),
    ("chunk-beyond-the-step-is-cut", "chunks have 256 tokens at most", of_class(
        _CHUNKED, lambda c: {**c, **{half: [t[..., :_STEP, :] for t in c[half]] for half in (
            "keys", "values")}, "numbers": {**c["numbers"], "offset": min(_held(c), _STEP)}})),
]  # fmt: skip
_START = [
    ("chunk-start-lost", "a chunk starts at 0",
     numbers(_CHUNKED, lambda n: {"start_position": 0})),
    ("chunk-start-is-the-size", "a chunk that was cut starts at its size", numbers(
        _CHUNKED, lambda n: {"start_position": n["chunk_size"]} if n["start_position"] else {})),
    ("chunk-start-in-a-signed-byte", "the start of a chunk is kept in a signed byte", numbers(
        _CHUNKED, lambda n: {"start_position": (n["start_position"] + 128) % 256 - 128})),
]  # fmt: skip
_BATCH = [
    ("batch-padding-for-offset", "left padding and offsets of a batch change places",
     _batch(lambda n: {"offset": n["left_padding"], "left_padding": n["offset"]})),
    ("batch-offset-is-one", "each sequence of a batch has the largest offset",
     _batch(lambda n: {"offset": mx.broadcast_to(mx.max(n["offset"]), n["offset"].shape)})),
    ("batch-offset-in-a-byte", "offsets of a batch are kept in a byte",
     _batch(lambda n: {"offset": n["offset"] % 256})),
    ("batch-padding-in-a-byte", "left padding of a batch is kept in a byte",
     _batch(lambda n: {"left_padding": n["left_padding"].astype(mx.uint8).astype(mx.int32)})),
    ("batch-padding-not-negative", "left padding of a batch is not below zero",
     _batch(lambda n: {"left_padding": mx.maximum(n["left_padding"], 0)})),
    ("batch-padding-lost", "a batch has no left padding",
     _batch(lambda n: {"left_padding": n["left_padding"] * 0})),
    ("batch-not-rotated", "the window of a batch has not wrapped",
     _batch(lambda n: {"rotated": False} if "rotated" in n else {})),
    ("batch-seen-is-the-index", "a window of a batch has seen as many tokens as its index says",
     _batch(lambda n: {"seen": n["idx"]} if "seen" in n else {})),
    ("batch-rows-backwards", "the last sequence of a batch comes first", each(
        lambda c: {**c, **{half: [t[::-1] for t in c[half]] for half in ("keys", "values")}}
        if c["class_name"].startswith("Batch") else c)),
]  # fmt: skip

MUTANTS = (
    *mutants("FILE-008", _HEADS),
    *mutants("FILE-008", _TYPES),
    *mutants("FILE-008", _ROOM),
    *mutants("FILE-008", _RING),
    *mutants("FILE-008", _WRAPPED, saved=PYTHON, over=True),
    *mutants("FILE-008", _QUANT, (RS, LM31, LM32, SWIFT4)),
    *mutants("FILE-008", _CHUNK),
    *mutants("FILE-008", _START[:2], (LM32, RS), saved=(LM32,), over=True),
    *mutants("FILE-008", _START[2:], (LM31,), saved=(LM31,), over=True),
    *mutants("FILE-008", _BATCH, PYTHON, saved=PYTHON, over=True),
)
