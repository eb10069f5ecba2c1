"""Backends that are wrong in how they behave, not in what they answer. Loaded with `py:`."""

from __future__ import annotations

from typing import Any, ClassVar

from reference_impl import ArraysCache, from_state

__all__ = [
    "HungryBy200", "HungryByHalf", "Leaks", "LoadsCode", "LoadsCodeForLongTexts", "from_state"
]  # fmt: skip

MEGABYTE = 1024 * 1024


class _Wasteful(ArraysCache):
    """Does something with memory before it looks at its metadata."""

    @property
    def meta_state(self) -> Any:
        return ArraysCache.meta_state.fget(self)

    @meta_state.setter
    def meta_state(self, value: Any) -> None:
        self.waste(value)
        ArraysCache.meta_state.fset(self, value)

    def waste(self, value: Any) -> None:
        raise NotImplementedError


class _Hungry(_Wasteful):
    """Allocates, and touches, so many bytes."""

    appetite = 0

    def waste(self, value: Any) -> None:
        bytearray(self.appetite)[::4096] = b"x" * (self.appetite // 4096)


class LoadsCode(_Wasteful):
    """Keeps what its first call took, as a library does that it loads; later calls take nothing."""

    loaded: ClassVar[bytearray | None] = None

    def waste(self, value: Any) -> None:
        if type(self).loaded is None:
            type(self).loaded = bytearray(b"x" * (30 * MEGABYTE))


class LoadsCodeForLongTexts(LoadsCode):
    """The same at the first text beyond 100,000 letters; no ordinary case has one."""

    loaded = None

    def waste(self, value: Any) -> None:
        if len(str(value)) > 100_000:
            super().waste(value)


class Leaks(_Wasteful):
    """Keeps thirty megabytes more with each call, in small pieces."""

    kept: ClassVar[list[bytes]] = []

    def waste(self, value: Any) -> None:
        self.kept.extend(b"%0300d" % number for number in range(90_000))


class HungryBy200(_Hungry):
    appetite = 200 * MEGABYTE


class HungryByHalf(_Hungry):
    appetite = MEGABYTE // 2
