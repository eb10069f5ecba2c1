"""Wrong quantized caches: serialized form, copies, conversion, what a cache says of itself."""

from __future__ import annotations

from functools import partial
from typing import Any

import mlx.core as mx

from conformance.mutants.mutant import Mutant
from reference_impl import cache_classes
from reference_impl.quantized import rules
from reference_impl.tokens import own as own_arrays
from tools.mutants.plain import LM31, LM32, RS, SWIFT3, SWIFT4, UPDATE
from tools.mutants.quantized import changed_parts, own, quantized
from tools.mutants.shared import (
    alias,
    altered_copy,
    copied,
    reads,
    restoring,
    share_arrays,
    writes,
)

_kv = partial(Mutant, kind="kv", label="KVCache")


def _plain(dialect: str) -> Any:
    return cache_classes(dialect)["KVCache"]


# State and metadata


def _whole(c: Any) -> Any:
    own(LM31).state.fget(c)  # an empty cache fails as ever
    return c.keys, c.values


def _values_first(c: Any) -> Any:
    found = own(RS).state.fget(c)
    half = len(found) // 2
    return [*found[half:], *found[:half]]


def _takes_one_back(c: Any) -> Any:
    found = own(LM32).state.fget(c)
    c.offset = max(c.offset - 1, 0)
    return found


def _bits_first(c: Any) -> Any:
    return tuple(map(str, (c.offset, c.bits, c.group_size)))


def _any_number(c: Any, value: Any) -> None:
    c.offset, c.group_size, c.bits = (int(text) for text in [*value[-3:], "0", "0", "0"][:3])


def _first_three(c: Any, value: Any) -> None:
    own(RS).meta_state.fset(c, value[:3] if len(value) > 4 else value)


def _lenient(c: Any, value: Any) -> None:
    own(LM31).meta_state.fset(c, [text if text.isdecimal() else "8" for text in value])


def _of_a_file_before(c: Any, value: Any) -> None:
    own(LM31).meta_state.fset(c, value[-3:])


def _no_step_needed(c: Any, value: Any) -> None:
    own(SWIFT4).meta_state.fset(c, value[:4] if len(value) > 3 else ["256", *value])


def _with_step_alone(c: Any, value: Any) -> None:
    own(RS).meta_state.fset(c, [value[0]] if len(value) == 4 else value)


def _offset_of_the_file(cls: Any, state: Any, meta: Any) -> Any:
    made = own(RS).from_state.__func__(cls, state, meta)
    made.offset = int(meta[-3])
    return made


def _cut_to_what_is_there(c: Any) -> None:
    if c.keys is not None:
        c.offset = min(c.offset, c.keys[0].shape[2])


