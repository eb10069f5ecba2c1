"""Dialects of other releases: the cases that they were made for, and new ones like them."""

from __future__ import annotations

import sys

import pytest

from conformance.engine.plan import applicability
from conformance.engine.runner import Run
from conformance.engine.verdict import Status
from conformance.fixtures.load import load_suite
from reference_impl.dialects import dialect_class, lineage
from tests.support.dialects import MAIN

SUITE = load_suite()
OTHERS = [name for name in SUITE.dialects if name not in MAIN]
SLOW = {"large", "hostile"}


def decided(name):
    """The operations that the modules of a dialect and of other releases before it decide."""
    modules = [sys.modules[dialect_class(each).__module__] for each in lineage(name)
               if each not in MAIN]  # fmt: skip
    classes = [
        found for module in modules for found in vars(module).values()
        if isinstance(found, type) and found.__module__ == module.__name__
    ]  # fmt: skip
    return {operation for found in classes for operation in vars(found)}


def concerned(name):
    """The cases that apply, with an operation that the dialect decides."""
    dialect, own = SUITE.dialects[name], decided(name)
    return [
        case for case in SUITE.cases.values()
        if not SLOW & set(case.tags) and applicability(case, dialect) is None
        and own & {step.operation.wire.rpartition(".")[2] for step in case.steps}
    ]  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_the_reference_follows_them_where_they_part_from_their_parents(name):
    """A new case may have another outcome in one of them: `dialect capture --id NAME` writes it."""
    cases = concerned(name)
    assert cases
    run = Run(SUITE, "reference", name)
    try:
        failed = {case.id: run.verdict(case).status for case in cases}
    finally:
        run.close()
    assert {name: status for name, status in failed.items() if status is not Status.PASS} == {}, (
        f"run dialect capture --backend {SUITE.dialects[name].backend} --id {name}"
    )
