"""For a run of suite.py alone, as mutmut makes it; other runs only pass by."""

from __future__ import annotations

import sys

import pytest

from conformance.mutants.kills import LARGE


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick cases first: a mutant is dropped at the first case that notices it."""
    if _ours(items):
        items.sort(key=lambda item: item.name.startswith(f"test_cases[{LARGE}-"))


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is imported before a mutant is chosen is not mutated."""
    if _ours(session.items) and "reference_impl" in sys.modules:
        raise pytest.UsageError("collecting the cases imported the reference")


def _ours(items: list[pytest.Item]) -> bool:
    return all(item.path.name == "suite.py" for item in items)
