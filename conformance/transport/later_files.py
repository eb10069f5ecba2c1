"""The reference's prompt-cache files, for a run that may ask nothing of them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.transport.reference_files import ReferenceFiles


class LaterFiles:
    """The reference's prompt-cache files in a dialect, whose code is imported when one is asked."""

    def __init__(self, dialect: str) -> None:
        self._dialect = dialect

    @cached_property
    def _files(self) -> ReferenceFiles:
        from conformance.transport.reference_files import ReferenceFiles

        return ReferenceFiles(self._dialect)

    def save(self, path: str, caches: list[Any], user_metadata: dict[str, str]) -> None:
        """As the dialect's writer."""
        self._files.save(path, caches, user_metadata)

    def resave(self, path: str) -> None:
        """As the dialect's reader and writer."""
        self._files.resave(path)

    def load(self, path: str) -> dict[str, Any]:
        """As the dialect's reader."""
        return self._files.load(path)
