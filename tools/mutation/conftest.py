"""For a run of suite*.py alone, as mutmut makes it; other runs only pass by."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from types import ModuleType

import pytest

from conformance.engine.case import LARGE

# What notices most for its time first: a mutant is dropped at the first test that notices it.
ORDER = ("test_hostile", "test_reader", "test_writer", "test_cases", "test_hostile_reader")
REFERENCE = "reference_impl"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Most telling tests first, cases that take long last."""
    if _ours(items):
        items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    name = item.name.partition("[")[0]
    if item.name.startswith(f"test_cases[{LARGE}-"):
        return len(ORDER) + 1
    return ORDER.index(name) if name in ORDER else len(ORDER)


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is imported before a mutant is chosen is not mutated."""
    if _ours(session.items) and REFERENCE in sys.modules:
        raise pytest.UsageError("collecting the cases imported the reference")


@pytest.fixture(autouse=True)
def fresh_import(request: pytest.FixtureRequest) -> None:
    """While mutmut learns which test reaches what, each test imports the reference for itself."""
    if os.environ.get("MUTANT_UNDER_TEST") == "stats":
        forget_reference([request.module])


def forget_reference(modules: Iterable[ModuleType]) -> None:
    """The next test imports the reference anew; `modules` of tests keep sessions with it."""
    for name in [name for name in sys.modules if name.split(".")[0] == REFERENCE or _holds(name)]:
        del sys.modules[name]
    for module in modules:
        if sessions := getattr(module, "session", None):
            sessions.cache_clear()


def _holds(name: str) -> bool:
    """Whether a module of the suite keeps something of the reference that it was imported with."""
    held = vars(sys.modules[name]).values() if name.startswith("conformance.") else ()
    return any(str(getattr(each, "__module__", "")).startswith(REFERENCE) for each in held)


def _ours(items: list[pytest.Item]) -> bool:
    return bool(items) and all(item.path.name.startswith("suite") for item in items)
