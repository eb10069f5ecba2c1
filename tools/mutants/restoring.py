"""Wrong restoring: what becomes of arrays, metadata and label that could be read."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from conformance.mutants.alter import (
    Rule,
    altered,
    becomes,
    first,
    forget,
    then,
)
from conformance.mutants.catalogue import demonstration
from conformance.mutants.mutant import Mutant
from reference_impl import dialect_class
from reference_impl.integers import lenient_csv, swift_int32_array
from reference_impl.slots.rules import metadata, state
from reference_impl.slots.rules.construction import swift_slots
from tools.mutants.rules import restored_leniently, rule_of

_RS, _LM31, _LM32 = "mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32"
_SWIFT3, _SWIFT4 = "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"
_LM = "https://github.com/ml-explore/mlx-lm"
_SWIFT = "https://github.com/ml-explore/mlx-swift-lm"


def _assigned(change: Any) -> dict[str, Any]:
    """mlxrs's set_meta_state given other texts: `change(texts)`, unless they are legacy."""

    def write_meta(cache: Any, value: Any) -> None:
        texts = metadata.only_strings(value)
        metadata.place_strictly(cache, texts if texts in ([], [""]) else change(texts))

    return {"write_meta": write_meta}


def _placing(**names: Any) -> dict[str, Any]:
    return {"write_meta": altered(metadata.place_strictly, **names)}


def _restored(dialect: str, change: Any) -> dict[str, Any]:
    """from_state with something done to the cache that it gives."""
    rule = rule_of(dialect, "from_state")

    def restore(cls: Any, *parts: Any) -> Any:
        cache = rule(cls, *parts)
        change(cache)
        return cache

    return {"from_state": restore}


def _given(dialect: str, change: Any) -> dict[str, Any]:
    """from_state given other parts: `change(*parts)`."""
    rule = rule_of(dialect, "from_state")
    return {"from_state": lambda cls, *parts: rule(cls, *change(*parts))}


def _keep_padding(cache: Any, value: Any) -> None:
    before = cache.left_padding
    metadata.place_strictly(cache, value)
    if len(value) < 3:
        cache.left_padding = before


def _padding_first(cache: Any, value: Any) -> None:
    if len(value) > 2:
        cache.left_padding = swift_int32_array(lenient_csv(value[2]))
    metadata.place_strictly(cache, value)


def _empty_as_unset(cache: Any) -> None:
    if isinstance(cache.cache, list):
        cache.cache = [v if v is None or v.size else None for v in cache.cache]


def _refused_late(cache: Any, value: Any) -> None:
    if value:
        cache.cache = [None]
    metadata.refuse_truthy(cache, value)


def _clamped(arrays: Any, texts: list[str]) -> Any:
    rows = [",".join(str(max(-(2**31), min(v, 2**31 - 1))) for v in lenient_csv(text))
            for text in texts[2:]]  # fmt: skip
    return arrays, [*texts[:2], *rows]


def _slots_first(cache: Any, value: Any) -> None:
    before, cache.cache = cache.cache, []
    held = type(cache)(0)
    held.cache = before
    if list(value) in ([], [""]):
        cache.cache = before
        return
    metadata.place_strictly(held, value)
    cache.cache, cache.left_padding = held.cache, held.left_padding


def _sticky(cache: Any, value: Any) -> None:
    state.take_arrays(cache, value)
    if "_meta" in vars(cache):
        metadata.place_strictly(cache, cache._meta)


def _remembering(cache: Any, value: Any) -> None:
    metadata.place_strictly(cache, value)
    cache._meta = list(value)


def _by_value(order: Any) -> Any:
    """Present slots in another order, or fewer."""
    return lambda texts: [texts[0], ",".join(order(texts[1].split(","))), *texts[2:]]


def _by_recursion(texts: list[str], start: int = 0) -> list[str]:
    return texts[start : start + 1] + (
        _by_recursion(texts, start + 1) if start + 1 < len(texts) else [])  # fmt: skip


def _ordered(items: list[str]) -> list[str]:
    return sorted(items, key=int) if all(i.isascii() and i.isdigit() for i in items) else items


