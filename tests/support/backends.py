"""Backends that are wrong in how they behave, not in what they answer. Loaded with `py:`."""

from __future__ import annotations

from typing import Any, ClassVar

from reference_impl import ArraysCache, from_state

__all__ = [
    "HungryBy200", "HungryByHalf", "Leaks", "LoadsCode", "LoadsCodeForLongTexts", "from_state"
]  # fmt: skip

MEGABYTE = 1024 * 1024


class _Hungry(ArraysCache):
    """Allocates, and touches, so many bytes before it looks at its metadata."""

    appetite = 0

    @property
    def meta_state(self) -> Any:
        return ArraysCache.meta_state.fget(self)

    @meta_state.setter
    def meta_state(self, value: Any) -> None:
        bytearray(self.appetite)[::4096] = b"x" * (self.appetite // 4096)
        ArraysCache.meta_state.fset(self, value)


class LoadsCode(_Hungry):
    """Keeps what its first call took, as a library does that it loads; later calls take nothing."""

    loaded: bytearray | None = None

    @property
    def meta_state(self) -> Any:
        return ArraysCache.meta_state.fget(self)

    @meta_state.setter
    def meta_state(self, value: Any) -> None:
        if LoadsCode.loaded is None:
            LoadsCode.loaded = bytearray(b"x" * (30 * MEGABYTE))
        ArraysCache.meta_state.fset(self, value)


class LoadsCodeForLongTexts(_Hungry):
    """Keeps what the first text beyond 100,000 letters took; no ordinary case has one."""

    loaded: bytearray | None = None

    @property
    def meta_state(self) -> Any:
        return ArraysCache.meta_state.fget(self)

    @meta_state.setter
    def meta_state(self, value: Any) -> None:
        if len(str(value)) > 100_000 and LoadsCodeForLongTexts.loaded is None:
            LoadsCodeForLongTexts.loaded = bytearray(b"x" * (30 * MEGABYTE))
        ArraysCache.meta_state.fset(self, value)


class Leaks(_Hungry):
    """Keeps thirty megabytes more with each call, in small pieces."""

    kept: ClassVar[list[bytes]] = []

    @property
    def meta_state(self) -> Any:
        return ArraysCache.meta_state.fget(self)

    @meta_state.setter
    def meta_state(self, value: Any) -> None:
        self.kept.extend(b"%0300d" % number for number in range(90_000))
        ArraysCache.meta_state.fset(self, value)


class HungryBy200(_Hungry):
    appetite = 200 * MEGABYTE


class HungryByHalf(_Hungry):
    appetite = MEGABYTE // 2
