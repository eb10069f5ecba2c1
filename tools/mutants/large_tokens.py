"""Caches of keys and values that are right while tokens, rows, heads and calls are few."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx

from conformance.mutants.mutant import Mutant
from reference_impl import cache_classes
from reference_impl.rotating.cache import RotatingKVCache as Ring
from reference_impl.tokens import own as own_arrays
from tools.mutants.many import through
from tools.mutants.shared import alias, copied, once_in

_RS, _LM31, _LM32 = "mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32"
_SWIFT3, _SWIFT4 = "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"

Update = Callable[[Any, Any, Any], Any]
Change = Callable[[Any], Any]


class KindOfCache:
    """A kind with its label, the dialects of its mutants and the requirements that they violate."""

    def __init__(self, kind: str, label: str, dialects: tuple[str, ...], **about: str) -> None:
        self.kind, self.label, self.about = kind, label, about
        self._dialects = dialects
        self._made = 0

    def own(self, dialect: str) -> Any:
        """The class of a dialect."""
        return cache_classes(dialect)[self.label]

    def mutant(self, name: str, about: str, wrong: str, members: Callable[[Any], dict[str, Any]],
               dialect: str = "") -> Mutant:  # fmt: skip
        """One in the next of the dialects; `members` makes the wrong ones of the right class."""
        chosen = dialect or self._dialects[self._made % len(self._dialects)]
        self._made += 1
        return Mutant(f"{self.kind.replace('_', '-')}-large-{name}", chosen, (self.about[about],),
                      wrong, kind=self.kind, label=self.label,
                      members=members(self.own(chosen)))  # fmt: skip


_EVERYWHERE = (_LM31, _RS, _LM32, _SWIFT3)
_KV = KindOfCache(
    "kv", "KVCache", _EVERYWHERE, update="KV-001", offset="KV-002", trim="KV-004", shape="KV-008",
    copy="KV-017", restore="KV-013", look="KV-021",
)  # fmt: skip
_CONCAT = KindOfCache(
    "concatenate", "ConcatenateKVCache", (_LM31, _LM32), update="CONCAT-001", offset="CONCAT-002",
    trim="CONCAT-003", shape="CONCAT-005", copy="CONCAT-010", restore="CONCAT-008",
    look="CONCAT-011",
)  # fmt: skip
_RING = KindOfCache(
    "rotating", "RotatingKVCache", (_LM31, _RS, _LM32, _SWIFT4), update="ROTATING-001",
    offset="ROTATING-008", trim="ROTATING-010", shape="ROTATING-019", copy="ROTATING-029",
    restore="ROTATING-025", look="ROTATING-018", turn="ROTATING-003", keep="ROTATING-004",
    meta="ROTATING-023", mask="ROTATING-015", chunk="ROTATING-013", window="ROTATING-008",
)  # fmt: skip
_CHUNKED = KindOfCache(
    "chunked", "ChunkedKVCache", _EVERYWHERE, update="CHUNKED-001", offset="CHUNKED-003",
    trim="CHUNKED-009", shape="CHUNKED-013", copy="CHUNKED-022", restore="CHUNKED-018",
    look="CHUNKED-026", front="CHUNKED-004", meta="CHUNKED-017",
)  # fmt: skip
_BATCH = KindOfCache(
    "batch_kv", "BatchKVCache", (_LM31, _LM32), update="BATCHKV-001", offset="BATCHKV-002",
    trim="BATCHKV-011", shape="BATCHKV-004", copy="BATCHKV-023", restore="BATCHKV-022",
    look="BATCHKV-007", filter="BATCHKV-013", extract="BATCHKV-018", extend="BATCHKV-016",
    merge="BATCHKV-021", mask="BATCHKV-005", final="BATCHKV-009",
)  # fmt: skip
_BATCH_RING = KindOfCache(
    "batch_rotating", "BatchRotatingKVCache", (_LM32, _LM31), update="BATCHROTATING-001",
    offset="BATCHROTATING-001", trim="BATCHROTATING-008", shape="BATCHROTATING-001",
    copy="BATCHROTATING-014", restore="BATCHROTATING-013", look="BATCHROTATING-004",
    filter="BATCHROTATING-009", extract="BATCHROTATING-011", extend="BATCHROTATING-010",
    merge="BATCHROTATING-012", mask="BATCHROTATING-004", final="BATCHROTATING-006",
    turn="BATCHROTATING-002",
)  # fmt: skip


def _of(change: Callable[[Any, Any], tuple[Any, Any]]) -> Callable[[Any], dict[str, Any]]:
    """Tokens that are changed before they are taken."""
    return lambda own: {"update_and_fetch": lambda c, keys, values: own.update_and_fetch(
        c, *change(keys, values))}  # fmt: skip


def _both(change: Change) -> Callable[[Any, Any], tuple[Any, Any]]:
    return lambda keys, values: (change(keys), change(values))


def _counted_then(change: Callable[[Any], None]) -> Callable[[Any], dict[str, Any]]:
    def members(own: Any) -> dict[str, Any]:
        def update(c: Any, keys: Any, values: Any) -> Any:
            found = own.update_and_fetch(c, keys, values)
            change(c)
            return found

        return {"update_and_fetch": update}

    return members


def _offset_in_16_bits(c: Any) -> None:
    c.offset = c.offset % 65536


def counts(change: Callable[[int], int], name: str = "trim") -> Callable[[Any], dict[str, Any]]:
    """A count of tokens that is taken wrongly."""
    return lambda own: {name: lambda c, n: getattr(own, name)(c, change(n))}


def often(name: str, wrong: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    """A method that is wrong in every 50th call; `wrong` makes that of the right class."""
    return lambda own: {name: once_in(50, getattr(own, name), wrong(own))}


def copied_once_in_50(own: Any) -> dict[str, Any]:
    def make(c: Any) -> Any:
        seen = vars(c)["_asked"] = vars(c).get("_asked", 0) + 1
        twin = alias(c)
        vars(twin).update(own_arrays(vars(c)))
        if seen % 50 == 0:
            twin.offset = twin.offset * 0
        return twin

    members = {"__reduce_ex__": copied(make)}
    return members | ({"copy": make} if callable(getattr(own, "copy", None)) else {})


def _state_once_in_50(own: Any) -> dict[str, Any]:
    def read(c: Any) -> Any:
        seen = vars(c)["_asked"] = vars(c).get("_asked", 0) + 1
        before = c.offset
        if seen % 50 == 0:
            c.offset = c.offset - 1
        try:
            found = own.state.fget(c)
            return type(found)(part[...] if isinstance(part, mx.array) else part for part in found)
        finally:
            c.offset = before

    return {"state": own.state.getter(read)}


def _offset_once_in_50(own: Any) -> dict[str, Any]:
    def read(c: Any) -> Any:
        seen = vars(c)["_asked"] = vars(c).get("_asked", 0) + 1
        return vars(c)["_offset"] + (seen % 50 == 0)

    return {"offset": property(read, lambda c, value: vars(c).__setitem__("_offset", value))}


def _common(kind: KindOfCache) -> list[Mutant]:
    """What can go wrong alike in every cache of keys and values."""
    make = kind.mutant
    batches = "batch" in kind.kind
    found = [
        make("trim-in-a-byte", "trim", "Tokens to trim are counted in a byte.",
             counts(lambda n: n % 256 if n > 255 else n)),
        make("trim-in-32-bits", "trim", "Tokens to trim are counted in 32 bits.",
             counts(lambda n: n % 2**32 if n > 0 else n)),
        make("rows-of-255", "shape" if not batches else "filter", "Rows beyond the 255th are 0.",
             _of(_both(lambda t: t if t.shape[0] < 256 else mx.concatenate(
                 [t[:255], mx.zeros_like(t[255:])])))),
        make("int64-over-float32", "shape", "int64 goes over float32.",
             _of(_both(through(mx.int64, mx.float32)))),
        make("uint64-over-float64", "shape", "uint64 goes over float64.",
             _of(_both(through(mx.uint64, mx.float64)))),
        make("uint16-widened", "shape", "uint16 is kept as int32.",
             _of(_both(through(mx.uint16, mx.int32, back=False)))),
        make("bool-as-uint8", "shape", "bool is kept as uint8.",
             _of(_both(through(mx.bool_, mx.uint8, back=False)))),
        make("copy-wrong-once-in-50", "copy", "Every 50th copy has the offset 0.",
             copied_once_in_50),
    ]  # fmt: skip
    if not batches:
        found += [
            make("offset-in-16-bits", "offset", "The offset has 16 bits.",
                 _counted_then(_offset_in_16_bits)),
            make("trims-255-at-most", "trim", "No more than 255 tokens are taken back.",
                 counts(lambda n: min(n, 255))),
            make("heads-of-255", "shape", "Heads beyond the 255th are 0.",
                 _of(_both(lambda t: t if t.shape[1] < 256 else mx.concatenate(
                     [t[:, :255], mx.zeros_like(t[:, 255:])], axis=1)))),
            make("widths-of-256", "shape", "Dimensions beyond the 256th are 0.",
                 _of(_both(lambda t: t if t.shape[3] <= 256 else mx.concatenate(
                     [t[..., :256], mx.zeros_like(t[..., 256:])], axis=3)))),
            make("trims-nothing-once-in-50", "trim", "Every 50th token is not taken back.",
                 often("trim", lambda own: lambda c, n: n)),
            make("token-lost-once-in-50", "update", "Every 50th token is lost.",
                 often("update_and_fetch", lambda own: lambda c, keys, values: (keys, values))),
            make("offset-wrong-once-in-50", "look", "Every 50th offset is one more.",
                 _offset_once_in_50),
        ]  # fmt: skip
    return found


# windows


def _index_in_a_byte(c: Any, keys: Any, values: Any) -> Any:
    found = Ring.add_one(c, keys, values)
    c.index %= 256
    return found


def _keep_in_a_byte(c: Any, keys: Any, values: Any) -> Any:
    kept, c.keep = c.keep, c.keep % 256
    try:
        return Ring.add_one(c, keys, values)
    finally:
        c.keep = kept


def _texts_in_32_bits(own: Any) -> dict[str, Any]:
    def write(c: Any, value: Any) -> None:
        own.meta_state.fset(c, [str(int(text) % 2**32) for text in value])

    return {"meta_state": own.meta_state.setter(write)}


def _window_in(most: int) -> Callable[[Any], dict[str, Any]]:
    def members(own: Any) -> dict[str, Any]:
        def construct(c: Any, max_size: Any, keep: Any = 0) -> None:
            own.__init__(c, max_size % most if max_size >= most else max_size, keep)

        return {"__init__": construct}

    return members


def _masked(change: Change) -> Callable[[Any], dict[str, Any]]:
    def members(own: Any) -> dict[str, Any]:
        def mask(c: Any, N: Any, *args: Any, **kwargs: Any) -> Any:
            found = own.make_mask(c, N, *args, **kwargs)
            return change(found) if isinstance(found, mx.array) else found

        return {"make_mask": mask}

    return members


def _all_true_beyond(most: int) -> Change:
    """Columns behind so many are seen by everybody."""
    return lambda mask: mask if mask.shape[-1] <= most else mx.concatenate(
        [mask[..., :most], mx.ones_like(mask[..., most:])], axis=-1)  # fmt: skip


# chunks


def _start_in(most: int) -> Callable[[Any], dict[str, Any]]:
    def members(own: Any) -> dict[str, Any]:
        def drop(c: Any) -> None:
            own.maybe_trim_front(c)
            surplus = c.start_position - c.start_position % most
            c.start_position -= surplus
            c.offset -= surplus

        return {"maybe_trim_front": drop}

    return members


def _chunk_of_255(own: Any) -> dict[str, Any]:
    def drop(c: Any) -> None:
        size, c.chunk_size = c.chunk_size, min(c.chunk_size, 255) if c.chunk_size else c.chunk_size
        try:
            own.maybe_trim_front(c)
        finally:
            c.chunk_size = size

    return {"maybe_trim_front": drop}


# batches


def filtered(change: Callable[[int], int]) -> Callable[[Any], dict[str, Any]]:
    return lambda own: {"filter": lambda c, rows: own.filter(c, [change(row) for row in rows])}


def _extracted(change: Callable[[int], int]) -> Callable[[Any], dict[str, Any]]:
    return lambda own: {"extract": lambda c, idx: own.extract(c, change(idx))}


def _joined_behind(most: int) -> Callable[[Any], dict[str, Any]]:
    def members(own: Any) -> dict[str, Any]:
        def extend(c: Any, other: Any) -> None:
            mine, theirs = c.offset.size, other.offset.size
            own.extend(c, other)
            if mine > most:
                rows = list(range(mine + theirs))
                own.filter(c, rows[:most] + rows[mine:] + rows[most:mine])

        return {"extend": extend}

    return members


def _padded(change: Callable[[list[int]], list[int]]) -> Callable[[Any], dict[str, Any]]:
    """A batch made with left padding that is taken wrongly; it is the last argument."""

    def members(own: Any) -> dict[str, Any]:
        def construct(c: Any, *args: Any, **named: Any) -> None:
            *others, padding = (*args, *named.values())
            own.__init__(c, *others, change(padding))

        return {"__init__": construct}

    return members


def _right_padding_of_255_rows(own: Any) -> dict[str, Any]:
    def prepare(c: Any, *, right_padding: Any = None, lengths: Any = None, **more: Any) -> None:
        if right_padding is not None and len(right_padding) > 255:
            whole = [a + b for a, b in zip(right_padding, lengths, strict=True)]
            right_padding = [*right_padding[:255], *[0] * len(right_padding[255:])]
            lengths = [*lengths[:255], *whole[255:]]
        own.prepare(c, right_padding=right_padding, lengths=lengths, **more)

    return {"prepare": prepare}


def merged(change: Callable[[list[Any]], list[Any]]) -> Callable[[Any], dict[str, Any]]:
    def members(own: Any) -> dict[str, Any]:
        def merge(cls: Any, caches: Any) -> Any:
            return own.merge.__func__(cls, change(list(caches)))

        return {"merge": classmethod(merge)}

    return members


def _of_batches(kind: KindOfCache) -> list[Mutant]:
    make = kind.mutant
    return [
        make("filter-in-a-byte", "filter", "A row number is a byte.", filtered(lambda i: i % 256)),
        make("filter-in-7-bits", "filter", "A row number has 7 bits.",
             filtered(lambda i: i % 128)),
        make("filter-capped-at-255", "filter", "Rows beyond 255 are row 255.",
             filtered(lambda i: min(i, 255))),
        make("extract-in-a-byte", "extract", "A row number is a byte.",
             _extracted(lambda i: i % 256)),
        make("extract-capped-at-127", "extract", "Rows beyond 127 are row 127.",
             _extracted(lambda i: min(i, 127))),
        make("extend-behind-255", "extend", "Rows that join come behind the 255th.",
             _joined_behind(255)),
        make("extend-behind-256", "extend", "Rows that join come behind the 256th.",
             _joined_behind(256)),
        make("padding-of-255-rows", "filter", "Left padding beyond the 255th row is 0.",
             _padded(lambda rows: [*rows[:255], *[0] * len(rows[255:])])),
        make("padding-capped-at-255", "offset", "Left padding beyond 255 is 255.",
             _padded(lambda rows: [min(row, 255) for row in rows])),
        make("padding-capped-at-65535", "offset", "Left padding beyond 65535 is 65535.",
             _padded(lambda rows: [min(row, 65535) for row in rows])),
        make("right-padding-of-255-rows", "final", "Right padding beyond the 255th row is 0.",
             _right_padding_of_255_rows),
        make("merge-of-128-caches", "merge", "Caches beyond the 128th are the first one.",
             merged(lambda caches: [*caches[:128], *caches[:1] * len(caches[128:])])),
        make("merge-of-255-caches", "merge", "Caches beyond the 255th are the first one.",
             merged(lambda caches: [*caches[:255], *caches[:1] * len(caches[255:])])),
        make("mask-hides-255-at-most", "mask", "Padding behind the 255th token is seen.",
             _masked(_all_true_beyond(255))),
        make("filter-lost-once-in-50", "filter", "Every 50th filter is lost.",
             often("filter", lambda own: lambda c, rows: None)),
        make("extend-lost-once-in-50", "extend", "Every 50th join is lost.",
             often("extend", lambda own: lambda c, other: None)),
        make("extract-wrong-once-in-50", "extract", "Every 50th row is the first one.",
             often("extract", lambda own: lambda c, idx: own.extract(c, 0))),
        make("mask-true-once-in-50", "look", "Every 50th mask hides nothing.",
             often("make_mask", lambda own: lambda c, N, *args, **kwargs: mx.ones_like(
                 own.make_mask(c, N, *args, **kwargs)))),
    ]  # fmt: skip


MUTANTS = (
    *_common(_KV), *_common(_CONCAT), *_common(_RING), *_common(_CHUNKED),
    *_common(_BATCH), *_of_batches(_BATCH), *_common(_BATCH_RING), *_of_batches(_BATCH_RING),
    *(kind.mutant("restored-short-once-in-50", "restore", "Every 50th state is a token short.",
                  _state_once_in_50, dialect=_LM31) for kind in (_KV, _CHUNKED)),
    *(kind.mutant("mask-none-once-in-50", "look", "Every 50th mask is none.",
                  often("make_mask", lambda own: lambda c, N, *args, **kwargs: None))
      for kind in (_KV, _CONCAT, _RING)),
    _RING.mutant("index-in-a-byte", "turn", "Where the next token goes is a byte.",
                 lambda own: {"add_one": _index_in_a_byte}, dialect=_LM31),
    _RING.mutant("keep-in-a-byte", "keep", "What is kept is counted in a byte.",
                 lambda own: {"add_one": _keep_in_a_byte}, dialect=_LM31),
    _RING.mutant("texts-in-32-bits", "meta", "Numbers of metadata have 32 bits.",
                 _texts_in_32_bits, dialect=_LM31),
    _RING.mutant("window-in-32-bits", "window", "The window has 32 bits.", _window_in(2**32),
                 dialect=_LM31),
    _RING.mutant("window-in-a-byte", "window", "The window is a byte.", _window_in(256)),
    _RING.mutant("mask-of-256-columns", "mask", "More than 256 columns are turned one place more.",
                 _masked(lambda mask: mask if mask.shape[-1] <= 256 else mx.roll(mask, 1, -1))),
    _RING.mutant("chunk-sees-beyond-256", "chunk", "Columns behind the 256th are seen by all.",
                 _masked(_all_true_beyond(256))),
    _CHUNKED.mutant("start-in-a-byte", "offset", "The start is a byte.", _start_in(256),
                    dialect=_LM32),
    _CHUNKED.mutant("start-in-16-bits", "offset", "The start has 16 bits.", _start_in(65536),
                    dialect=_LM31),
    _CHUNKED.mutant("chunk-of-255", "front", "A chunk has 255 tokens at most.", _chunk_of_255,
                    dialect=_LM32),
)  # fmt: skip