def _first_listed_wins(pairs: Any, *rest: Any, strict: bool = False) -> Any:
    return reversed(list(zip(pairs, *rest, strict=strict)))


def _strict_zip(arrays: Any, listed: Any, strict: bool = False) -> Any:
    arrays, listed = list(arrays), list(listed)
    if len(arrays) != len(listed):
        raise ValueError("as many arrays as listed slots are needed")
    return zip(arrays, listed, strict=True)


def _next_slot_without_array(arrays: Any, listed: Any, strict: bool = False) -> Any:
    count = max(listed, default=-1) + 1
    return zip(arrays, [*listed, *range(count, count + 64)], strict=False)


def _not_atomic(cache: Any, state_: Any, meta_state: Any) -> None:
    cache.lengths = None
    cache.state = state_
    cache.meta_state = meta_state


def _keeps_lengths(cache: Any, state_: Any, meta_state: Any) -> None:
    before = cache.lengths
    reference = dialect_class(_RS)
    reference.from_serialized(cache, state_, meta_state)
    cache.lengths = before


def _loses_label(cache: Any, state_: Any, meta_state: Any) -> None:
    dialect_class(_RS).from_serialized(cache, state_, meta_state)
    cache.class_label = "ArraysCache"


def _relabelled(change: Any) -> Rule:
    return lambda cls, own, label, state_, meta: own(change(label), state_, meta)


def _two_slots_for_mamba(cls: Any, own: Any, label: str, state_: Any, meta: Any) -> Any:
    made = own(label, state_, meta)
    if label == "MambaCache" and len(made.cache) != 2:
        raise ValueError("a MambaCache has 2 slots")
    return made


def _metadata_before_label(cls: Any, own: Any, label: str, state_: Any, meta: Any) -> Any:
    own("ArraysCache", state_, meta)
    return own(label, state_, meta)


def _lacks_rows(cache: Any) -> None:
    for name in ("left_padding", "lengths"):
        vars(cache).pop(name, None)


def _poisoned(cache: Any, value: Any) -> None:
    try:
        metadata.place_strictly(cache, value)
    except Exception:
        cache.cache = tuple(cache.cache)
        raise


def _listed_as_before(cache: Any) -> None:
    cache.cache = tuple(cache.cache)


def _swap_rows(cache: Any, value: Any) -> None:
    cache.cache, cache.lengths, cache.left_padding = value


def _tensors_only(cache: Any, value: Any) -> None:
    slots, cache.left_padding, cache.lengths = value
    cache.cache = state.arrays_only(slots)


