"""`bench`: table, JSON and picture, and one clear line for every wrong use."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import msgspec
import pytest

from conformance.__main__ import main
from conformance.benchmarks import plot, report
from conformance.benchmarks.pairs import Row, Side, Spread
from conformance.benchmarks.table import ratio

ROOT = Path(__file__).resolve().parent.parent.parent
SMALL = ("--max-size", "10000", "--seconds", "0.01")


def bench(*options, **environment):
    done = subprocess.run(
        [sys.executable, "-m", "conformance", "bench", *options],
        cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, **environment},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench") / "new" / "folder"
    code, said, errors = bench(
        "--backend", "py:tests.support.slow:Slow", "--against", "reference",
        "--dialect", "mlx-lm-0.32", "--op", "extract", "--op", "merge", "--op", "get",
        "--op", "make_mask", *SMALL, "--out", str(folder),
    )  # fmt: skip
    assert code == 0, errors
    return folder, said, errors


def test_the_table_has_both_sides_and_the_ratio(compared):
    _, said, errors = compared
    assert said.splitlines()[0].strip() == "extract", "no operation that was not asked for"
    row = next(line for line in said.splitlines() if line.startswith("lfm2-b1 "))
    assert " ms " in row
    assert " us " in row
    found = re.findall(r"([\d.]+) \(([\d.]+)-([\d.]+)\)", row)[0]
    ratio, low, high = map(float, found)
    assert 1 < low <= ratio <= high
    assert errors == "", "progress is for terminals"


def test_the_json_has_every_row_and_no_name_of_the_machine(compared):
    folder, _, _ = compared
    text = (folder / "bench.json").read_text()
    made = json.loads(text)
    assert {row["op"] for row in made["rows"]} == {"extract", "merge", "get", "make_mask"}
    assert all(row["ratio"]["low"] <= row["ratio"]["median"] for row in made["rows"])
    assert made["machine"]["cores"] == os.cpu_count()
    assert os.uname().nodename not in text


def test_the_pictures_are_pictures(compared):
    folder, _, _ = compared
    assert (folder / "bench.png").read_bytes().startswith(b"\x89PNG")
    words = "".join(ElementTree.parse(folder / "bench.svg").getroot().itertext())
    for word in ("extract", "merge", "get", "make_mask", "peak memory", "limit"):
        assert word in words


def test_a_report_is_the_same_rows_in_every_format(compared, tmp_path):
    folder, _, _ = compared
    timings = report.read(folder / "bench.json")
    assert timings.against.device == "cpu"
    texts = {name: report.rendered(timings, name) for name in ("json", "markdown", "html")}
    assert msgspec.json.decode(texts["json"], type=report.Timings) == timings
    for row in timings.rows:
        shown = ratio(row.ratio)
        assert shown in texts["html"], row.name
        assert shown in texts["markdown"], row.name
    assert texts["html"].count("<tr>") == len(timings.rows) + len(timings.tables)
    assert "http" not in texts["html"], "one file that needs no network"
    path = tmp_path / "said.md"
    code, said, errors = bench("--op", "get", *SMALL, "--report", str(path))
    assert code == 0, errors
    assert said.splitlines()[-1] == f"written: {path}"
    assert path.read_text().startswith("# reference ")


def rows_of(op, power):
    spread = [Spread(s**power, s**power, s**power) for s in (10, 100, 1000, 10_000)]
    return [
        Row(op, f"{s}", s, "bytes", 5, Side(t, 10 * s), Side(t, 20), Side(t), t, t)
        for s, t in zip((10, 100, 1000, 10_000), spread, strict=True)
    ]


def test_each_line_carries_its_fitted_exponent(tmp_path):
    path = tmp_path / "a.svg"
    names = {"backend": "mine", "against": "theirs"}
    plot.draw([*rows_of("filter", 1.5), *rows_of("merge", 1.0)], names, "title", [path])
    text = path.read_text()
    words = "".join(ElementTree.parse(path).getroot().itertext())
    assert "mine" in words
    assert "theirs" in words
    assert "title" in words
    assert text.count("size") >= 2 * (3 + 2)
    assert "1.50" in text.replace("</tspan>", "").replace("\n", "")


def test_the_same_figures_give_the_same_file(tmp_path):
    paths = [tmp_path / name for name in ("a.svg", "b.svg")]
    for path in paths:
        plot.draw(rows_of("filter", 1.0), {"backend": "mine"}, "title", [path])
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_plot_without_matplotlib_is_refused_before_anything_is_timed(tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError('not here')\n")
    options = ("--op", "get", *SMALL, "--out", str(tmp_path / "out"))
    code, said, errors = bench(*options, PYTHONPATH=str(tmp_path))
    assert code == 2
    assert "pip install 'mlx-cache-conformance[plots]'" in errors
    assert said == ""
    code, said, _ = bench(*options, "--no-plot", PYTHONPATH=str(tmp_path))
    assert code == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["bench.json"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--op", "fly"], "--op fly: the operations are filter, extend"),
        (["--seconds", "0"], "--seconds 0: write a number above 0"),
        (["--max-size", "0.5"], "--max-size 0.5: nothing is as small as that"),
        (["--dialect", "latin"], "unknown dialect 'latin'"),
        (["--backend", "py:nowhere:C"], "importing nowhere failed"),
        (["--backend", "tape:x"], "unknown backend 'tape:x'"),
        (["--out", "/dev/null/x"], "--out /dev/null/x: Not a directory"),
        (["--within", "0"], "--within 0: write a number above 0"),
        (["--report", "a.xml"], "--report a.xml: timings are written to .json, .md"),
        (["--report", "/nowhere/a.md"], "--report /nowhere/a.md: there is no folder /nowhere"),
    ],
)
def test_wrong_use_is_one_line_and_code_2(capfd, options, error):
    with pytest.raises(SystemExit) as ended:
        main(["bench", *options])
    said, errors = capfd.readouterr()
    assert ended.value.code == 2
    assert error in errors
    assert len(errors.splitlines()) == 1
    assert said == ""


def test_an_adapter_without_a_stopwatch_is_told_so():
    adapter = ROOT / "conformance" / "transport" / "adapter.py"
    command = f"cmd:{sys.executable} {adapter} --class reference_impl:ArraysCache"
    code, _, errors = bench("--backend", command, "--op", "get")
    assert code == 2
    assert "declares no measure" in errors


def test_nothing_timed_is_a_failure():
    code, said, _ = bench("--dialect", "mlxrs-0.1", "--op", "merge", *SMALL)
    assert code == 1
    assert said.splitlines() == [
        "not timed, as reference 0.1.0 does not declare them: merge",
        "nothing was timed",
    ]


def test_what_does_not_fit_into_the_time_is_named():
    code, said, _ = bench("--op", "get", "--op", "set", *SMALL, "--within", "0.000001")
    assert code == 1
    assert said.splitlines() == [
        "not timed within 1e-06 s: 10 of 10; --within or --op for the rest", "nothing was timed"
    ]  # fmt: skip
