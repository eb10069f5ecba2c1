"""Wrong readers and writers of prompt-cache files."""

from __future__ import annotations

import builtins
import json
import re
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conformance.mutants.catalogue import demonstration
from conformance.mutants.mutant import Mutant
from conformance.mutants.wrong_files import (
    Loaded,
    Wrong,
    finding,
    finding_in_each,
    other_layout,
    reading,
    resaving,
    with_slots,
    writing,
)
from conformance.transport.reference_files import STRICT, ReferenceFiles
from reference_impl.files.errors import BadContainer

_RS, _LM31, _LM32 = "mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32"
_SWIFT3, _SWIFT4 = "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"
_LM = "https://github.com/ml-explore/mlx-lm/pull"
_NOTHING: dict[str, Any] = {"caches": [], "user_metadata": {}}
_EMPTIED = resaving(lambda own, path: own.save(path, [], {}))

def _read_after(change: Callable[[bytes], bytes]) -> Wrong:
    """Files whose bytes are changed before they are read."""

    def read(own: ReferenceFiles, path: str) -> Loaded:
        twin = Path(path + ".twin")
        twin.write_bytes(change(Path(path).read_bytes()))
        return own.load(str(twin))

    return reading(read)


def _with_header(change: Callable[[dict[str, Any]], None]) -> Callable[[bytes], bytes]:
    """The same file with another header, where it has one that can be read."""

    def changed(data: bytes) -> bytes:
        end = 8 + int.from_bytes(data[:8], "little")
        try:
            header = json.loads(data[8:end])
            change(header)
            size = max(v["data_offsets"][1] for k, v in header.items() if k != "__metadata__")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return data
        text = json.dumps(header).encode()
        return len(text).to_bytes(8, "little") + text + data[end : end + size]

    return changed


def _to_the_shortest(header: dict[str, Any]) -> None:
    labels = sum(key.startswith("2.") for key in header["__metadata__"])
    for key in [key for key in header if key.partition(".")[0].isdecimal()]:
        if int(key.partition(".")[0]) >= labels:
            del header[key]


def _any_name(header: dict[str, Any]) -> None:
    for key, label in header["__metadata__"].items():
        if key.startswith("2.") and (hasattr(builtins, label) or hasattr(typing, label)):
            header["__metadata__"][key] = "ArraysCache"


def _filled_up(data: bytes) -> bytes:
    end = 8 + int.from_bytes(data[:8], "little")
    if len(data) < 8 or end > len(data):
        return data
    try:
        entries = json.loads(data[8:end]).items()
        size = max(v["data_offsets"][1] for k, v in entries if k != "__metadata__")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return data
    return data.ljust(end + min(size, 1 << 20), b"\0")


def _wide(tensor: Any) -> Any:
    if tensor is None or tensor["dtype"] != "bfloat16":
        return tensor
    pairs = [tensor["data"][i : i + 4] for i in range(0, len(tensor["data"]), 4)]
    return {**tensor, "dtype": "float32", "data": "".join("0000" + pair for pair in pairs)}


def _quiet_zero(tensor: Any) -> Any:
    if tensor is None or tensor["dtype"] != "float32":
        return tensor
    return {**tensor, "data": tensor["data"].replace("00000080", "00000000")}


def _nothing_instead(damaged: bool) -> Callable[[ReferenceFiles, str], Loaded]:
    """Nothing for a file that is no safetensors file; or for one that is, and holds no caches."""

    def read(own: ReferenceFiles, path: str) -> Loaded:
        try:
            return own.load(path)
        except Exception as error:
            if isinstance(error, BadContainer) is damaged:
                return _NOTHING
            raise

    return read


def _part_of_a_foreign_one(own: ReferenceFiles, path: str) -> Loaded:
    try:
        return own.load(path)
    except Exception:
        whole = ReferenceFiles(STRICT).load(path)
        return {**whole, "caches": whole["caches"][:-1]}


def _as_many_as_it_says(own: ReferenceFiles, path: str) -> Loaded:
    try:
        return own.load(path)
    except Exception:
        data = Path(path).read_bytes()
        text = data[8 : 8 + int.from_bytes(data[:8], "little")]
        found = re.search(rb'"0\.0\.0":"([0-9]{1,10})"', text)
        if found is None or int(found[1]) < 1 << 16:  # another layout, and no huge number
            raise
        slots = [None] * min(int(found[1]), 1 << 21)  # more would only take longer
        cache = {"class_name": "ArraysCache", "slots": slots, "left_padding": None, "lengths": None}
        return {"caches": [cache], "user_metadata": {}}


