"""Ways to read and write prompt-cache files wrongly, and to leave the rest alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conformance.transport.reference_files import ReferenceFiles

Loaded = dict[str, Any]


@dataclass(frozen=True)
class WrongFiles:
    """What an adapter takes for its files."""

    load: Callable[[str], Loaded]
    save: Callable[[str, list[Any], dict[str, str]], None]
    resave: Callable[[str], None]


Wrong = Callable[[ReferenceFiles], WrongFiles]


def reading(read: Callable[[ReferenceFiles, str], Loaded]) -> Wrong:
    """Files that are read by `read`, which gets the right way to do it too."""
    return lambda own: WrongFiles(lambda path: read(own, path), own.save, own.resave)


def finding(change: Callable[[Loaded], Loaded]) -> Wrong:
    """Files in which `change` of what is there is found."""
    return reading(lambda own, path: change(own.load(path)))


def finding_in_each(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Wrong:
    """The same for every cache that is not a list."""

    def changed(cache: dict[str, Any]) -> dict[str, Any]:
        if "caches" in cache:
            return {**cache, "caches": [changed(child) for child in cache["caches"]]}
        return change(cache)

    return finding(lambda all_: {**all_, "caches": [changed(each) for each in all_["caches"]]})


def with_slots(change: Callable[[list[Any]], list[Any]]) -> Wrong:
    """Files in whose slot caches `change` of the slots is found."""
    return finding_in_each(lambda c: {**c, "slots": change(c["slots"])} if "slots" in c else c)


def writing(write: Callable[[ReferenceFiles, str, list[Any], dict[str, str]], None]) -> Wrong:
    """Files that are written by `write`, which gets the right way to do it too."""
    return lambda own: WrongFiles(
        own.load,
        lambda path, caches, user_metadata: write(own, path, caches, user_metadata),
        own.resave,
    )


def resaving(resave: Callable[[ReferenceFiles, str], None]) -> Wrong:
    """Files that are saved over themselves by `resave`."""
    return lambda own: WrongFiles(own.load, own.save, lambda path: resave(own, path))


def other_layout(other: str) -> Callable[..., None]:
    """For `writing`: as another dialect writes."""
    return lambda own, *arguments: ReferenceFiles(other).save(*arguments)
