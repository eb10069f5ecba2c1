"""Typed errors of prompt-cache files. Each one names the key that is to blame and the reason.

`key` is a tensor key or metadata key of the file, or `file`, `header`, `data` for its frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from reference_impl.errors import CacheError

_SHOWN = 60


def shown(text: str) -> str:
    """A text of the file as an error may quote it: escaped, and short whatever its length."""
    quoted = ascii(text[:_SHOWN])
    return quoted if len(text) <= _SHOWN else f"{quoted}... ({len(text)} characters)"


class PromptCacheError(CacheError, ValueError):
    """Base of everything that is wrong with a file, or with what it was asked to hold."""

    fields: ClassVar[tuple[str, ...]] = ("key", "reason")
    template = "{key}: {reason}"

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(key if 0 < len(key) <= _SHOWN else shown(key), reason)


class BadContainer(PromptCacheError):
    """The file is no well-formed safetensors file."""


class BadCache(PromptCacheError):
    """A well-formed safetensors file does not hold the caches that its layout promises."""


class UnknownClass(BadCache):
    """A class label that is not one of the cache classes."""


class UnknownLayout(PromptCacheError):
    """No layout fits the keys; the reason says what was seen."""


class TooLarge(PromptCacheError):
    """A count of the file is above a limit; raised before anything is allocated for it."""

    fields = ("key", "reason", "cap_name", "cap", "observed")

    def __init__(self, key: str, cap_name: str, cap: int, observed: int) -> None:
        reason = f"{observed} is above {cap_name} = {cap}"
        CacheError.__init__(self, key, reason, cap_name, cap, observed)


class CannotHold(PromptCacheError):
    """A layout cannot hold some of the content; `losses` has one (key, reason) each.

    `final` are those of them that have no place even where losses are allowed.
    """

    fields = ("key", "reason", "losses", "final")

    def __init__(
        self,
        layout: str,
        losses: Sequence[tuple[str, str]],
        final: Sequence[tuple[str, str]] = (),
    ) -> None:
        reason = "; ".join(f"{key}: {reason}" for key, reason in losses)
        rows = ([list(loss) for loss in some] for some in (losses, final))
        CacheError.__init__(self, layout, reason, *rows)