def _weights_are_empty(own: ReferenceFiles, path: str) -> Loaded:
    data = Path(path).read_bytes()
    header = data[8 : 8 + int.from_bytes(data[:8], "little")]
    return _NOTHING if b"Cache" not in header and b"0.0" in header else own.load(path)


def _one_level(cache: dict[str, Any]) -> list[Any]:
    return [leaf for child in cache.get("caches", [cache]) for leaf in child.get("caches", [child])]


def _flat(all_: Loaded) -> Loaded:
    caches = [{**c, "caches": _one_level(c)} if "caches" in c else c for c in all_["caches"]]
    return {**all_, "caches": caches}


def _zeros_for_holes(
    own: ReferenceFiles, path: str, caches: list[Any], user_metadata: dict[str, str]
) -> None:
    empty = {"dtype": "float32", "shape": [0], "data": ""}
    filled = [
        {**c, "slots": [empty if slot is None else slot for slot in c["slots"]]}
        if "slots" in c else c for c in caches
    ]  # fmt: skip
    own.save(path, filled, user_metadata)


def _never_fails(
    own: ReferenceFiles, path: str, caches: list[Any], user_metadata: dict[str, str]
) -> None:
    try:
        own.save(path, caches, user_metadata)
    except Exception:
        own.save(path, [], user_metadata)


def _rows(cache: dict[str, Any], **rows: Any) -> dict[str, Any]:
    return {**cache, **rows} if "slots" in cache else cache


