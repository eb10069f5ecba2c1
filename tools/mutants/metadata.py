"""Wrong metadata: what is written beside the state."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from conformance.mutants.alter import altered
from conformance.mutants.mutant import Mutant
from reference_impl.slots.rules import metadata

_RS, _LM31 = "mlxrs-0.1", "mlx-lm-0.31"
_SWIFT3, _SWIFT4 = "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"


def _written(change: Any) -> dict[str, Any]:
    """[slot count, written slots, left padding?], changed; `change` sees cache and texts."""
    return {"read_meta": lambda cache: change(cache, metadata.slots_and_padding(cache))}


def _remembered(cache: Any) -> list[str]:
    if "_meta" not in vars(cache):
        cache._meta = metadata.slots_and_padding(cache)
    texts: list[str] = cache._meta
    return texts


def _lengths_in_the_first_free_place(cache: Any) -> list[str]:
    texts = metadata.slots_and_padding(cache)
    lengths = cache.lengths
    return texts if lengths is None else [*texts, ",".join(map(str, lengths.tolist()))]


def _forget_padding(cache: Any) -> list[str]:
    texts = metadata.slots_and_padding(cache)
    cache.left_padding = None
    return texts


MUTANTS = (
    Mutant("meta-counts-from-1", _RS, ("META-001", "META-007"), "Written slots count from 1.",
           rules=_written(lambda c, t: [t[0], ",".join(
               str(i + 1) for i, s in enumerate(c.cache) if s is not None), *t[2:]])),
    Mutant("meta-descends", _SWIFT4, ("META-001",), "Written slots are listed from the last.",
           rules=_written(lambda c, t: [t[0], ",".join(t[1].split(",")[::-1]), *t[2:]])),
    Mutant("meta-lists-holes", _RS, ("META-001",), "The unwritten slots are listed.",
           rules=_written(lambda c, t: [t[0], ",".join(
               str(i) for i, s in enumerate(c.cache) if s is None), *t[2:]])),
    Mutant("meta-counts-written-slots", _RS, ("META-001", "META-007", "RESTORE-029"),
           "The slot count is that of the written slots.", "osaurus and ekryski, when copying",
           rules=_written(lambda c, t: [str(sum(s is not None for s in c.cache)), *t[1:]])),
    Mutant("meta-with-spaces", _SWIFT3, ("META-001",), "Numbers are joined by comma and space.",
           rules=_written(lambda c, t: [text.replace(",", ", ") for text in t])),
    Mutant("meta-with-trailing-comma", _RS, ("META-001",), "Every number is followed by a comma.",
           rules=_written(lambda c, t: [t[0], *(text and text + "," for text in t[1:])])),
    Mutant("meta-is-a-list", _LM31, ("META-001",), "The metadata is a list of no strings.",
           rules={"read_meta": lambda c: []}),
    Mutant("meta-of-two-slots", _LM31, ("META-001",), "The metadata is that of mlxrs.",
           "mlxrs, whose files mlx-lm refuses", rules={"read_meta": metadata.slots_and_padding}),
    Mutant("meta-with-none", _RS, ("META-002",), "Unset left padding is written as None.",
           rules=_written(lambda c, t: t if len(t) > 2 else [*t, "None"])),
    Mutant("meta-always-of-three", _SWIFT3, ("META-001", "META-007"),
           "Unset left padding is an empty string.",
           rules=_written(lambda c, t: t if len(t) > 2 else [*t, ""])),
    Mutant("meta-without-padding", _RS, ("META-002", "RESTORE-032", "META-006", "REGR-002"),
           "Left padding is not written.", "osaurus, without slot metadata",
           rules=_written(lambda c, t: t[:2])),
    Mutant("meta-padding-of-one", _RS, ("META-002",), "Left padding of the first sequence only.",
           rules=_written(lambda c, t: [*t[:2], *(text.partition(",")[0] for text in t[2:])])),
    Mutant("meta-lengths-third", _SWIFT4, ("META-003",),
           "Lengths without left padding are the third string.",
           rules={"read_meta": _lengths_in_the_first_free_place}),
    Mutant("meta-without-lengths", _SWIFT4, ("META-003", "RESTORE-034", "META-006", "REGR-002"),
           "Lengths are not written.",
           "mlx-swift-lm 3.31.3, ekryski, Layr-Labs",
           rules={"read_meta": metadata.slots_and_padding}),
    Mutant("meta-with-lengths", _RS, ("META-003",), "Lengths are the fourth string.",
           "mlx-swift-lm 3.31.4", rules={"read_meta": metadata.slots_padding_and_lengths}),
    Mutant("meta-of-empty-padding-is-zero", _SWIFT3, ("META-004",),
           "Left padding of no sequences is written as 0.",
           rules=_written(lambda c, t: t if t[2:] != [""] else [*t[:2], "0"])),
    Mutant("meta-of-the-first-time", _RS, ("META-005",), "Metadata is kept from its first reading.",
           rules={"read_meta": _remembered}, sequence=True),
    Mutant("reading-meta-takes-padding", _SWIFT4, ("META-005",),
           "Reading metadata takes the left padding out of the cache.",
           rules={"read_meta": _forget_padding}),
    Mutant("meta-through-float32", _RS, ("RESTORE-032",), "Left padding is written from float32.",
           rules={"read_meta": altered(metadata.slots_and_padding, rows_csv=lambda rows: None
                  if rows is None else ",".join(
                      str(int(v)) for v in rows.astype(mx.float32).tolist()))}),
)  # fmt: skip
