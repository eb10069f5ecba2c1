"""What changed between two reports, for a terminal and for a pull request."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from conformance.__main__ import main
from conformance.engine.verdict import Status
from conformance.reporting import changes, json_report
from reporting.made import REFUSED, SUITE, report, verdicts

OLD = report(verdicts(failing=False))
FIRST, SECOND, THIRD = list(SUITE.cases)[:3]


def altered(*positions, old=OLD):
    rows = list(verdicts(failing=False))
    for at in positions:
        rows[at] = replace(rows[at], status=Status.FAIL, mismatches=(REFUSED,))
    return report(rows)


def test_nothing_changed():
    assert list(changes.lines(OLD, report(verdicts(failing=False)))) == ["nothing changed"]
    assert not changes.worse(OLD, OLD)


def test_each_kind_of_change_is_said():
    new = altered(0)
    lines = list(changes.lines(OLD, new))
    assert lines[0] == "1 case fail now:"
    assert lines[1].startswith(f"  {FIRST}: pass -> fail: step 2: get(")
    assert lines[-1] == "1 fail now"
    assert changes.worse(OLD, new)
    assert list(changes.lines(new, OLD))[-1] == "1 are fixed"
    assert not changes.worse(new, OLD)
    fewer = replace(OLD, verdicts=OLD.verdicts[1:])
    assert list(changes.lines(OLD, fewer))[-1] == "1 are gone"
    assert list(changes.lines(fewer, OLD))[-1] == "1 are new"
    assert changes.worse(replace(new, verdicts=new.verdicts[1:]), new), "a new case that fails"
    row = new.verdicts[0]
    other = replace(row.mismatches[0], got="something else")
    otherwise = replace(new, verdicts=[replace(row, mismatches=(other,)), *new.verdicts[1:]])
    assert list(changes.lines(new, otherwise))[-1] == "1 fail in another way"
    assert not changes.worse(new, otherwise)


def test_problems_of_the_whole_are_worse():
    bad = replace(OLD, failed_properties=["laws-1"], fixtures="other")
    lines = list(changes.lines(OLD, bad))
    assert "laws-1 fails among the properties now" in lines
    assert any(line.startswith("fixtures: ") and line.endswith(" -> other") for line in lines)
    assert changes.worse(OLD, bad)
    assert not changes.worse(bad, OLD)


@pytest.mark.parametrize(
    ("options", "start"),
    [((), "2 cases fail now:"), (("--report-format", "markdown"), "### 2 fail")],
)
def test_the_command_compares(tmp_path, capsys, options, start):
    paths = [tmp_path / "old.json", tmp_path / "new.json"]
    for path, made in zip(paths, (OLD, altered(0, 2)), strict=True):
        json_report.write(path, made)
    with pytest.raises(SystemExit) as ended:
        main(["report", "compare", *map(str, paths), *options])
    assert ended.value.code == 1
    assert capsys.readouterr().out.startswith(start)
    with pytest.raises(SystemExit) as ended:
        main(["report", "compare", *map(str, reversed(paths))])
    assert ended.value.code == 0


def test_the_command_shows_any_format(tmp_path, capsys):
    path = tmp_path / "r.json"
    made = report(list(verdicts())[:82])  # each kind of verdict twice
    json_report.write(path, made)
    for suffix, start in ((".xml", "<?xml"), (".md", "## "), (".html", "<!doctype"),
                          (".svg", "<svg"), (".txt", ""), (".json", "{")):  # fmt: skip
        with pytest.raises(SystemExit) as ended:
            main(["report", "show", str(path), "-o", str(tmp_path / f"r{suffix}")])
        assert ended.value.code == 0
        assert (tmp_path / f"r{suffix}").read_text().lstrip().startswith(start)
    assert json_report.read(path) == made
    with pytest.raises(SystemExit) as ended:
        main(["report", "show", str(path), "--report-format", "nope"])
    assert ended.value.code == 2
    assert "there is no format 'nope'" in capsys.readouterr().err
