"""A mutant is a backend like any other, and is wrong only in what it names."""

from __future__ import annotations

import inspect
import re

import pytest

from conformance.__main__ import main
from conformance.engine.runner import Run
from conformance.engine.verdict import Status
from conformance.fixtures.load import load_suite
from conformance.mutants.alter import altered
from conformance.mutants.catalogue import demonstrations
from conformance.mutants.mutant import PROMPT, build, classes, prompt
from conformance.transport import connect, served
from conformance.transport.backend import BackendUnusable
from reference_impl import cache_classes, dialect_class, prompt_functions
from reference_impl.slots.rules import masks
from tests.support.dialects import MAIN
from tools.mutants import chapters, mutants
from tools.mutants.backend import over_stdio

SUITE = load_suite()
MUTANTS = mutants()


def test_there_are_many_and_no_chapter_is_empty():
    assert len(MUTANTS) >= 80
    assert all(chapters().values())


def test_what_a_mutant_says_of_itself_exists():
    for name, mutant in MUTANTS.items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name), name
        assert mutant.dialect in SUITE.dialects, name
        assert mutant.violates, name
        assert set(mutant.violates) <= set(SUITE.requirements), name
        assert mutant.wrong.endswith("."), name
        assert mutant.seen or not mutant.link, name
        assert mutant.link.startswith("https://") or not mutant.link, name


def _assigned(cls):
    """What the constructors of a class assign, such as the offset."""
    made = [vars(each)["__init__"] for each in cls.__mro__ if "__init__" in vars(each)]
    return {name for one in made if hasattr(one, "__code__") for name in one.__code__.co_names}


def test_a_mutant_alters_what_is_there():
    """A member that the reference does not have would be dead, and the mutant the reference."""
    for name, mutant in MUTANTS.items():
        assert mutant.kind in {kind.name for kind in SUITE.kinds}, name
        if mutant.of_slots:
            reference, (cls, _) = dialect_class(mutant.dialect), build(mutant)
            assert mutant.rules or mutant.members or mutant.restore or mutant.files, name
        else:
            of_prompts = mutant.label == PROMPT
            right = type(prompt_functions(mutant.dialect)) if of_prompts else None
            reference = right or cache_classes(mutant.dialect)[mutant.label]
            cls = type(prompt(mutant)) if of_prompts else classes(mutant)[mutant.label]
            assert mutant.members, name
            assert (dict(mutant.rules), mutant.restore, mutant.files) == ({}, None, None), name
        assert set(mutant.members) <= {*dir(reference), *_assigned(reference)}, name
        assert issubclass(cls, reference), name
        assert cls.__name__ == reference.__name__, name


def test_a_mutant_is_called_as_the_reference_is():
    """One that cannot be called at all would be killed for that, and not for what is wrong."""
    named = {"prepare": {"lengths": [1]}}
    for name, mutant in MUTANTS.items():
        for rule, arguments in named.items():
            if rule in mutant.rules:
                assert inspect.signature(mutant.rules[rule]).bind(None, **arguments), name


@pytest.mark.parametrize("kind", ["in process", "over stdio"])
def test_a_mutant_speaks_its_own_dialect(kind):
    backend = "mutant:mask-padding-only"
    run = Run(SUITE, backend if kind == "in process" else served(backend, "mlxrs-0.1"), None)
    try:
        assert run.dialect.id == "mlx-lm-0.32"
        assert run.verdict(SUITE.cases["mask.both.combination"]).status is Status.FAIL
        assert run.verdict(SUITE.cases["mask.none.is-null"]).status is Status.PASS
    finally:
        run.close()


def test_a_mutant_is_judged_by_another_dialect_if_asked():
    """mlx-lm 0.32 with the mask of 0.31 has the mask of 0.31."""
    run = Run(SUITE, "mutant:mask-padding-only", "mlx-lm-0.31")
    try:
        assert run.verdict(SUITE.cases["mask.both.combination"]).status is Status.PASS
    finally:
        run.close()


def test_an_unknown_name_suggests_the_known_ones():
    with pytest.raises(BackendUnusable, match="'mask-invertd'; did you mean mask-inverted"):
        connect("mutant:mask-invertd", "mlxrs-0.1")


def test_a_dozen_ship_and_are_among_all(capsys):
    shipped = demonstrations()
    assert len(shipped) == 12
    assert {mutant.dialect for mutant in shipped.values()} == set(MAIN)
    assert all(MUTANTS[name] is mutant for name, mutant in shipped.items())
    with pytest.raises(SystemExit):
        main(["list", "mutants"])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(shipped)


def test_one_of_the_workshop_is_served_by_name():
    run = Run(SUITE, over_stdio(MUTANTS["mask-of-floats"]), None)
    try:
        assert run.dialect.id == "mlx-lm-0.31"
        assert run.verdict(SUITE.cases["mask.left-padding.rows"]).status is Status.FAIL
    finally:
        run.close()
    with pytest.raises(BackendUnusable, match="no mutant is called 'mask-of-floats'"):
        connect("mutant:mask-of-floats", "mlxrs-0.1")


def test_altering_a_name_that_a_rule_does_not_use_is_an_error():
    with pytest.raises(LookupError, match=r"rules\.masks has no arrange"):
        altered(masks.padding_else_lengths, arrange=None)
