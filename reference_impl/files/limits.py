"""What a whole file may make the reader allocate. Real files stay far below every one of these."""

from __future__ import annotations

from reference_impl.files.errors import TooLarge

# A header may be half of the file and this much more: user metadata of megabytes beside little data
# exists, a file of nothing but header does not.
MAX_HEADER_BYTES = 4 << 20
# Tensors of a file, and entries of its metadata table.
MAX_KEYS = 1 << 14
MAX_RANK = 16
# Slots of all caches of a file together. An unset slot costs the file nothing, so that a few
# bytes a cache could otherwise ask for gigabytes.
MAX_FILE_SLOTS = 1 << 20
# Sequences of a batch, where a text lists them.
MAX_ROWS = 1 << 16
# CacheList in CacheList.
MAX_DEPTH = 16
MAX_CLASS_NAME = 64


def header_limit(size: int) -> int:
    """How long the header of a file of that size may be."""
    return MAX_HEADER_BYTES + size // 2


class Slots:
    """Counts the slots of a file whose text says how many there are. Where each slot has a tensor,
    MAX_KEYS bounds them.
    """

    def __init__(self) -> None:
        self._seen = 0

    def take(self, key: str, count: int) -> int:
        """`count`, if the file may still have that many slots; else TooLarge."""
        self._seen += count
        if self._seen > MAX_FILE_SLOTS:
            raise TooLarge(key, "MAX_FILE_SLOTS", MAX_FILE_SLOTS, self._seen)
        return count


def check_depth(key: str, depth: int) -> None:
    """TooLarge when CacheLists are nested deeper than MAX_DEPTH."""
    if depth > MAX_DEPTH:
        raise TooLarge(key, "MAX_DEPTH", MAX_DEPTH, depth)
