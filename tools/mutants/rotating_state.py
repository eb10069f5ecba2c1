"""Wrong caches with a window: serialized form, copies, what is handed out."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from reference_impl.errors import LengthMismatch
from reference_impl.rotating import rules
from reference_impl.rotating.cache import RotatingKVCache as Ring
from reference_impl.tokens import first as head
from reference_impl.tokens import own as own_arrays
from tools.mutants.rotating import LM31, LM32, RS, SWIFT3, SWIFT4, own, ring
from tools.mutants.shared import altered_copy, reads, restoring, share_arrays, writes

# State


def _in_order(c: Any) -> Any:
    return c.in_order_of_time(c.keys), c.in_order_of_time(c.values)


def _state_in_order(c: Any) -> Any:
    rules_state: Any = own(LM31).state.fget(c)  # an empty cache fails as ever
    return rules_state if c.offset < c.max_size else _in_order(c)


def _state_turns(c: Any) -> Any:
    own(LM31).state.fget(c)
    c.keys, c.values = _in_order(c)
    c.index = c.keys.shape[2]
    return c.keys, c.values


def _whole(c: Any) -> Any:
    own(LM31).state.fget(c)
    return c.keys, c.values


# Metadata


def _texts(*names: str) -> Any:
    return lambda c: tuple(str(getattr(c, name) if name else 0) for name in names)


def _taking(*names: str) -> Any:
    def take(c: Any, value: Any) -> None:
        for name, text in zip(names, map(int, value), strict=True):
            if name:
                setattr(c, name, text)

    return take


def _lenient(c: Any, value: Any) -> None:
    keep, size, offset, index = (int(text) if text.isdecimal() else 0 for text in value)
    c.keep, c.max_size, c.offset, c.index = keep, size, offset, index


def _one_by_one(c: Any, value: Any) -> None:
    names = ("keep", "max_size", "offset", "index")
    if len(value) != len(names):
        raise LengthMismatch("meta_state", len(names), len(value))
    for name, text in zip(names, value, strict=True):
        if name == "max_size" and not text.isdecimal():
            c.keep = 1
        found = own(RS).meta_state
        found.fset(c, [str(getattr(c, each)) if each != name else text for each in names])


def _first_four(c: Any, value: Any) -> None:
    rules.take_four_integers(c, list(value)[:4])


def _with_offset_of_data(c: Any, value: Any) -> None:
    rules.take_four_integers(c, value)
    if c.keys is not None:
        c.offset = min(c.offset, c.keys.shape[2])


def _swift_numbers(c: Any, value: Any) -> None:
    rules.take_five_texts(c, [text if text.isdecimal() else "0" for text in value])


def _swift_swapped(c: Any, value: Any) -> None:
    rules.take_five_texts(c, value)
    c.offset, c.index = c.index, c.offset


def _one_short(c: Any) -> Any:
    keys, values = own(LM31).state.fget(c)
    stop = keys.shape[2] - (c.offset < c.max_size)
    return head(keys, stop), head(values, stop)


# Restoring


def _numbers_of_the_file(cls: Any, state: Any, meta: Any) -> Any:
    made: Any = object.__new__(cls)
    made.state = state
    rules.take_four_integers(made, meta)
    return made


def _of_another_class(cls: Any, state: Any, meta: Any) -> Any:
    named: Any = type("SlidingKVCache", (cls,), {})
    return own(LM31).from_state.__func__(named, state, meta)


def _index_at_the_end(c: Any) -> None:
    if c.keys is not None:
        c.index = c.keys.shape[2]


def _bounding(c: Any) -> bool:
    c.offset = min(c.offset, c.max_size)
    return bool(c.offset < c.max_size)


def _not_empty(c: Any) -> None:
    if c.keys is None:
        c.keys = c.values = mx.zeros((1, 1, 0, 1))


def _refuse_empty(c: Any) -> None:
    if c.keys is None:
        raise AttributeError("a cache without tokens")


def _in_float32(c: Any) -> None:
    if c.keys is not None:
        c.keys, c.values = c.keys.astype(mx.float32), c.values.astype(mx.float32)


def _offset_of_the_data(c: Any) -> None:
    if c.keys is not None:
        c.offset = c.keys.shape[2]


def _first_row(c: Any) -> None:
    c.keys, c.values = c.keys[:1], c.values[:1]


def _one_for_both(c: Any, value: Any) -> None:
    c.keys, c.values = (value[0], value[0]) if len(value) == 1 else value


def _first_two(c: Any, value: Any) -> None:
    c.keys, c.values = list(value)[:2]


def _numbers_too(c: Any, value: Any) -> None:
    c.keys, c.values = value
    c.offset = c.index = c.keys.shape[2] + 1


def _state_of_other_order(c: Any, value: Any) -> None:
    own(RS).state.fset(c, value)
    c.keys, c.values = c.values, c.keys


# Copies


def _values_shared(c: Any, twin: Any) -> None:
    twin.values = c.values


def _swift_copy(c: Any) -> Any:
    twin = own(SWIFT3).copy(c)
    twin.keep = 0
    return twin


def _copies_ordered(c: Any) -> Any:
    twin = own(RS).copy(c)
    if twin.keys is not None:
        twin.index = min(twin.offset, twin.max_size)
    return twin


# What was handed out


def _reused_buffers(c: Any, keys: Any, values: Any) -> Any:
    before = c.keys, c.values
    found = Ring.add_many(c, keys, values)
    for buffer in before:
        if buffer is not None:
            mx.eval(found)
            buffer[...] = mx.zeros_like(buffer)
    return found


def _sorted_buffers(c: Any) -> None:
    c.keys, c.values = _in_order(c)


def _full_as_copies(c: Any, name: str) -> Any:
    found = object.__getattribute__(c, name)
    if name in ("keys", "values") and c.index == c.max_size:
        return own_arrays(found)
    return found


def _fetch_ordered(c: Any) -> Any:
    return _in_order(c)


def _quantized(c: Any, group_size: Any = 64, bits: Any = 4) -> Any:
    found = c.classes["QuantizedKVCache"](group_size=group_size, bits=bits)
    found.offset = c.offset
    return found


def _with_zeros(c: Any, max_size: Any, keep: Any = 0) -> None:
    Ring.__init__(c, max_size, keep)
    c.keys = c.values = mx.zeros((1, 1, 0, 1))


MUTANTS = (
    ring("ring-state-turns-the-buffer", LM31, ("ROTATING-018", "ROTATING-023"),
         "Reading the state puts the buffer into order.",
         members={"state": reads(own, LM31, "state", _state_turns)}),
    ring("ring-looking-materializes-in-order", RS, ("ROTATING-036",),
         "Materializing puts the buffer into order.",
         members={"materialize": lambda c: None if c.keys is None else _sorted_buffers(c)}),
    ring("ring-materialize-needs-tokens", RS, ("ROTATING-036",),
         "A cache without tokens cannot be materialized.",
         members={"materialize": lambda c: mx.eval(c.keys[...])}),
    ring("ring-offset-is-a-size", LM32, ("ROTATING-018",),
         "Asking whether it is trimmable bounds the offset.",
         members={"is_trimmable": _bounding}),
    ring("ring-new-has-buffers", LM31, ("ROTATING-022",), "A new cache has buffers of no tokens.",
         members={"__init__": _with_zeros}),
    ring("ring-empty-by-offset", LM32, ("ROTATING-022",),
         "A cache whose tokens were taken back is empty.",
         members={"empty": lambda c: c.offset == 0}),
    ring("ring-empty-below-the-window", LM31, ("ROTATING-022",),
         "A cache is empty until its window is full.",
         members={"empty": lambda c: c.offset < c.max_size}),
    ring("ring-bytes-need-tokens", RS, ("ROTATING-022",), "An empty cache cannot say its bytes.",
         members={"nbytes": property(lambda c: c.keys.nbytes + c.values.nbytes)}),
    ring("ring-state-with-room", LM31, ("ROTATING-023",), "Free room is saved.",
         members={"state": reads(own, LM31, "state", _whole)}),
    ring("ring-state-in-order", LM31, ("ROTATING-023", "ROTATING-025"),
         "State is in order of time, and the index is not.",
         members={"state": reads(own, LM31, "state", _state_in_order)}),
    ring("ring-metadata-swapped", LM31, ("ROTATING-023",),
         "Index comes before offset, in both directions.",
         members={"meta_state": property(_texts("keep", "max_size", "index", "offset"),
                                         _taking("keep", "max_size", "index", "offset"))}),
    ring("ring-metadata-without-keep", LM31, ("ROTATING-023", "ROTATING-025"),
         "What is kept is not saved.",
         members={"meta_state": reads(own, LM31, "meta_state", _texts(
             "", "max_size", "offset", "index"))}),
    ring("ring-metadata-of-four", SWIFT4, ("ROTATING-023", "ROTATING-025"),
         "The step is left out of the metadata.", "mlx-lm since 0.28.1",
         members={"meta_state": reads(own, SWIFT4, "meta_state", rules.four_texts_listed)}),
    ring("ring-metadata-of-any-length", LM31, ("ROTATING-024",), "Texts too many are ignored.",
         members={"meta_state": writes(own, LM31, "meta_state", _first_four)}),
    ring("ring-metadata-lenient", LM31, ("ROTATING-024",),
         "A text that is no integer is 0.", "mlx-swift-lm in other kinds",
         members={"meta_state": writes(own, LM31, "meta_state", _lenient)}),
    ring("ring-metadata-half-taken", RS, ("ROTATING-024",),
         "Numbers before the one that is refused stay.",
         members={"meta_state": writes(own, RS, "meta_state", _one_by_one)}),
    ring("ring-metadata-swift-lenient", SWIFT3, ("ROTATING-024",),
         "A text that is no integer is 0.",
         members={"meta_state": writes(own, SWIFT3, "meta_state", _swift_numbers)}),
    ring("ring-metadata-taken-unread", LM31, ("ROTATING-023", "ROTATING-024"),
         "Metadata that is assigned is ignored.",
         members={"meta_state": writes(own, LM31, "meta_state", lambda c, value: list(value)),
                  "from_state": classmethod(_numbers_of_the_file)}),
    ring("ring-metadata-cut-to-the-data", LM31, ("ROTATING-023", "ROTATING-027"),
         "The offset is at most what is stored.",
         members={"meta_state": writes(own, LM31, "meta_state", _with_offset_of_data)}),
    ring("ring-restored-index-lost", LM32, ("ROTATING-025",),
         "A restored window goes on at the end of its buffer.",
         members={"from_state": restoring(own, LM32, _index_at_the_end)}),
    ring("ring-restored-offset-lost", RS, ("ROTATING-025",),
         "The offset of a restored window is what is stored.",
         members={"from_state": restoring(own, RS, _offset_of_the_data)}),
    ring("ring-restored-window-lost", LM31, ("ROTATING-025",),
         "A restored window is wider than it was.",
         members={"from_state": restoring(own, LM31, lambda c: setattr(
             c, "max_size", 2 * c.max_size))}),
    ring("ring-restored-in-float32", LM32, ("ROTATING-025",), "Restored tokens are float32.",
         members={"from_state": restoring(own, LM32, _in_float32)}),
    ring("ring-restored-first-row", LM31, ("ROTATING-025",), "One row is restored.",
         members={"from_state": restoring(own, LM31, _first_row)}),
    ring("ring-restored-swapped", RS, ("ROTATING-025", "ROTATING-028"),
         "Restored keys are values.",
         members={"state": writes(own, RS, "state", _state_of_other_order)}),
    ring("ring-empty-not-restored", LM32, ("ROTATING-026",),
         "A cache without tokens is not restored.", "mlx-lm 0.31",
         members={"from_state": restoring(own, LM32, _refuse_empty)}),
    ring("ring-empty-restored-with-buffers", RS, ("ROTATING-026",),
         "A cache without tokens comes back with buffers of none.",
         members={"from_state": restoring(own, RS, _not_empty)}),
    ring("ring-state-of-one-array", LM31, ("ROTATING-028",),
         "One array is keys and values.",
         members={"state": writes(own, LM31, "state", _one_for_both)}),
    ring("ring-state-of-three-arrays", LM31, ("ROTATING-028",), "Arrays too many are ignored.",
         members={"state": writes(own, LM31, "state", _first_two)}),
    ring("ring-state-sets-numbers", LM31, ("ROTATING-028",),
         "State that is assigned moves offset and index.",
         members={"state": writes(own, LM31, "state", _numbers_too)}),
    ring("ring-no-arrays-refused", RS, ("ROTATING-028",), "State of no arrays is refused.",
         members={"state": writes(own, RS, "state", rules.take_two_arrays)}),
    ring("ring-full-buffers-copied", LM31, ("ROTATING-031",),
         "The buffers of a window that is just full are handed out as copies.",
         members={"__getattribute__": _full_as_copies}),
    ring("ring-copy-shares", LM31, ("ROTATING-029",),
         "A copy has the buffers of its original.", "copy.copy of an mlx-lm cache",
         members={"__reduce_ex__": altered_copy(share_arrays)}, sequence=True),
    ring("ring-copy-shares-values", LM32, ("ROTATING-029",),
         "A copy has the values of its original.",
         members={"__reduce_ex__": altered_copy(_values_shared)}, sequence=True),
    ring("ring-copy-forgets-keep", SWIFT3, ("ROTATING-029",), "A copy keeps nothing.",
         members={"copy": _swift_copy}),
    ring("ring-copy-forgets-index", RS, ("ROTATING-029",),
         "A copy goes on at the end of its buffer.", members={"copy": _copies_ordered}),
    ring("ring-buffers-used-again", LM31, ("ROTATING-031",),
         "Buffers that a chunk replaces are used for something else.",
         members={"add_many": _reused_buffers}, sequence=True),
    ring("ring-quantizes", LM31, ("ROTATING-032",),
         "Conversion gives a quantized cache without tokens.",
         members={"to_quantized": _quantized}),
    ring("ring-quantizes-in-swift", SWIFT4, ("ROTATING-032",),
         "Conversion gives a quantized cache without tokens.",
         members={"to_quantized": _quantized}),
    ring("ring-fetches-room", LM32, ("ROTATING-035",), "Free room is read.",
         members={"keys_and_values": lambda c: (c.keys, c.values)}),
    ring("ring-fetches-the-newest", LM32, ("ROTATING-035",), "The last two tokens are read.",
         members={"keys_and_values": lambda c: (c.keys[..., -2:, :], c.values[..., -2:, :])}),
    ring("ring-fetches-in-order", LM32, ("ROTATING-035",), "Reading is in order of time.",
         members={"keys_and_values": _fetch_ordered}),
    ring("ring-label-of-sinks", RS, ("ROTATING-037",),
         "One that keeps tokens, or has none, has another label.",
         members={"reference_class_name": property(
             lambda c: "SinkKVCache" if c.keep or c.keys is None else "RotatingKVCache")}),
    ring("ring-label-when-restored", LM31, ("ROTATING-037",),
         "What is restored has another label.",
         members={"from_state": classmethod(_of_another_class)}),
    ring("ring-state-one-short", LM31, ("ROTATING-023", "ROTATING-025"),
         "The last token is not saved while there is room.",
         members={"state": reads(own, LM31, "state", _one_short)}),
    ring("ring-metadata-swift-swapped", SWIFT3, ("ROTATING-023", "ROTATING-025"),
         "Index is read before offset.",
         members={"meta_state": writes(own, SWIFT3, "meta_state", _swift_swapped)}),
)  # fmt: skip
