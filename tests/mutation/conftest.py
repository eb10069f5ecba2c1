"""For a run of suite*.py alone, as mutmut makes it; other runs only pass by."""

from __future__ import annotations

import os
import sys

import pytest

from conformance.mutants.kills import LARGE

HOLDING = "conformance.backends.reference_files"  # imports the reference as it is imported


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick cases first: a mutant is dropped at the first case that notices it."""
    if _ours(items):
        items.sort(key=lambda item: item.name.startswith(f"test_cases[{LARGE}-"))


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is imported before a mutant is chosen is not mutated."""
    if _ours(session.items) and "reference_impl" in sys.modules:
        raise pytest.UsageError("collecting the cases imported the reference")


@pytest.fixture(autouse=True)
def fresh_import(request: pytest.FixtureRequest) -> None:
    """While mutmut learns which test reaches what, each test imports the reference for itself."""
    if os.environ.get("MUTANT_UNDER_TEST") != "stats":
        return
    for name in [name for name in sys.modules if name.split(".")[0] == "reference_impl"]:
        del sys.modules[name]
    sys.modules.pop(HOLDING, None)
    if sessions := getattr(request.module, "session", None):
        sessions.cache_clear()


def _ours(items: list[pytest.Item]) -> bool:
    return bool(items) and all(item.path.name.startswith("suite") for item in items)