MUTANTS = (
    # where the arrays go
    Mutant("no-metadata-refused", _RS, ("RESTORE-001",), "An empty list of metadata is refused.",
           rules={"write_meta": lambda c, v: metadata.place_strictly(c, v or ["", ""])}),
    Mutant("one-empty-string-refused", _RS, ("RESTORE-001",), "A single empty string is refused.",
           "mlx-lm 0.31", f"{_SWIFT}/pull/121",
           rules={"write_meta": lambda c, v: metadata.place_strictly(
               c, v if v != [""] else ["", ""])}),
    Mutant("legacy-has-no-slots", _SWIFT3, ("RESTORE-001", "RESTORE-005"),
           "Without slot metadata there are no slots.", "mlx-swift-lm before #121",
           f"{_SWIFT}/pull/121", rules=_restored(_SWIFT3, lambda c: None) | _given(
               _SWIFT3, lambda s, m: (s if len(m) > 1 else [], m))),
    Mutant("arrays-stay-packed", _RS, ("RESTORE-002", "META-007", "RESTORE-029", "REGR-003"),
           "The written slots are counted, and the arrays stay together.",
           "osaurus and ekryski, whose copy goes by way of state",
           rules=_assigned(_by_value(lambda items: [str(i) for i in range(len(items))]
                                     if items != [""] else items))),
    Mutant("count-from-the-last-slot", _RS, ("RESTORE-002", "RESTORE-029"),
           "There are as many slots as the last written one needs.",
           rules={"write_meta": then(metadata.place_strictly, lambda c: c.cache.__delitem__(slice(
               1 + max((i for i, s in enumerate(c.cache) if s is not None), default=-1), None)))}),
    demonstration("metadata-ignored"),
    Mutant("metadata-refused-late", _LM31, ("RESTORE-003",),
           "The slots are gone when metadata is refused.",
           rules={"write_meta": _refused_late}),
    Mutant("one-element-traps", _SWIFT4, ("RESTORE-005",), "Metadata of one element is a trap.",
           rules=_given(_SWIFT4, lambda s, m: (s, ["-1", ""] if len(m) == 1 and m[0] else m))),
    Mutant("negative-count-is-none", _SWIFT3, ("RESTORE-012",), "A negative count is no slots.",
           rules=restored_leniently(_SWIFT3, swift_slots=lambda n: [None] * n)),
    Mutant("negative-slot-skipped", _SWIFT4, ("RESTORE-012",), "A negative slot is skipped.",
           rules=restored_leniently(_SWIFT4, lenient_csv=lambda text: [
               i if i >= 0 else 1 << 62 for i in lenient_csv(text)])),
    Mutant("negative-slot-from-the-end", _SWIFT3, ("RESTORE-012",),
           "A negative slot counts from the end.", "Python's lists", rules=restored_leniently(
               _SWIFT3, Trap=lambda _: IndexError("negative slot"))),
    Mutant("huge-count-granted-nothing", _SWIFT4, ("RESTORE-012",),
           "A count that no memory holds is no slots.",
           rules=restored_leniently(
               _SWIFT4, swift_slots=lambda n: swift_slots(n if n < 1 << 44 else 0))),
    Mutant("padding-clamped", _SWIFT4, ("RESTORE-012",), "Padding outside Int32 is clamped.",
           rules=_given(_SWIFT4, _clamped)),
    Mutant("padding-kept-by-a-refusal", _RS, ("RESTORE-014", "HOSTILE-005"),
           "Left padding is set before the rest is checked.",
           rules={"write_meta": _padding_first}),
    Mutant("slots-gone-by-a-refusal", _RS, ("RESTORE-014", "HOSTILE-005"),
           "The slots are taken before the metadata is checked.",
           rules={"write_meta": _slots_first}),
    Mutant("refusal-freezes", _RS, ("HOSTILE-005",), "After a refusal no slot can be written.",
           rules={"write_meta": _poisoned}, sequence=True),
    Mutant("last-slot-out-of-range", _RS, ("RESTORE-016",), "A slot at the count is an error.",
           rules=_assigned(lambda t: t if not any(
               i == t[0] for i in t[1].split(",")) else [t[0], "x"])),
    Mutant("skipped-slot-keeps-its-array", _RS, ("RESTORE-016",),
           "A slot behind the count is skipped, and its array goes to the next one.",
           rules=_assigned(_by_value(lambda items: [i for i in items if i not in ("3", "5")]))),
    Mutant("as-many-arrays-as-slots", _RS, ("RESTORE-017",),
           "A number of arrays other than of listed slots is an error.",
           rules=_placing(zip=_strict_zip)),
    Mutant("further-arrays-appended", _RS, ("RESTORE-017",),
           "Arrays without a listed slot go behind the others.",
           rules=_placing(zip=_next_slot_without_array)),
    Mutant("slots-sorted", _RS, ("RESTORE-018",), "The listed slots are sorted.",
           rules=_assigned(_by_value(_ordered))),
    Mutant("first-of-a-slot-wins", _SWIFT3, ("RESTORE-018",),
           "Of a slot named twice the first array stays.",
           rules=restored_leniently(_SWIFT3, zip=_first_listed_wins)),
    # the other elements
    Mutant("padding-not-restored", _RS, ("RESTORE-019", "RESTORE-032"),
           "The third element is not read.", "osaurus",
           rules=_assigned(lambda t: [*t[:2], *([""] if t[2:3] == [""] else [])])),
    Mutant("missing-padding-stays", _RS, ("RESTORE-019",),
           "Without a third element left padding stays.", rules={"write_meta": _keep_padding}),
    Mutant("padding-limited-to-rows", _SWIFT4, ("RESTORE-032", "RESTORE-030", "RESTORE-033"),
           "Left padding is cut to the number of slots.", "mlxrs, which refuses what is beyond",
           rules=_restored(_SWIFT4, lambda c: None if c.left_padding is None else setattr(
               c, "left_padding", c.left_padding[: len(c.cache)]))),
    Mutant("empty-padding-is-one-zero", _SWIFT4, ("RESTORE-019",),
           "An empty third element is a left padding of 0.",
           rules=_given(_SWIFT4, lambda s, m: (s, [*m[:2], "0", *m[3:]] if m[2:3] == [""] else m))),
    Mutant("lengths-restored-as-padding", _SWIFT4, ("RESTORE-020", "RESTORE-034"),
           "The fourth element is read as left padding.", "Layr-Labs took an empty third for one",
           rules=_given(_SWIFT4, lambda s, m: (s, [*m[:2], m[3]] if len(m) > 3 else m))),
    Mutant("lengths-not-restored", _SWIFT4, ("RESTORE-034",), "The fourth element is not read.",
           "mlx-swift-lm 3.31.3, mlxrs", f"{_LM}/pull/1632",
           rules=_given(_SWIFT4, lambda s, m: (s, m[:3]))),
    Mutant("fifth-element-refused", _RS, ("RESTORE-020",), "More than four elements are refused.",
           rules=_assigned(lambda t: t if len(t) < 5 else ["x"])),
    Mutant("elements-by-recursion", _RS, ("HOSTILE-001",),
           "The elements of metadata are gone through by recursion, uncounted.",
           rules=_assigned(_by_recursion)),
    Mutant("lengths-cleared-by-metadata", _LM32, ("RESTORE-034", "RESTORE-028"),
           "A restored cache has no lengths.",
           rules=_restored(_LM32, forget("lengths"))),
    Mutant("legacy-clears-rows", _RS, ("RESTORE-021",), "Assigning metadata forgets the lengths.",
           rules={"write_meta": then(metadata.place_strictly, lambda c: setattr(
               c, "lengths", None if c.lengths is None else c.lengths - c.lengths))}),
    Mutant("only-written-slots-placed", _RS, ("RESTORE-022",),
           "Unwritten slots do not count among the arrays, and all arrays are reversed.",
           rules={"write_meta": first(becomes("cache", lambda c: c.cache[::-1]),
                                      metadata.place_strictly)}),
    Mutant("metadata-sticks", _RS, ("RESTORE-023",),
           "State assigned later is placed by old metadata.",
           rules={"write_state": _sticky, "write_meta": _remembering}, sequence=True),
    # whole caches
    Mutant("from-serialized-in-steps", _RS, ("RESTORE-024",),
           "from_serialized assigns state before it reads the metadata.",
           members={"from_serialized": _not_atomic}),
    Mutant("from-serialized-keeps-lengths", _RS, ("RESTORE-024",),
           "from_serialized keeps the old lengths.", members={"from_serialized": _keeps_lengths}),
    Mutant("from-serialized-loses-the-label", _RS, ("RESTORE-024",),
           "from_serialized makes an ArraysCache.", members={"from_serialized": _loses_label}),
    Mutant("restored-label-lost", _RS, ("RESTORE-025", "RESTORE-035"),
           "A restored MambaCache is an ArraysCache.", "mlx-lm since 0.30.6 refuses it",
           f"{_LM}/pull/842", restore=_relabelled(
               lambda label: "ArraysCache" if label == "MambaCache" else label)),
    Mutant("mamba-needs-two-slots", _SWIFT3, ("RESTORE-025",),
           "A MambaCache of another number of slots is refused.", restore=_two_slots_for_mamba),
    Mutant("any-label-is-arrays", _RS, ("RESTORE-026",), "An unknown label is an ArraysCache.",
           "mlx-lm looks any name up in its module", restore=_relabelled(
               lambda label: label if label == "MambaCache" else "ArraysCache")),
    Mutant("label-in-any-case", _SWIFT4, ("RESTORE-026",), "The case of a label does not count.",
           restore=_relabelled(lambda label: {"arrayscache": "ArraysCache", "mambacache":
                               "MambaCache"}.get(label.lower(), label))),
    Mutant("label-stripped", _RS, ("RESTORE-026",), "Spaces around a label pass.",
           restore=_relabelled(lambda label: label.strip())),
    Mutant("label-up-to-nul", _RS, ("HOSTILE-008",), "A label ends at a NUL.",
           "C strings",
           restore=_relabelled(lambda label: label.partition("\0")[0])),
    Mutant("label-after-metadata", _RS, ("RESTORE-026",), "Metadata is read before the label.",
           restore=_metadata_before_label),
    Mutant("restored-without-rows", _LM31, ("RESTORE-027", "RESTORE-036", "REGR-001"),
           "A restored cache has no attributes for left padding and lengths.",
           "mlx-lm 0.30.4 and before", f"{_LM}/pull/807", rules=_restored(_LM31, _lacks_rows)),
    Mutant("restored-without-holes", _LM31, ("RESTORE-027", "RESTORE-029", "REGR-003"),
           "Restoring drops the unset slots.", "mlx-lm could not save them",
           f"{_LM}/pull/1778", rules=_given(_LM31, lambda s, m: (
               [v for v in s if v is not None] if isinstance(s, list) else s, m))),
    Mutant("rows-swapped", _LM32, ("RESTORE-028", "RESTORE-034", "RESTORE-032"),
           "Left padding and lengths are taken in the wrong order.",
           rules={"write_state": _swap_rows}),
    Mutant("restored-tensors-only", _LM32, ("RESTORE-028", "RESTORE-029"),
           "Restoring refuses unset slots.", "mlx-lm before 0.32", f"{_LM}/pull/1778",
           rules={"write_state": _tensors_only}),
    Mutant("restored-in-float32", _RS, ("RESTORE-031",),
           "Restored tensors are float32.", "aosama/astronomical restored another precision",
           "https://github.com/aosama/astronomical/pull/65",
           rules={"write_state": then(state.take_arrays, lambda c: setattr(
               c, "cache", [v.astype(mx.float32) for v in c.cache]))}),
    Mutant("restored-one-sequence", _SWIFT4, ("RESTORE-030",), "One row of each slot is restored.",
           rules=_restored(_SWIFT4, lambda c: setattr(c, "cache", [
               v if v is None or not v.ndim else v[:1] for v in c.cache]))),
    Mutant("restored-with-an-axis", _RS, ("HOSTILE-006",), "Restored scalars become rows.",
           rules={"write_state": then(state.take_arrays, lambda c: setattr(
               c, "cache", [mx.atleast_1d(v) for v in c.cache]))}),
    Mutant("restored-without-empty-axes", _LM31, ("HOSTILE-006",),
           "Restored tensors of no elements are unset.",
           "mlx-lm in August 2026, which saved None as one",
           rules=_restored(_LM31, _empty_as_unset)),
    Mutant("restored-frozen", _SWIFT3, ("RESTORE-036", "REGR-003"),
           "The slots of a restored cache cannot be written.",
           rules=_restored(_SWIFT3, _listed_as_before), sequence=True),
    Mutant("round-trip-once", _RS, ("RESTORE-037",),
           "A restored cache writes the metadata that it was restored from without its holes.",
           rules={"write_meta": _remembering, "read_meta": lambda c:
                  metadata.slots_and_padding(c) if "_meta" not in vars(c) else
                  [str(len(state.compacted(c))), *metadata.slots_and_padding(c)[1:]]},
           sequence=True),
    Mutant("no-slots-not-restored", _SWIFT4, ("REGR-004",), "A cache without slots gets one.",
           "lemonade and higgs have a fixed number", rules=_restored(_SWIFT4, lambda c: setattr(
               c, "cache", c.cache or [None]))),
)  # fmt: skip
