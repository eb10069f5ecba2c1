"""A baseline cannot rot: each way an entry can be wrong is an error that names its line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from conformance.calls import Refused
from conformance.cli import baseline as command
from conformance.engine import baseline
from conformance.engine.runner import Run
from conformance.engine.verdict import Choice, Mismatch, Status, StepRecord, Verdict
from conformance.fixtures.load import load_suite
from conformance.fixtures.userfile import FixtureError
from conformance.outcomes.difference import Difference
from conformance.reporting import words
from conformance.tensor import tensor
from conformance.transport.messages import Implementation

SUITE = load_suite()
CASE, OTHER = "mask.none.is-null", "mask.both.combination"
HEAD = "backend: my-port 1\ndialect: mlx-lm-0.31\nknown-failing:\n"
OWN = HEAD.replace("my-port 1", "reference 0.0.9")


def entry(case: str = CASE, **changes: str) -> str:
    fields = {
        "verdict": "fail",
        "signature": "make_mask",
        "reason": "not yet",
        "date": "2026-01-01",
    }
    lines = [f"- case: '{case}'"]
    lines += [f"  {key}: '{value}'" for key, value in {**fields, **changes}.items()]
    return "\n".join(lines) + "\n"


WHO = Implementation("my-port", "1.0", "python")


def load(tmp_path: Path, text: str, version: str = "1.0") -> baseline.Baseline:
    path = tmp_path / "known.yaml"
    path.write_text(HEAD + text)
    who = Implementation(WHO.name, version, WHO.language)
    return baseline.load(path, SUITE, "mlx-lm-0.31", who, date(2026, 6, 30))


def never() -> Verdict:
    raise AssertionError("a case is run again only where it is listed as flaky")


def failing(case: str = CASE, status: Status = Status.FAIL) -> Verdict:
    step = StepRecord(1, "make_mask", {"cache": "c", "n": 3})
    rows = (Mismatch(step, Difference("", None, tensor("bool", [1, 3], [1, 1, 1]))),)
    return Verdict(case, "mlx-lm-0.31", status, mismatches=rows)


def test_a_known_failure_is_not_red(tmp_path):
    settled = load(tmp_path, entry()).settle(failing(), never)
    assert (settled.status, settled.known, settled.red) == (Status.FAIL, "not yet", False)


def test_an_unlisted_failure_is_red(tmp_path):
    assert load(tmp_path, entry()).settle(failing(OTHER), never).red


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (Verdict(CASE, "d", Status.PASS, choices=(Choice("h", None),)), "passes, but"),
        (Verdict(CASE, "d", Status.NOT_APPLICABLE), "does not apply, but"),
        (failing(status=Status.CRASH), "fails in another way than"),
    ],
)
def test_an_entry_that_does_not_hold_is_red(tmp_path, verdict, text):
    settled = load(tmp_path, entry()).settle(verdict, never)
    assert settled.red
    assert settled.status is Status.FAIL
    assert text in words.detail(settled)
    assert "known.yaml:4" in words.detail(settled)


def test_another_signature_is_another_failure(tmp_path):
    assert load(tmp_path, entry(signature="refused with")).settle(failing(), never).red


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (entry("no.such.case"), "no case is called no.such.case; remove the entry"),
        (entry() + entry(), f"{CASE} is also listed in line 4"),
        (entry("mask.*") + entry(), "stands for|is also listed in line 4"),
        (entry("*"), "at most 20 may hide behind one entry"),
        (entry("mask.*.*"), "a pattern has one"),
        (entry(reason=" "), "empty reason"),
        (entry(signature=""), "empty signature"),
        (entry(signature="e"), "'e' is in nearly every failure; a text has 8 characters or more"),
        (entry(until="0.9"), r"accepted until version 0\.9; this is 1\.0"),
        (entry() + "  until: {version: 1.0.0}\n", r"until version 1\.0\.0; this is 1\.0"),
        (entry() + "  until: {date: 2026-06-30}\n", "the date 2026-06-30; today is 2026-06-30"),
        (entry(until="2026-06-01"), "accepted until the date 2026-06-01; today is 2026-06-30"),
        (entry(until="soon"), "'soon' is not a version, such as"),
        (entry(until="2026-13-01"), "'2026-13-01' is not a date, such as"),
        (entry(until=""), "is not a version"),
        (entry() + "  until: {}\n", "exactly one of version and date"),
        (entry() + "  until: {version: 2.0.0, date: 2027-01-01}\n", "exactly one of version and"),
        (entry() + "  until: {day: 2027-01-01}\n", "day"),
        (entry(verdict="pass"), "verdict"),
        (entry(colour="red"), "colour"),
        ("- case: a.b\n", "verdict"),
    ],
)
def test_a_wrong_file_names_line_and_entry(tmp_path, text, error):
    with pytest.raises(FixtureError, match=error) as raised:
        load(tmp_path, text)
    assert "known.yaml:" in str(raised.value)


@pytest.mark.parametrize(
    "until", ["'1.1'", "{version: 1.0.1}", "2026-07-01", "{date: 2026-07-01}", "null"]
)
def test_until_a_later_version_or_day_holds(tmp_path, until):
    assert not load(tmp_path, f"{entry()}  until: {until}\n").settle(failing(), never).red


@pytest.mark.parametrize("version", ["", "main"])
def test_a_port_without_a_version_has_a_date(tmp_path, version):
    with pytest.raises(FixtureError, match=r"version 1\.1, which says nothing to .*write {date: "):
        load(tmp_path, entry(until="1.1"), version)
    assert not load(tmp_path, entry(until="2026-07-01"), version).settle(failing(), never).red


def test_a_baseline_of_another_port_is_refused(tmp_path, judged):
    path = tmp_path / "known.yaml"
    path.write_text(HEAD + entry())
    other = Implementation("my", "1.0", "python")
    with pytest.raises(FixtureError, match=r"of the backend 'my-port 1'; this run judges my$"):
        baseline.load(path, SUITE, "mlx-lm-0.31", other)
    with pytest.raises(FixtureError, match="this run judges reference"):
        command.update(path, judged, [])


def test_a_few_letters_of_a_message_are_no_signature(tmp_path):
    step = StepRecord(1, "make_mask", {"cache": "c", "n": 3})
    difference = Difference("", None, Refused("ValueError", "n is too large here", {}))
    verdict = Verdict(CASE, "d", Status.FAIL, mismatches=(Mismatch(step, difference),))
    for message, red in (("n", True), ("is too large", False), ("n is too large here", False)):
        listed = entry().replace(
            "'make_mask'", f"{{op: make_mask, got: {{error: ValueError, message: {message}}}}}"
        )
        assert load(tmp_path, listed).settle(verdict, never).red == red, message


def test_a_baseline_for_another_dialect_is_refused(tmp_path):
    path = tmp_path / "known.yaml"
    path.write_text(HEAD + entry())
    with pytest.raises(FixtureError, match=r"is for the dialect mlx-lm-0\.31"):
        baseline.load(path, SUITE, "mlxrs-0.1", WHO)


@pytest.fixture(scope="module")
def judged():
    run = Run(SUITE, "reference", "mlx-lm-0.31")
    yield run
    run.close()


FLAKY = "[]\nknown-flaky:\n"


def flaky(tmp_path: Path) -> baseline.Baseline:
    lines = [f"- {{case: {CASE}, reason: races, date: '2026-01-01', tries: 4}}"]
    path = tmp_path / "known.yaml"
    path.write_text(HEAD[:-1] + f" {FLAKY}" + "\n".join(lines) + "\n")
    return baseline.load(path, SUITE, "mlx-lm-0.31", WHO)


@pytest.mark.parametrize(
    ("outcomes", "detail"),
    [
        ([False, False, True], ""),
        ([True, True, False], ""),
        ([True, True, True, True], "passed 4 times; remove it from known-flaky"),
        ([False, False, False, False], "failed 4 times; move it to known-failing"),
    ],
)
def test_a_flaky_entry_must_show_both_outcomes(tmp_path, outcomes, detail):
    verdicts = iter([Verdict(CASE, "d", Status.PASS) if ok else failing() for ok in outcomes])
    first = next(verdicts)
    settled = flaky(tmp_path).settle(first, lambda: next(verdicts))
    assert next(verdicts, None) is None, "as many tries as it takes, and no more"
    assert settled.red == bool(detail)
    assert detail in words.detail(settled)
    if not detail:
        assert settled.known == "races"


def test_update_keeps_comments_order_and_reasons(tmp_path, judged):
    path = tmp_path / "known.yaml"
    path.write_text(OWN + "# first things first\n" + entry(OTHER) + entry(CASE, reason="because"))
    said = command.update(path, judged, [failing(), failing("mask.left-padding.none-yet")])
    text = path.read_text()
    assert "# first things first" in text
    assert "reason: 'because'" in text
    assert OTHER not in text
    assert "mask.left-padding.none-yet" in text
    assert said == [
        f"removed: {OTHER} does not fail any more",
        "added, needs a reason: mask.left-padding.none-yet",
    ]


def test_update_leaves_alone_what_patterns_and_flaky_entries_list(tmp_path, judged):
    path = tmp_path / "known.yaml"
    text = (OWN + entry("mask.none.*") + "known-flaky:\n"
            f"- {{case: {OTHER}, reason: races, date: '2026-01-01'}}\n")  # fmt: skip
    path.write_text(text)
    assert command.update(path, judged, [failing(), failing(OTHER)]) == [
        "kept, check it yourself: mask.none.*"
    ]
    baseline.load(path, SUITE, "mlx-lm-0.31", judged.handshake.implementation)


def test_update_refuses_a_list_for_another_dialect_and_a_folder_that_is_not_there(tmp_path, judged):
    path = tmp_path / "known.yaml"
    path.write_text(OWN.replace("0.31", "0.32") + entry())
    with pytest.raises(FixtureError, match=r"is for the dialect mlx-lm-0\.32; this run judges by"):
        command.update(path, judged, [failing()])
    with pytest.raises(FixtureError, match="cannot be written: No such file or directory"):
        command.update(tmp_path / "no" / "known.yaml", judged, [failing()])


def test_update_replaces_a_signature_that_changed(tmp_path, judged):
    path = tmp_path / "known.yaml"
    path.write_text(OWN + entry(signature="something else"))
    assert command.update(path, judged, [failing()]) == [f"changed: {CASE} fails in another way"]
    got = "{tensor: {bool: [[true, true, true]]}}"
    assert f"  signature: {{op: make_mask, got: {got}}}\n" in path.read_text()
    assert command.update(path, judged, [failing()]) == ["nothing to change"]