MUTANTS = (
    Mutant("file-of-one-cache-is-empty", _RS, ("FILE-001",),
           "A file of one cache is a cache of no layers.",
           "mlx-lm, with files of other versions", f"{_LM}/1778",
           files=finding(lambda all_: _NOTHING if len(all_["caches"]) == 1 else all_)),
    Mutant("file-nothing-if-unreadable", _RS, ("FILE-013", "FILE-014", "FILE-015"),
           "A sound safetensors file that cannot be read is a cache of no layers.", "mlx-lm",
           f"{_LM}/1778", files=reading(_nothing_instead(damaged=False))),
    Mutant("file-nothing-if-damaged", _RS, ("FILE-012",),
           "A damaged file is a cache of no layers, as if there were none.",
           files=reading(_nothing_instead(damaged=True))),
    Mutant("file-caches-backwards", _LM32, ("FILE-001",), "The last cache comes first.",
           files=finding(lambda all_: {**all_, "caches": all_["caches"][::-1]})),
    Mutant("file-last-cache-lost", _SWIFT4, ("FILE-001",), "The last of several caches is lost.",
           files=finding(lambda all_: {**all_, "caches": all_["caches"][:-1] or all_["caches"]})),
    demonstration("file-holes-close"),
    demonstration("file-holes-lost"),
    Mutant("file-holes-are-empty-tensors", _LM32, ("FILE-002",),
           "The placeholder of an unset slot is taken for its value.", files=with_slots(
               lambda slots: [slot or {"dtype": "float32", "shape": [0], "data": ""}
                              for slot in slots])),
    Mutant("file-bfloat16-widened", _LM31, ("FILE-003",), "bfloat16 is read as float32.",
           files=with_slots(lambda slots: [_wide(slot) for slot in slots])),
    Mutant("file-negative-zero-lost", _LM32, ("FILE-003",), "-0.0 is read as 0.0.",
           files=with_slots(lambda slots: [_quiet_zero(slot) for slot in slots])),
    Mutant("file-lengths-lost", _LM32, ("FILE-004",), "Lengths are not read.",
           files=finding_in_each(lambda cache: _rows(cache, lengths=None))),
    Mutant("file-padding-as-lengths", _RS, ("FILE-004",), "Left padding is read into lengths.",
           files=finding_in_each(lambda cache: _rows(
               cache, lengths=cache.get("left_padding"), left_padding=None))),
    Mutant("file-mamba-relabelled", _SWIFT4, ("FILE-005",), "A MambaCache becomes an ArraysCache.",
           files=finding_in_each(lambda cache: {**cache, "class_name": cache[
               "class_name"].replace("MambaCache", "ArraysCache")})),
    Mutant("file-lists-flattened", _LM31, ("FILE-006",), "A list in a list is spread out in it.",
           files=finding(_flat)),
    Mutant("file-metadata-lost", _RS, ("FILE-007",), "The user's metadata is not read.",
           files=finding(lambda all_: {**all_, "user_metadata": {}})),
    Mutant("file-keys-as-values", _LM31, ("FILE-008",), "Keys are read into values too.",
           files=finding_in_each(lambda cache: {**cache, "values": cache["keys"]}
                                  if "keys" in cache else cache)),
    Mutant("file-offset-is-the-room", _LM32, ("FILE-008",),
           "The offset of a key/value cache is the length of its tensors, spare room included.",
           files=finding_in_each(lambda cache: {**cache, "numbers": {
               **cache["numbers"], "offset": cache["keys"][0]["shape"][2]}}
               if cache.get("keys") else cache)),
    Mutant("file-ring-index-lost", _LM31, ("FILE-008",),
           "The place where a RotatingKVCache writes next is read as 0.",
           files=finding_in_each(lambda cache: {**cache, "numbers": {**cache["numbers"], "idx": 0}}
                                  if "idx" in cache.get("numbers", {}) else cache)),
    Mutant("file-scales-for-biases", _LM31, ("FILE-008",),
           "Scales and biases of a quantized cache change places.", files=finding_in_each(
               lambda cache: {**cache, "keys": cache["keys"][:1] + cache["keys"][:0:-1]}
               if len(cache.get("keys", ())) > 2 else cache)),
    Mutant("file-part-of-another-layout", _RS, ("FILE-009",),
           "Of a file of another layout, all caches but the last are read.",
           files=reading(_part_of_a_foreign_one)),
    demonstration("file-saved-as-0-31"),
    Mutant("file-saved-without-metadata", _SWIFT3, ("FILE-010",),
           "The user's metadata is not saved.", files=writing(
               lambda own, path, caches, metadata: own.save(path, caches, {}))),
    Mutant("file-emptied-by-saving-over-it", _LM31, ("FILE-017",),
           "What was loaded is saved over its file as a file of no caches, without an error.",
           files=_EMPTIED),
    Mutant("file-saved-over-keeps-no-cache", _LM32, ("FILE-017",),
           "A file has no caches any more after what was loaded from it is saved over it.",
           files=_EMPTIED),
    Mutant("file-of-an-older-release-emptied", "mlx-lm-0.30.5", ("FILE-017",),
           "A release that has MambaCache saves what it loaded over its file as no caches.",
           files=_EMPTIED),
    Mutant("file-not-saved", _RS, ("FILE-010",), "Nothing is written.",
           files=writing(lambda own, *arguments: None)),
    Mutant("file-lengths-not-saved", _SWIFT4, ("FILE-010",), "Lengths are not saved.",
           files=writing(other_layout(_SWIFT3))),
    Mutant("file-holes-saved-empty", _LM31, ("FILE-011",),
           "An unset slot is saved as a tensor of no elements.", files=writing(_zeros_for_holes)),
    Mutant("file-saving-never-fails", _LM31, ("FILE-011",),
           "What has no place is left out of the file, without an error.",
           files=writing(_never_fails)),
    Mutant("file-filled-up-with-zeros", _RS, ("FILE-012",),
           "A file that was cut within its tensors is read with zeros in their place.",
           files=_read_after(_filled_up)),
    Mutant("file-tensors-beyond-classes", _RS, ("FILE-013",),
           "Caches beyond the number of classes are dropped.", "mlx-lm",
           files=_read_after(_with_header(_to_the_shortest))),
    Mutant("file-weights-are-no-layers", _RS, ("FILE-014",),
           "A file of weights is a cache of no layers.", files=reading(_weights_are_empty)),
    Mutant("file-slots-as-many-as-it-says", _LM31, ("FILE-013", "FILE-016"),
           "There are as many slots as a forged file says, whatever it takes.", "mlx-swift-lm",
           files=reading(_as_many_as_it_says)),
    Mutant("file-class-by-any-name", _RS, ("FILE-015",),
           "A class label is looked up among the names of the language.", "mlx-lm",
           files=_read_after(_with_header(_any_name))),
)  # fmt: skip
