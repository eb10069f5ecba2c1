"""Mistakes that no single operation shows are found, and the printed case tells them apart."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conformance.engine.runner import Run
from conformance.engine.suite import Suite
from conformance.engine.verdict import Status
from conformance.fixtures.load import load_suite
from conformance.kinds import KINDS
from conformance.properties.breaches import try_law
from conformance.properties.comparison import Comparison
from conformance.properties.finding import Finding
from conformance.properties.kind_properties import laws_of, properties_of
from conformance.properties.profiles import PropertyChoice, Tries
from conformance.properties.search import disagreeing, search
from conformance.transport import connect
from conformance.transport.restarting import RestartingBackend
from tools.mutants import named
from tools.mutants.backend import opened, over_stdio

ROOT = Path(__file__).resolve().parent.parent.parent
# What is wrong is stale or shared: it shows in a later operation, or in another cache.
INVISIBLE = (
    "slot-lists-pooled", "copy-shares-the-list", "copy-shares-the-arrays", "batch-size-remembered",
    "advance-in-place", "merge-of-one-shares", "metadata-sticks", "meta-of-the-first-time",
    "refusal-freezes", "from-serialized-keeps-lengths",
)  # fmt: skip
# law -> a mutant that breaks it
BROKEN = {
    "construction": "padding-not-below-zero", "writing": "write-reaches-the-neighbour",
    "reading": "mask-moves-on", "batch-size": "fresh-batch-size-is-0",
    "byte-count": "nbytes-with-padding", "copy-isolation": "copy-shares-the-arrays",
    "state": "state-has-holes", "metadata": "meta-counts-from-1", "mask": "mask-inverted",
    "mask-moves-on": "advance-by-one", "advance-adds-up": "advance-stops-at-zero",
    "prepare-and-finalize": "finalize-empties-slots", "restore-of-save": "arrays-stay-packed",
    "replay": "padding-not-restored", "metadata-places": "slots-sorted",
    "refusal-leaves": "slots-gone-by-a-refusal", "state-assigned": "assigning-state-forgets-rows",
    "filter": "filter-in-order", "filter-composes": "filter-in-order", "extend": "extend-in-front",
    "extend-in-any-grouping": "extend-in-front", "extract-of-merge": "merge-backwards",
    "extend-is-merge": "merge-backwards",
    "kv-appending": "kv-newest-in-front", "kv-trimming": "kv-trim-from-the-front",
    "kv-restoring": "kv-restored-in-float32", "kv-copying": "kv-copy-shares",
    "kv-looking": "kv-mask-takes-a-token", "kv-masking": "kv-mask-of-the-chunk",
    "concatenate-appending": "concat-newest-in-front",
    "concatenate-restoring": "concat-restored-in-float32",
    "concatenate-copying": "concat-copy-at-the-start",
    "concatenate-looking": "concat-mask-takes-a-token",
    "concatenate-masking": "concat-mask-of-the-chunk",
    "rotating-appending": "ring-wraps-to-the-front", "rotating-trimming": "ring-trim-leaves-index",
    "rotating-restoring": "ring-restored-index-lost", "rotating-copying": "ring-copy-shares",
    "rotating-looking": "ring-offset-is-a-size",
    "rotating-masking": "ring-mask-counts-whole-window",
    "chunked-appending": "chunked-newest-in-front",
    "chunked-trimming": "chunked-trim-from-the-front",
    "chunked-restoring": "chunked-restored-unchunked", "chunked-copying": "chunked-copy-shares",
    "chunked-looking": "chunked-mask-takes-a-token",
    "chunked-masking": "chunked-mask-of-the-kept",
    "batch-kv-appending": "batch-kv-newest-in-front",
    "batch-kv-trimming": "batch-kv-trims-no-offset",
    "batch-kv-masking": "batch-kv-padding-seen", "batch-kv-ending": "batch-kv-never-finalized",
    "batch-kv-leaving": "batch-kv-filter-sorts", "batch-kv-joining": "batch-kv-joined-in-front",
    "batch-kv-copying": "batch-kv-copy-is-itself", "batch-kv-looking": "batch-kv-mask-counts",
    "batch-rotating-appending": "batch-rotating-overwrites-newest",
    "batch-rotating-trimming": "batch-rotating-trims-no-index",
    "batch-rotating-masking": "batch-rotating-padding-seen",
    "batch-rotating-ending": "batch-rotating-never-finalized",
    "batch-rotating-leaving": "batch-rotating-filter-sorts",
    "batch-rotating-joining": "batch-rotating-joined-in-front",
    "batch-rotating-copying": "batch-rotating-copy-is-itself",
    "batch-rotating-looking": "batch-rotating-looking-appends",
}  # fmt: skip


LAWS = laws_of(KINDS)
# Of kinds without laws: sequences alone find these.
DRAWN_ALONE = ("quantized-first-scale-for-all", "list-backwards")


@pytest.fixture(scope="module")
def suite():
    return load_suite()


class Opened:
    """A mutant beside the reference in its dialect."""

    def __init__(self, suite, name: str) -> None:
        self.dialect = suite.dialect(named(name).dialect)
        self.session = RestartingBackend(lambda: opened(named(name)))
        reference = connect("reference", self.dialect.id)
        self.comparison = Comparison(reference, self.session, self.dialect, suite.kinds)

    def __enter__(self):
        return self.comparison

    def __exit__(self, *_: object) -> None:
        self.session.close()
        self.comparison.reference.close()


def found(comparison: Comparison):
    """The first disagreement within the default profile."""
    for part in PropertyChoice("default", 1).parts(KINDS):
        if part.tries is Tries.SEQUENCES:
            disagreement, _ = search(comparison, KINDS[part.kind], part.seed, part.count)
            if disagreement is not None:
                return disagreement
    return None


def judged(suite: Suite, backend: str, dialect: str, case: str):
    run = Run(suite, backend, dialect)
    try:
        return run.verdict(suite.cases[case])
    finally:
        run.close()


def test_invisible_mistakes_are_found_and_their_cases_can_be_pasted(suite, tmp_path):
    """All in one copy of the fixtures, as loading a copy takes seconds."""
    folder = tmp_path / "fixtures"
    shutil.copytree(ROOT / "fixtures", folder)
    chapter = folder / "chapters" / "regressions.yaml"
    text, printed = chapter.read_text(), {}
    for name in INVISIBLE:
        with Opened(suite, name) as comparison:
            disagreement = found(comparison)
            assert disagreement is not None, f"{name} survived the default profile"
            finding = Finding(disagreement, comparison, suite, "a test")
            assert finding.verdict().status is Status.FAIL, name
            acting = [call for call in disagreement.drawn.calls[1:] if call.op != "snapshot"]
            assert 2 <= len(acting) <= 7, f"{name}: not short, or visible to single operations"
        if finding.case.id not in printed.values():
            text += finding.yaml
        printed[name] = finding.case.id
    chapter.write_text(text)
    pasted = load_suite(folder)  # loads and lints
    for name, case in printed.items():
        where = named(name).dialect, case
        assert judged(pasted, over_stdio(named(name)), *where).status is Status.FAIL, name
        assert judged(pasted, "reference", *where).status is Status.PASS, name


@pytest.mark.parametrize("name", DRAWN_ALONE)
def test_a_kind_without_laws_is_drawn(name, suite):
    kind = KINDS[named(name).kind]
    assert not properties_of(kind).laws
    with Opened(suite, name) as comparison:
        assert disagreeing(comparison, kind).first(0, 40) is not None


@pytest.mark.parametrize("law", LAWS)
def test_every_law_can_be_broken(law, suite):
    kind, tried = LAWS[law]
    with Opened(suite, BROKEN[law]) as comparison:
        breach, _ = try_law(tried, comparison, kind, 0, 100)
    assert breach is not None
    assert breach.why


@pytest.mark.parametrize("dialect", ["mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32",
                                     "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"])  # fmt: skip
def test_the_reference_keeps_every_law(dialect, suite):
    chosen = suite.dialect(dialect)
    session = RestartingBackend(lambda: connect("reference", dialect))
    with connect("reference", dialect) as model:
        comparison = Comparison(model, session, chosen, KINDS)
        kept = [
            (kind, law) for kind, law in LAWS.values()
            if not law.not_applicable(kind, chosen, comparison.operations)
        ]  # fmt: skip
        for kind, law in kept:
            breach, tried = try_law(law, comparison, kind, 0, 20)
            assert breach is None, f"{law.id}: {breach.why if breach else ''}"
            assert tried.trials
    session.close()
    assert len(kept) >= 15


def test_requirements_of_laws_and_operations_are_there(suite):
    cited = {r for _, law in LAWS.values() for r in law.requires}
    for kind in KINDS:
        for name in kind.steps if properties_of(kind).drawing else ():
            operation = kind.operations[name]
            assert operation.about, f"{operation.wire}: no requirement is about it"
            cited |= {operation.about, *operation.about_in.values()}
            cited |= {operation.apart} if operation.apart else set()
    assert cited <= set(suite.requirements)