def _first_six(c: Any, value: Any) -> None:
    own(RS).state.fset(c, list(value)[: len(value) // 2 * 2])


def _first_two(c: Any, value: Any) -> None:
    c.keys, c.values = list(value)[:2]


def _some(c: Any, value: Any) -> None:
    if not len(value):
        raise ValueError("a state without arrays")
    own(RS).state.fset(c, value)


def _six_alone(c: Any, value: Any) -> None:
    rules.take_flat(c, value if len(value) == 6 else [])


def _fills_up(c: Any, value: Any) -> None:
    value = [*value, *value[-1:]][:6] if len(value) % 2 else value
    own(SWIFT3).state.fset(c, value)


def _none_is_empty(c: Any, value: Any) -> None:
    if value:
        own(LM31).state.fset(c, value)
    else:
        c.keys = c.values = None


def _five_alone(c: Any, value: Any) -> None:
    own(LM32).state.fset(c, [*value, c.group_size, c.bits][-5:] if len(value) > 5 else value)


# Restoring


def _first_row_of_tokens(c: Any) -> None:
    changed_parts(c, lambda part: part[..., :1, :])


def _usual_parameters(c: Any) -> None:
    c.group_size, c.bits = 64, 8


def _refuse_empty(c: Any) -> None:
    if c.keys is None:
        raise AttributeError("a cache without tokens")


def _with_buffers(c: Any) -> None:
    if c.keys is None:
        c.keys = c.values = [mx.zeros((1, 1, 0, 1))] * 3


def _bits_of_the_arrays(c: Any) -> None:
    if c.keys is not None:
        words, groups = c.keys[0].shape[-1], c.keys[1].shape[-1]
        c.bits = 32 * words // (groups * c.group_size)


# Copies


def _usual_twin(c: Any) -> Any:
    twin = type(c)()
    twin.state = own_arrays(c.state)
    twin.offset = c.offset
    return twin


def _sharing(c: Any) -> Any:
    twin = alias(c)
    twin.keys, twin.values = (None if half is None else list(half) for half in (c.keys, c.values))
    return twin


def _kept_state(c: Any) -> Any:
    vars(c)["_kept"] = own(RS).state.fget(c)
    return vars(c)["_kept"]


def _emptying_it(c: Any, keys: Any, values: Any) -> Any:
    vars(c).pop("_kept", []).clear()
    return own(RS).update_and_fetch(c, keys, values)


# Conversion


def _in_eight_bits(c: Any, group_size: Any = 64, bits: Any = 4) -> Any:
    return _plain(LM31).to_quantized(c, group_size, 8)


def _one_token_short(c: Any, group_size: Any = 64, bits: Any = 4) -> Any:
    made = _plain(LM32).to_quantized(c, group_size, bits)
    made.offset = max(made.offset - 1, 0)
    return made


def _of_all_room(c: Any, group_size: Any = 64, bits: Any = 4) -> Any:
    made = _plain(LM31).to_quantized(c, group_size, bits)
    made.offset = 0 if c.keys is None else c.keys.shape[2]
    return made


def _values_like_keys(c: Any, group_size: Any = 64, bits: Any = 4) -> Any:
    made = _plain(SWIFT4).to_quantized(c, group_size, bits)
    made.values = made.keys
    return made


def _emptied(c: Any, group_size: Any = 64, bits: Any = 4) -> Any:
    made = _plain(LM32).to_quantized(c, group_size, bits)
    c.keys, c.values, c.offset = None, None, 0
    return made


def _narrower(c: Any, group_size: Any = 64, bits: Any = 4) -> Any:
    width = group_size if c.keys is None else c.keys.shape[-1]
    return _plain(LM31).to_quantized(c, min(group_size, width), bits)


def _window_converted(c: Any, group_size: Any = 64, bits: Any = 4) -> Any:
    made = c.classes["QuantizedKVCache"](group_size, bits)
    if c.keys is not None:
        made.update_and_fetch(c.keys, c.values)
    return made


def _window_emptied(c: Any, group_size: Any = 64, bits: Any = 4) -> Any:
    c.keys, c.values = c.keys[..., :1, :], c.values[..., :1, :]
    raise NotImplementedError("a cache with a window is not quantized")


MUTANTS = (
    quantized("quantized-state-with-room", LM31, ("QUANTIZED-014",), "Free room is saved.",
              members={"state": reads(own, LM31, "state", _whole)}),
    quantized("quantized-state-values-first", RS, ("QUANTIZED-014",),
              "The parts of the values stand first.",
              members={"state": reads(own, RS, "state", _values_first)}),
    quantized("quantized-state-takes-a-token", LM32, ("QUANTIZED-015",),
              "Saving takes a token back.",
              members={"state": reads(own, LM32, "state", _takes_one_back)}),
    quantized("quantized-bits-before-group", LM31, ("QUANTIZED-014",),
              "Metadata has bits before group size.",
              members={"meta_state": reads(own, LM31, "meta_state", _bits_first)}),
    quantized("quantized-metadata-of-three", SWIFT4, ("QUANTIZED-014",),
              "Metadata lacks the step.", "mlxrs",
              members={"meta_state": reads(own, SWIFT4, "meta_state", lambda c: list(
                  rules.three_texts(c)))}),
    quantized("quantized-metadata-with-step", RS, ("QUANTIZED-014",), "Metadata has the step.",
              "mlx-lm before 0.28.1", members={
                  "meta_state": reads(own, RS, "meta_state", rules.four_texts)}),
    quantized("quantized-restored-as-usual", SWIFT4, ("QUANTIZED-015",),
              "A restored cache has group size 64 and 8 bits.", "mlx-swift-lm 3.31.3",
              members={"from_state": restoring(own, SWIFT4, _usual_parameters)}),
    quantized("quantized-restored-at-the-start", LM31, ("QUANTIZED-015",),
              "A restored cache is at offset 0.",
              members={"from_state": restoring(own, LM31, lambda c: setattr(c, "offset", 0))}),
    quantized("quantized-restored-first-token", RS, ("QUANTIZED-015",),
              "The first token is restored.",
              members={"from_state": restoring(own, RS, _first_row_of_tokens)}),
    quantized("quantized-empty-not-restored", LM32, ("QUANTIZED-016",),
              "A cache without tokens is not restored.", "mlx-lm 0.31",
              members={"from_state": restoring(own, LM32, _refuse_empty)}),
    quantized("quantized-empty-needs-arrays", RS, ("QUANTIZED-016", "QUANTIZED-019"),
              "State of no arrays is refused.", members={"state": writes(own, RS, "state", _some)}),
    quantized("quantized-metadata-of-any-length", LM31, ("QUANTIZED-017",),
              "Numbers that are missing are 0.",
              members={"meta_state": writes(own, LM31, "meta_state", _any_number)}),
    quantized("quantized-metadata-cut", RS, ("QUANTIZED-017",), "Texts too many are ignored.",
              members={"meta_state": writes(own, RS, "meta_state", _first_three)}),
    quantized("quantized-metadata-lenient", LM31, ("QUANTIZED-017",),
              "What is no number is 8.",
              members={"meta_state": writes(own, LM31, "meta_state", _lenient)}),
    quantized("quantized-metadata-of-a-file-before", LM31, ("QUANTIZED-017",),
              "A step before the three numbers is passed over.",
              members={"meta_state": writes(own, LM31, "meta_state", _of_a_file_before)}),
    quantized("quantized-metadata-without-step", SWIFT4, ("QUANTIZED-017",),
              "Metadata of any length from three on is taken.",
              members={"meta_state": writes(own, SWIFT4, "meta_state", _no_step_needed)}),
    quantized("quantized-step-refused", RS, ("QUANTIZED-017",), "A step in metadata is refused.",
              members={"meta_state": writes(own, RS, "meta_state", _with_step_alone)}),
    quantized("quantized-offset-of-the-file", RS, ("QUANTIZED-017",),
              "An offset beyond the tokens is believed.", "mlx-lm",
              members={"from_state": classmethod(_offset_of_the_file)}),
    quantized("quantized-bits-of-the-arrays", LM31, ("QUANTIZED-018",),
              "Bits are those of the arrays, whatever the metadata says.",
              members={"from_state": restoring(own, LM31, _bits_of_the_arrays)}),
    quantized("quantized-bits-of-the-arrays-in-rust", RS, ("QUANTIZED-018",),
              "Bits are those of the arrays, whatever the metadata says.",
              members={"from_state": restoring(own, RS, _bits_of_the_arrays)}),
    quantized("quantized-odd-state-cut", RS, ("QUANTIZED-019",), "The last of an odd number of "
              "arrays is ignored.", members={"state": writes(own, RS, "state", _first_six)}),
    quantized("quantized-state-of-two-or-more", LM31, ("QUANTIZED-019",),
              "The first two of any number of things are the state.",
              members={"state": writes(own, LM31, "state", _first_two)}),
    quantized("quantized-state-filled-up", SWIFT3, ("QUANTIZED-019",),
              "An array that is missing is the one before it.",
              members={"state": writes(own, SWIFT3, "state", _fills_up)}),
    quantized("quantized-state-needs-biases", SWIFT4, ("QUANTIZED-019",),
              "State without biases is refused.",
              members={"state": writes(own, SWIFT4, "state", _six_alone)}),
    quantized("quantized-no-state-is-empty", LM31, ("QUANTIZED-019",),
              "State of no arrays empties the cache.", "mlxrs",
              members={"state": writes(own, LM31, "state", _none_is_empty)}),
    quantized("quantized-state-of-the-last-five", LM32, ("QUANTIZED-019",),
              "Things too many are ignored.",
              members={"state": writes(own, LM32, "state", _five_alone)}),
    quantized("quantized-copy-shares", LM31, ("QUANTIZED-020",),
              "A copy has the buffers of its original.", "copy.copy of an mlx-lm cache",
              members={"__reduce_ex__": copied(_sharing)}, sequence=True),
    quantized("quantized-copy-shares-arrays", LM32, ("QUANTIZED-020",),
              "A copy has the arrays of its original.",
              members={"__reduce_ex__": altered_copy(share_arrays)}, sequence=True),
    quantized("quantized-copy-as-usual", SWIFT4, ("QUANTIZED-020",),
              "A copy has group size 64 and 8 bits.",
              members={"copy": lambda c: _usual_twin(c) if c.keys else type(c)()}),
    quantized("quantized-copy-is-itself", RS, ("QUANTIZED-020",), "A copy is the original.",
              members={"copy": lambda c: c}, sequence=True),
    quantized("quantized-state-is-live", RS, ("QUANTIZED-020",),
              "What was handed out for a file is emptied by the next token.",
              members={"state": reads(own, RS, "state", _kept_state), UPDATE: _emptying_it},
              sequence=True),
    _kv("kv-quantized-in-eight-bits", LM31, ("QUANTIZED-021",), "Conversion takes 8 bits.",
        members={"to_quantized": _in_eight_bits}),
    _kv("kv-quantized-one-token-short", LM32, ("QUANTIZED-021",), "Conversion loses a token.",
        members={"to_quantized": _one_token_short}),
    _kv("kv-quantized-with-room", LM31, ("QUANTIZED-021",), "Conversion counts free room.",
        members={"to_quantized": _of_all_room}),
    _kv("kv-quantized-values-like-keys", SWIFT4, ("QUANTIZED-021",),
        "Values are converted to keys.", members={"to_quantized": _values_like_keys}),
    _kv("kv-quantized-and-emptied", LM32, ("QUANTIZED-021",),
        "Conversion empties the plain cache.", members={"to_quantized": _emptied}),
    _kv("kv-quantized-in-narrower-groups", LM31, ("QUANTIZED-022",),
        "A group wider than the head becomes the head.", members={"to_quantized": _narrower}),
    Mutant("rotating-quantized", LM31, ("QUANTIZED-023",), "A window is converted.",
           kind="rotating", label="RotatingKVCache",
           members={"to_quantized": _window_converted}),
    Mutant("rotating-quantizing-cuts", LM32, ("QUANTIZED-023",),
           "A refused conversion leaves one token.", kind="rotating", label="RotatingKVCache",
           members={"to_quantized": _window_emptied}),
    quantized("quantized-label-of-rust", RS, ("QUANTIZED-024",),
              "The label is StandardQuantizedKvCache.",
              members={"reference_class_name": "StandardQuantizedKvCache"}),
    quantized("quantized-empty-with-one", LM31, ("QUANTIZED-024",),
              "A cache with one token is empty.", members={"empty": lambda c: c.offset <= 1}),
    quantized("quantized-bytes-need-tokens", RS, ("QUANTIZED-024",),
              "An empty cache cannot say its bytes.",
              members={"nbytes": property(rules.bytes_of_buffers)}),
    quantized("quantized-size-is-offset", LM32, ("QUANTIZED-024",), "The size is the offset.",
              members={"size": lambda c: c.offset}),
    quantized("quantized-has-a-greatest-size", RS, ("QUANTIZED-024",),
              "The greatest size is a step.", members={"max_size": property(lambda c: c.step)}),
    quantized("quantized-fetches-room", LM32, ("QUANTIZED-025",), "Free room is read.",
              members={"keys_and_values": lambda c: (c.keys, c.values)}),
)  # fmt: skip
