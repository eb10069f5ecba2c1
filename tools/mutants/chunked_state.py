"""Wrong chunked caches: masks, serialized form, copies, what is read."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from reference_impl.attention import CAUSAL, causal
from reference_impl.chunked import rules
from reference_impl.tokens import first as head
from tools.mutants.chunked import LM31, LM32, RS, SWIFT3, SWIFT4, chunked, own
from tools.mutants.shared import altered_copy, reads, restoring, share_arrays, writes

# State and metadata


def _whole(c: Any) -> Any:
    own(LM31).state.fget(c)  # an empty cache fails as ever
    return c.keys, c.values


def _one_short(c: Any) -> Any:
    keys, values = own(LM31).state.fget(c)
    stop = max(keys.shape[2] - 1, 0)
    return head(keys, stop), head(values, stop)


def _forgetting(c: Any) -> Any:
    found = own(LM31).state.fget(c)
    c.offset = max(c.offset - 1, 0)
    return found


def _swapped(c: Any, value: Any) -> None:
    c.start_position, c.chunk_size = map(int, value)


def _first_two(c: Any, value: Any) -> None:
    c.chunk_size, c.start_position = map(int, list(value)[:2])


def _lenient(c: Any, value: Any) -> None:
    size, start = value
    c.chunk_size = int(size) if size.isdecimal() else None
    c.start_position = int(start) if start.isdecimal() else 0


def _lenient_of_any_length(c: Any, value: Any) -> None:
    rules.take_two_lenient_texts(c, [*value, "0", "0"][:2])


def _no_number_is_refused(c: Any, value: Any) -> None:
    c.chunk_size, c.start_position = (int(text) for text in value)


def _size_before_start(c: Any, value: Any) -> None:
    if len(value) == 2 and value[0].isdecimal():  # as the metadata has it
        c.chunk_size = int(value[0])
    own(RS).meta_state.fset(c, value)


def _one_for_both(c: Any, value: Any) -> None:
    rules.take_pair(c, [value[0], value[0]] if len(value) == 1 else value)


def _first_arrays(c: Any, value: Any) -> None:
    rules.take_pair(c, list(value)[:2])


def _none_is_empty(c: Any, value: Any) -> None:
    if len(value):
        own(RS).state.fset(c, value)
    else:
        c.keys, c.values, c.offset = None, None, 0


def _offset_stays(c: Any, value: Any) -> None:
    c.keys, c.values = value


# Restoring


def _first_row(c: Any) -> None:
    c.keys, c.values = c.keys[:1], c.values[:1]


def _in_float32(c: Any) -> None:
    if c.keys is not None:
        c.keys, c.values = c.keys.astype(mx.float32), c.values.astype(mx.float32)


def _offset_of_the_data(c: Any) -> None:
    if c.keys is not None:
        c.offset = min(c.offset, c.keys.shape[2])


def _numbers_of_the_file(cls: Any, state: Any, meta: Any) -> Any:
    made: Any = object.__new__(cls)
    made.state = state
    rules.take_two_integers(made, meta)
    return made


def _start_bounded(c: Any) -> None:
    c.start_position = min(c.start_position, c.offset)


def _of_another_class(cls: Any, state: Any, meta: Any) -> Any:
    named: Any = type("ChunkCache", (cls,), {})
    return own(LM31).from_state.__func__(named, state, meta)


def _made(cls: Any, state: Any, meta: Any) -> Any:
    made = cls(0)
    made.keys, made.values = state
    made.offset = made.keys.shape[2]
    rules.take_two_integers(made, meta)
    return made


# Copies


def _unchunked(dialect: str) -> Any:
    def copied(c: Any) -> Any:
        twin = own(dialect).copy(c)
        twin.chunk_size = None
        return twin

    return copied


def _start_lost(c: Any) -> Any:
    twin = own(RS).copy(c)
    twin.start_position = 0
    return twin


def _quantized(c: Any, group_size: Any = 64, bits: Any = 8) -> Any:
    found = own(SWIFT3).to_quantized(c, group_size, bits)
    found.offset -= c.offset and 1
    return found


def _anew(c: Any, group_size: Any, bits: Any) -> Any:
    found = own(SWIFT4).to_quantized(c, group_size, bits)
    found.offset -= c.start_position
    return found


def _room_goes(c: Any) -> None:
    if c.keys is not None:
        c.offset, c.start_position = 0, 0


# Masks


def _mask(change: Any, dialect: str) -> Any:
    def make_mask(c: Any, N: Any, *, return_array: Any, window_size: Any) -> Any:
        found = change(c, N, window_size, return_array)
        if found is not None:
            return found[0]
        return own(dialect).make_mask(c, N, return_array=return_array, window_size=window_size)

    return make_mask


def _of_the_kept(c: Any, n: Any, w: Any, array: Any) -> Any:
    return (causal(n, min(c.offset, c.chunk_size), w),) if n > 1 and array else None


def _never_an_array(c: Any, n: Any, w: Any, array: Any) -> Any:
    return (CAUSAL,) if n > 1 else None


def _always_an_array(c: Any, n: Any, w: Any, array: Any) -> Any:
    return (causal(n, c.offset, w),) if n > 1 else None


def _array_for_one(c: Any, n: Any, w: Any, array: Any) -> Any:
    return (causal(n, c.offset, w),) if n <= 1 else None


def _no_window(c: Any, n: Any, w: Any, array: Any) -> Any:
    if w is None:
        return None
    return (None if n == 1 else causal(n, c.offset) if array else CAUSAL,)


def _window_one_less(c: Any, n: Any, w: Any, array: Any) -> Any:
    return (causal(n, c.offset, w - 1),) if w and (n > w or array) else None


def _window_of_one_token(c: Any, n: Any, w: Any, array: Any) -> Any:
    return (causal(n, c.offset, w),) if w is not None else None


def _cutting(c: Any, n: Any, w: Any, array: Any) -> Any:
    if c.keys is not None and c.offset > 1:
        c.offset -= 1
    return None


MUTANTS = (
    chunked("chunked-mask-of-the-kept", RS, ("CHUNKED-011",),
            "An array has no column for tokens beyond the chunk.",
            members={"make_mask": _mask(_of_the_kept, RS)}),
    chunked("chunked-mask-never-array", SWIFT3, ("CHUNKED-011", "CHUNKED-012"),
            "A chunk is causal, whatever is asked for.",
            members={"make_mask": _mask(_never_an_array, SWIFT3)}),
    chunked("chunked-mask-always-array", RS, ("CHUNKED-011",), "There is an array for every chunk.",
            members={"make_mask": _mask(_always_an_array, RS)}),
    chunked("chunked-mask-array-for-one", RS, ("CHUNKED-011",),
            "A single token has an array.", members={"make_mask": _mask(_array_for_one, RS)}),
    chunked("chunked-mask-ignores-window", RS, ("CHUNKED-012",), "The window is ignored.",
            members={"make_mask": _mask(_no_window, RS)}),
    chunked("chunked-mask-window-one-less", SWIFT4, ("CHUNKED-012",),
            "A window holds one token less.",
            members={"make_mask": _mask(_window_one_less, SWIFT4)}),
    chunked("chunked-mask-restricts-one", SWIFT4, ("CHUNKED-012",),
            "A window restricts every token.", "mlxrs",
            members={"make_mask": _mask(_window_of_one_token, SWIFT4)}),
    chunked("chunked-mask-takes-a-token", RS, ("CHUNKED-026",),
            "Asking for a mask takes a token back.", members={"make_mask": _mask(_cutting, RS)}),
    chunked("chunked-state-with-room", LM31, ("CHUNKED-017",), "Free room is saved.",
            members={"state": reads(own, LM31, "state", _whole)}),
    chunked("chunked-state-one-short", LM31, ("CHUNKED-017", "CHUNKED-018"),
            "The last token is not saved.",
            members={"state": reads(own, LM31, "state", _one_short)}),
    chunked("chunked-metadata-swapped", LM31, ("CHUNKED-017",),
            "The start comes first, in both directions.",
            members={"meta_state": property(
                lambda c: (str(c.start_position), str(c.chunk_size)), _swapped)}),
    chunked("chunked-metadata-without-start", RS, ("CHUNKED-017",), "The start is always 0.",
            members={
                "meta_state": reads(own, RS, "meta_state", lambda c: [str(c.chunk_size), "0"])}),
    chunked("chunked-metadata-none-is-zero", SWIFT3, ("CHUNKED-008", "CHUNKED-017"),
            "No chunk size is written as 0.",
            members={"meta_state": reads(own, SWIFT3, "meta_state", lambda c: [
                str(c.chunk_size or 0), str(c.start_position)])}),
    chunked("chunked-metadata-unread", LM31, ("CHUNKED-017", "CHUNKED-020"),
            "Metadata that is assigned is ignored.",
            members={"meta_state": writes(own, LM31, "meta_state", lambda c, value: None),
                     "from_state": classmethod(_numbers_of_the_file)}),
    chunked("chunked-metadata-of-any-length", LM31, ("CHUNKED-020",), "Texts too many are ignored.",
            members={"meta_state": writes(own, LM31, "meta_state", _first_two)}),
    chunked("chunked-metadata-lenient", LM31, ("CHUNKED-020",),
            "A text that is no integer is none, or 0.", "mlx-swift-lm",
            members={"meta_state": writes(own, LM31, "meta_state", _lenient)}),
    chunked("chunked-metadata-half-taken", RS, ("CHUNKED-020",),
            "The chunk size is taken before the start is refused.",
            members={
                "meta_state": writes(own, RS, "meta_state", lambda c, value: _size_before_start(
                c, [*value]))}),
    chunked("chunked-metadata-filled-up", SWIFT3, ("CHUNKED-020",),
            "Texts that lack are made up, and those too many ignored.",
            members={"meta_state": writes(own, SWIFT3, "meta_state", _lenient_of_any_length)}),
    chunked("chunked-metadata-strict", SWIFT4, ("CHUNKED-020",),
            "A text that is no integer is refused.", "mlx-lm",
            members={"meta_state": writes(own, SWIFT4, "meta_state", _no_number_is_refused)}),
    chunked("chunked-restored-unchunked", LM32, ("CHUNKED-018",), "The chunk size is not restored.",
            members={"from_state": restoring(own, LM32, lambda c: setattr(c, "chunk_size", 256))}),
    chunked("chunked-restored-empty", RS, ("CHUNKED-018",), "A restored cache starts at offset 0.",
            members={"from_state": restoring(own, RS, lambda c: setattr(c, "offset", 0))}),
    chunked("chunked-restored-first-row", LM31, ("CHUNKED-018",), "One row is restored.",
            members={"from_state": restoring(own, LM31, _first_row)}),
    chunked("chunked-restored-in-float32", LM32, ("CHUNKED-018",), "Restored tokens are float32.",
            members={"from_state": restoring(own, LM32, _in_float32)}),
    chunked("chunked-restored-start-bounded", LM31, ("CHUNKED-019",),
            "The start of a restored cache is at most its offset.",
            members={"from_state": restoring(own, LM31, _start_bounded)}),
    chunked("chunked-restored-offset-of-the-data", LM32, ("CHUNKED-019",),
            "The offset of a restored cache is what is stored.", "mlx-lm 0.31.3",
            members={"from_state": restoring(own, LM32, _offset_of_the_data)}),
    chunked("chunked-state-of-one-array", LM31, ("CHUNKED-021",), "One array is keys and values.",
            members={"state": writes(own, LM31, "state", _one_for_both)}),
    chunked("chunked-state-of-three-arrays", LM31, ("CHUNKED-021",), "Arrays too many are ignored.",
            members={"state": writes(own, LM31, "state", _first_arrays)}),
    chunked("chunked-state-of-no-arrays", RS, ("CHUNKED-021",), "No arrays empty the cache.",
            "mlxrs in other kinds", members={"state": writes(own, RS, "state", _none_is_empty)}),
    chunked("chunked-state-keeps-offset", LM31, ("CHUNKED-017",),
            "State that is assigned leaves the offset.",
            members={"state": writes(own, LM31, "state", _offset_stays),
                     "from_state": classmethod(_made)}),
    chunked("chunked-copy-shares", LM31, ("CHUNKED-022", "CHUNKED-023"),
            "A copy has the buffers of its original.", "copy.copy of an mlx-lm cache",
            members={"__reduce_ex__": altered_copy(share_arrays)}, sequence=True),
    chunked("chunked-copy-unchunked", SWIFT4, ("CHUNKED-022",), "A copy has no chunk size.",
            members={"copy": _unchunked(SWIFT4)}),
    chunked("chunked-copy-forgets-start", RS, ("CHUNKED-022",), "A copy starts at position 0.",
            members={"copy": _start_lost}),
    chunked("chunked-copy-sized", LM31, ("CHUNKED-022",), "A copy without chunk size has one of 0.",
            members={"__reduce_ex__": altered_copy(
                lambda c, twin: setattr(twin, "chunk_size", twin.chunk_size or 0))}),
    chunked("chunked-fetches-room", LM32, ("CHUNKED-024",), "Free room is read.",
            members={"keys_and_values": lambda c: (c.keys, c.values)}),
    chunked("chunked-fetches-by-offset", LM32, ("CHUNKED-024",),
            "Reading goes up to the chunk size.",
            members={"keys_and_values": lambda c: (
                head(c.keys, c.chunk_size), head(c.values, c.chunk_size))}),
    chunked("chunked-state-takes-a-token", LM31, ("CHUNKED-026",),
            "Reading the state takes a token back.",
            members={"state": reads(own, LM31, "state", _forgetting)}),
    chunked("chunked-materialize-resets", RS, ("CHUNKED-026",), "Materializing resets the offset.",
            members={"materialize": _room_goes}),
    chunked("chunked-label-without-size", RS, ("CHUNKED-027",),
            "One with a chunk size of 4 has another label.",
            members={"reference_class_name": property(
                lambda c: "ChunkedKVCache" if c.offset else "ChunkCache")}),
    chunked("chunked-label-when-restored", LM31, ("CHUNKED-027",),
            "What is restored has another label.",
            members={"from_state": classmethod(_of_another_class)}),
    chunked("chunked-quantized-at-another-offset", SWIFT3, ("CHUNKED-028",),
            "Conversion loses a position.", members={"to_quantized": _quantized}),
    chunked("chunked-quantized-by-what-is-stored", SWIFT4, ("CHUNKED-028",),
            "Conversion starts positions anew where the front was dropped.",
            members={"to_quantized": lambda c, group_size=64, bits=8: _anew(
                c, group_size, bits)}),
    chunked("chunked-size-is-offset", LM31, ("CHUNKED-017",), "The size is the offset.",
            members={"size": lambda c: c.offset}),
)  # fmt: skip
