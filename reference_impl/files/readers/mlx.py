"""What lies between a reader or writer and the file: mlx's own safetensors, and C strings."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import mlx.core as mx

from reference_impl.errors import CacheError
from reference_impl.files.content import Flat


class MlxOp(CacheError, RuntimeError):
    """An error of mlx, as mlxrs gives it."""

    fields = ("message",)
    template = "{message}"


class MLXError(CacheError, RuntimeError):
    """An error of mlx, as Swift throws it."""

    fields = ("message",)
    template = "{message}"


class InteriorNul(CacheError, ValueError):
    """A text that must pass through C has a NUL in it."""

    fields = ("context", "input")
    template = "{context}: {input} has an interior NUL"


T = TypeVar("T")
Texts = Mapping[str, str]


class Passage(NamedTuple):
    """How an implementation reaches mlx. `error`: what an error of mlx becomes. `saves_empty`:
    whether tensors without elements can be saved, which mlx does since 0.32.1. `merged`: which keys
    of a table are one and the same. `checked`: refuses metadata that cannot be saved.
    """

    error: Callable[[str], Exception]
    saves_empty: bool = True
    merged: Callable[[str], str] | None = None
    cuts: bool = False
    checked: Callable[[Texts], None] | None = None

    def read(self, flat: Flat) -> Flat:
        """What comes out of a file; raises what mlx raises instead."""
        if any(tensor.dtype == mx.float64 for tensor in flat.tensors.values()):
            raise self.error("[safetensor] unsupported dtype F64")
        return self._passed(flat)

    def saved(self, flat: Flat) -> Flat:
        """What gets into a file; raises what mlx raises instead."""
        if self.checked is not None:
            self.checked(flat.metadata)
        for key, tensor in flat.tensors.items():
            if not tensor.size and not self.saves_empty:
                raise self.error(f"[save_safetensors] cannot serialize an empty array: {key}")
            if tensor.dtype == mx.float64:
                raise self.error("[save_safetensors] received invalid dtype.")
        return self._passed(flat)

    def _passed(self, flat: Flat) -> Flat:
        if not self.cuts:
            return flat
        texts = {key: _c_string(text) for key, text in self._table(flat.metadata).items()}
        return Flat(self._table(flat.tensors), texts)

    def _table(self, table: Mapping[str, T]) -> dict[str, T]:
        if self.merged is None:
            return {_c_string(key): value for key, value in table.items()}
        merged = {self.merged(key): (key, value) for key, value in table.items()}
        return {_c_string(key): value for key, value in merged.values()}


def _c_string(text: str) -> str:
    """A text that passes through C ends at its first NUL."""
    return text.partition("\0")[0]


def _refuse_nul(metadata: Texts) -> None:
    for key, value in metadata.items():
        if "\0" in key + value:
            raise InteriorNul("io::save_safetensors", "key" if "\0" in key else "value")


def _canonical(key: str) -> str:
    """Swift takes canonically equal texts for equal."""
    return unicodedata.normalize("NFC", key)


PYTHON = Passage(RuntimeError)
RUST = Passage(MlxOp, saves_empty=False, cuts=True, checked=_refuse_nul)
SWIFT = Passage(MLXError, saves_empty=False, merged=_canonical, cuts=True)
