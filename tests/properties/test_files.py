"""Drawn contents of prompt-cache files: who keeps them, and which mistakes they find."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from conformance.calls import Refused, Returned
from conformance.engine.verdict import Status
from conformance.filetools.model import FileCase
from conformance.fixtures import yamlfile
from conformance.fixtures.load import load_suite
from conformance.kinds import KINDS
from conformance.kinds.files.contents import whole_of
from conformance.kinds.files.exchange import FileSearch, is_better
from conformance.properties import driver
from conformance.properties.comparison import Comparison
from conformance.properties.profiles import PropertyChoice, Tries
from conformance.transport import connect
from conformance.transport.restarting import RestartingBackend
from tools.mutants import named
from tools.mutants.backend import opened

DIALECTS = ("mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32", "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4")
# mutant -> where it shows, and a requirement that is cited
MISTAKES = {
    "file-holes-close": ("load of the reference's file", "FILE-002"),
    "file-mamba-relabelled": ("load of the reference's file", "FILE-005"),
    "file-lists-flattened": ("load of the reference's file", "FILE-006"),
    "file-metadata-lost": ("load of the reference's file", "FILE-007"),
    "file-scales-for-biases": ("load of the reference's file", "FILE-008"),
    "file-saved-without-metadata": ("the saved file", "FILE-010"),
    "file-saving-never-fails": ("save", "FILE-011"),
}


@pytest.fixture(scope="module")
def suite():
    return load_suite()


def search(suite, backend: str, dialect: str, count: int = 100):
    """Of the first part of the quick profile."""
    return searched(suite, lambda: connect(backend, dialect), dialect, count, parts=1)


def searched(suite, start, dialect: str, count: int = 100, parts: int = 2):
    """Of the quick profile, up to the first find."""
    all_ = [p for p in PropertyChoice("quick", 0).parts(KINDS) if p.tries is Tries.OWN]
    session = RestartingBackend(start)
    with connect("reference", dialect) as model:
        comparison = Comparison(model, session, suite.dialect(dialect), KINDS)
        for part in all_[:parts]:
            found, *drawn = FileSearch().run(comparison, part.seed, count)
            if found is not None:
                break
    session.close()
    return found, drawn


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_reference_keeps_what_is_drawn_and_draws_it_again(dialect, suite):
    found, drawn = search(suite, "reference", dialect, 50)
    assert found is None
    assert drawn[0] == 50
    if dialect == "mlxrs-0.1":
        assert search(suite, "reference", dialect, 50)[1] == drawn


@pytest.mark.parametrize(
    ("version", "dialect"), [("0.31.3", "mlx-lm-0.31"), ("0.32.2", "mlx-lm-0.32")]
)
def test_the_releases_keep_them(version, dialect, suite):
    found, _ = search(suite, f"pypi:mlx-lm=={version}", dialect)
    assert found is None


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found(name, suite, monkeypatch):
    monkeypatch.setattr(driver, "SHRINK_SECONDS", 0.4)
    found, _ = searched(suite, lambda: opened(named(name)), named(name).dialect)
    assert found is not None, f"{name} survived the quick profile"
    where, requirement = MISTAKES[name]
    assert found.where == where
    assert requirement in found.requires
    assert set(found.requires) <= set(suite.requirements)
    assert found.status is Status.FAIL


EMPTY_SLOTS = {"caches": [{"class_name": "ArraysCache", "slots": []},
                          {"class_name": "KVCache", "keys": {"float32": [[[[1]]]]},
                           "values": {"float32": [[[[2]]]]}}], "user_metadata": {}}  # fmt: skip


@pytest.mark.parametrize(
    ("dialect", "own", "got", "taken"),
    [
        ("mlx-lm-0.32", "wrong", Refused("ValueError", "{} is not a list of slots", {}), True),
        ("mlx-lm-0.32", "wrong", "whole", True),
        ("mlx-lm-0.32", "whole", Refused("ValueError", "no", {}), False),
        ("mlx-lm-0.32", "wrong", Refused("Trap", "it dies", {}), False),
        ("mlx-lm-0.32", "wrong", "no file", False),
        ("mlx-lm-0.32", Refused("KeyError", "1", {}), Refused("ValueError", "1", {}), True),
        ("mlx-lm-0.32", Refused("KeyError", "1", {}), "wrong", False),
        ("mlxrs-0.1", Refused("CapExceeded", "1", {}), Refused("Other", "1", {}), False),
    ],
)
def test_a_better_reading_is_taken_as_in_the_cases(suite, dialect, own, got, taken):
    whole = whole_of(EMPTY_SLOTS)
    first, second = whole["caches"]
    wrong = {**whole, "caches": [{**first, "slots": {"foreign": "dict"}}, second]}
    answers = {"whole": Returned(whole), "wrong": Returned(wrong), "no file": Returned(5)}
    with connect("reference", dialect) as model:
        comparison = Comparison(model, RestartingBackend(lambda: model), suite.dialect(dialect),
                                KINDS)  # fmt: skip
        sides = [answers[side] if isinstance(side, str) else side for side in (own, got)]
        assert is_better(comparison, EMPTY_SLOTS, *sides) == taken


def test_a_failure_prints_a_case_and_a_command(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "conformance", "run", "--backend", "mutant:file-holes-close",
         "--dialect", "mlx-swift-lm-3.31.3", "--properties", "quick", "-k", "files-"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    lines = [line.removeprefix("E").strip("\n") for line in done.stdout.splitlines()]
    start = next(i for i, line in enumerate(lines) if "- id: found-" in line)
    end = next(i for i in range(start, len(lines)) if "reproduce:" in lines[i])
    (read,) = yamlfile.parse("\n".join(lines[start:end]).encode(), "printed")
    case = msgspec.convert(read, FileCase)
    assert case.caches
    for words in ("FILE-002", "expected:", "got:", "--seed 0 -k files-"):
        assert words in done.stdout, words


def test_without_both_operations_nothing_is_tried(suite):
    class Declares:
        capabilities = ("save",)

    class Partial:
        handshake = Declares()

    comparison = Comparison(Partial(), Partial(), suite.dialect("mlxrs-0.1"), KINDS)
    assert FileSearch().not_applicable(comparison) == "the backend declares no load"
