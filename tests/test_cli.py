"""The command line: bad use is one line and exit code 2, and a run of nothing is a failure."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from support.folder import CHAPTER, write

from conformance import plugin
from conformance.__main__ import main
from conformance.cli import report as report_command
from conformance.cli.commands import GROUPS
from conformance.cli.options import OPTIONS, for_pytest
from conformance.engine.execute import execute
from conformance.engine.judge import judge
from conformance.engine.plan import applicability, plan
from conformance.engine.runner import parse_shard, select, select_ids
from conformance.engine.verdict import Status, Verdict
from conformance.fixtures.load import load_suite
from conformance.fixtures.userfile import FixtureError
from conformance.outcomes.undefined import UndefinedOutcome
from conformance.properties.profiles import PropertyChoice, Tries
from conformance.properties.result import PartResult
from conformance.reporting import json_report
from conformance.reporting.summary import About, RunSummary
from conformance.suggestions import did_you_mean
from conformance.transport import connect, served
from conformance.transport.backend import BackendUnusable
from conformance.transport.messages import Implementation
from conformance.transport.restarting import RestartingBackend

SUPPORT = Path(__file__).parent / "support"
SCRIPTED = f"{sys.executable} -I -S {SUPPORT / 'scripted.py'}"
SUITE = load_suite()


def cli(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "conformance", *arguments],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(SUPPORT), **environment},
    )  # fmt: skip


RUN = ["run", "--backend"]
BAD_RUNS = [
    ([*RUN, "nope"], "unknown backend 'nope': a backend is reference, py:module:Class, cmd:"),
    ([*RUN, "py:json:JSONDecoder"], "JSONDecoder has no __getitem__, __setitem__, state; a slot"),
    ([*RUN, "cmd:/no/such/port --x"], "/no/such/port does not start: No such file or directory"),
    ([*RUN, f"cmd:{SCRIPTED} start-dies x"],
     "the handshake failed: exit code 5; its last line on stderr: no such weights"),
    (["run", "--dialect", "mlx-lm-0.9"], "unknown dialect 'mlx-lm-0.9': the dialects are mlxrs"),
    (["run", "--shard", "3/2"], "--shard 3/2: write i/n with 1 <= i <= n, such as 1/4"),
    (["run", "--tag", "no-such"], "no case has the tag no-such; the tags are "),
    (["run", "--case", "no.such"], "no case is called no.such; see mlx-cache-conformance list"),
    (["run", "--fail-under", "nan"], "--fail-under nan: write a share from 0 to 100"),
    (["run", "--timeout", "0"], "--timeout 0: write a number above 0, at most 3600"),
    ([*RUN, f"cmd:{SCRIPTED} start-silent x", "--timeout", "0.3", "--dialect", "mlx-lm-0.31"],
     "the handshake failed: no answer in time (a line must end in a newline and be flushed); it "
     "was given 0.3 s (run and doctor: --timeout changes that)"),
    (["run", "--report", "/no/such/x"], "--report /no/such/x: there is no folder /no/such"),
    (["run", "--report", "/"], "--report /: is a folder"),
    (["run", "--baseline", "/dev/zero"], "/dev/zero: cannot be read: it is not a file"),
    (["run", "--fixtures", "/dev"], "/dev: no chapters/*.yaml there; is this a folder of fix"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "text"), BAD_RUNS)
def test_a_run_that_cannot_begin_is_one_line_and_exit_code_2(arguments, text):
    done = cli(*arguments)
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert len(said) == 1, said
    assert said[0].startswith("mlx-cache-conformance: ")
    assert text in said[0]
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["list", "--dialect", "no-such"], "unknown dialect 'no-such'"),
        (["list", "--tag", "no-such"], "no case has the tag no-such"),
        (["explain", "no.such.id"], "nothing is called 'no.such.id'"),
        (["explain", "mlx-lm-0.33"], "nothing is called 'mlx-lm-0.33'; did you mean mlx-lm-0.3"),
        (["serve", "--dialect", "no-such"], "unknown dialect 'no-such'"),
        (["serve", "--backend", "no-such"], "unknown backend 'no-such'"),
        (["lint", "/no/such/folder"], "/no/such/folder: no chapters/*.yaml there"),
    ],
)
def test_other_bad_use(capfd, arguments, text):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out, err = capfd.readouterr()
    (said,) = err.splitlines()
    assert said.startswith("mlx-cache-conformance: ")
    assert text in said
    assert (out, ended.value.code) == ("", 2)


MISTYPED = [
    ("list --dialect mlx-lm-032", "; did you mean mlx-lm-0.32?"),
    ("list --tag hostil", "; did you mean hostile?"),
    ("diff mlx-lm-0.32 mlx-lm-031", "; did you mean mlx-lm-0.31?"),
    ("explain mask.both.combinatio", "; did you mean mask.both.combination or "),
    ("serve --backend referenc", "; did you mean reference?"),
    ("serve --backend mutant:mask-invertd", "; did you mean mask-inverted?"),
    ("bench --op make_masc", "; did you mean make_mask?"),
    ("report show x.json --report-format htlm", "; did you mean html?"),
    ("lst", "; did you mean list?"),
    ("list hazard", "; did you mean hazards?"),
    ("new-adapter pyton x", "; did you mean python?"),
    ("doctor --dialct x", "; did you mean --dialect?"),
]


@pytest.mark.parametrize(("words", "meant"), MISTYPED)
def test_what_is_mistyped_is_guessed(capfd, words, meant):
    command = words.split()[0]
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    out, err = capfd.readouterr()
    assert meant in err.splitlines()[-1]
    assert (out, ended.value.code) == ("", 2)
    if err.startswith("usage: ") and command != "lst":
        assert err.startswith(f"usage: mlx-cache-conformance {command} "), "its own usage"


def test_what_is_like_nothing_is_not_guessed():
    assert did_you_mean("xyzzy", ["reference", "mutant"]) == ""


def test_ids_of_a_run_are_guessed():
    for ids, tags, meant in ((["mask.both.combinatio"], [], "mask.both.combination"),
                             ([], ["hostil"], "hostile")):  # fmt: skip
        with pytest.raises(ValueError, match=f"; did you mean {meant}"):
            select_ids(SUITE, ids, tags, None)
    with pytest.raises(ValueError, match=r"; did you mean quick\?"):
        PropertyChoice("quik", 0)


def test_an_interrupt_is_one_line(capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    for place in ("conformance.cli.list.run", "conformance.__main__.parsed"):
        with monkeypatch.context() as patch:
            patch.setattr(place, interrupted)
            with pytest.raises(SystemExit) as ended:
                main(["list"])
        assert ended.value.code == 130
        assert capsys.readouterr().err == "mlx-cache-conformance: interrupted\n"


def test_an_interrupted_run_says_so(capsys):
    for error in (KeyboardInterrupt(), pytest.exit.Exception("x")):
        with pytest.raises(BaseException) as caught:  # noqa: PT011
            raise error
        plugin.pytest_keyboard_interrupt(caught)
    assert capsys.readouterr().err == "mlx-cache-conformance: interrupted\n"


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("", "unknown backend ''"),
        ("reference:x", "unknown backend 'reference:x'"),
        ("py:", "unknown backend 'py:'"),
        ("cmd: ", "unknown backend 'cmd: '"),
        ("py:json:loads", "py:json:loads: json has no class loads"),
        ("py:json", "py:json: json has none of the classes ArraysCache, KVCache, "),
        ("py::X", "py::X: write py:package.module:ClassName"),
        ("py:no_such:X", "importing no_such failed with ModuleNotFoundError: No module named"),
        ("cmd:'open", "cmd:'open: No closing quotation"),
        ("cmd:echo hello", "cmd:echo hello: the handshake failed: stdout must carry "),
        (f"cmd:{SCRIPTED} handshake-bare x", "the handshake failed: the result of initialize is"),
        ("pypi:mlx-lm", "pypi:mlx-lm: write pypi:NAME==VERSION, or"),
        ("pypi:mlx-lm>=0.31", "pypi:mlx-lm>=0.31: write pypi:NAME==VERSION, or"),
        ("pypi:numpy==1.0", "pypi:numpy==1.0: which class? Write pypi:numpy==1.0:module:Class"),
    ],
)
def test_backend_strings_that_lead_nowhere(spec, text):
    with pytest.raises(BackendUnusable) as unusable:
        connect(spec, "mlxrs-0.1")
    assert text in str(unusable.value)
    assert "\n" not in str(unusable.value)


def test_a_release_that_does_not_exist(tmp_path):
    done = cli("run", "--backend", "pypi:mlx-lm==99.99.99",
               MLX_CACHE_CONFORMANCE_CACHE=str(tmp_path))  # fmt: skip
    progress, said = done.stderr.splitlines()
    assert progress.startswith("installing mlx-lm==99.99.99 into ")
    assert "pypi:mlx-lm==99.99.99 cannot be installed: ERROR: " in said
    assert (done.returncode, done.stdout.strip()) == (2, "")
    assert not any(path.is_dir() for path in tmp_path.glob("mlx-lm*")), "a broken one is left"


def test_an_environment_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    done = cli("run", "--backend", "pypi:mlx-lm==0.31.3",
               MLX_CACHE_CONFORMANCE_CACHE=str(tmp_path / "file" / "x"))  # fmt: skip
    (said,) = done.stderr.splitlines()
    assert f"cannot keep environments in {tmp_path / 'file' / 'x'}: Not a directory; set" in said
    assert done.returncode == 2


def test_fixtures_that_cannot_be_read(tmp_path):
    path = write(tmp_path, CHAPTER.replace("why:", "wyh:")) / "chapters" / "masks.yaml"
    done = cli("lint", str(tmp_path))
    (said,) = done.stderr.splitlines()
    assert f"{path}:11: cases[0].wyh: Object contains unknown field `wyh`" in said
    assert done.returncode == 2


def test_lint_tells_all_problems_and_their_number(tmp_path):
    write(tmp_path, CHAPTER.replace("[somewhere]", "[]").replace("{value: null}", "{}"))
    done = cli("lint", str(tmp_path))
    *found, last = done.stdout.splitlines()
    assert (len(found), done.returncode) == (2, 1)
    assert last.endswith(": 2 problems")


# --------------------------------------------------------------------------- what is run


def test_an_expression_that_matches_nothing_is_a_failure():
    done = cli("run", "-k", "matches-nothing-at-all")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == (
        "no case was executed, which proves nothing: this run is a failure"
    )


def test_looking_at_cases_is_not_running_them():
    done = cli("run", "--case", "mask.none.is-null", "--", "--collect-only")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("no case was executed, which proves nothing")


def test_the_options_of_another_run_do_not_reach_this_one():
    done = cli("run", "--quiet", "--case", "mask.none.is-null",
               PYTEST_ADDOPTS="--collect-only -k nothing")  # fmt: skip
    assert "1 passed, 0 failed" in done.stdout
    assert done.returncode == 0


LETTERS = "abcdefgh"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in itertools.pairwise(LETTERS)
)
HOSTILE = {
    "bomb": (BOMB, "more than 1000000 nodes, aliases counted at each use"),
    "code": ("backend: !!python/object/apply:os.system [touch pwned]\n", "the tag "),
    "deep": ("[" * 100_000, "nest"),  # in our words, or in those of PyYAML since 6.0.4
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_baseline_is_one_line_and_exit_code_2(tmp_path, kind):
    text, said = HOSTILE[kind]
    path = tmp_path / "known.yaml"
    path.write_text(text)
    done = cli("run", "--baseline", str(path))
    (line,) = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert said in line
    assert str(path) in line
    assert done.returncode == 2
    assert not Path("pwned").exists()


@pytest.mark.parametrize("text", ["[" * 100_000, "{}", '{"format": 1e999}', "\udce9"])
def test_a_hostile_report_is_one_line_and_exit_code_2(tmp_path, text):
    path = tmp_path / "report.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(FixtureError, match=r"report\.json: not a whole report of") as bad:
        json_report.read(path)
    assert "\n" not in str(bad.value)


def test_a_report_that_is_no_file_or_cannot_be_read():
    done = cli("report", "merge", "/dev/zero", "-o", "/dev/null")
    (line,) = done.stderr.splitlines()
    assert "/dev/zero: cannot be read: it is not a file" in line
    assert done.returncode == 2


def test_a_folder_of_fixtures_does_not_lead_out_of_itself(tmp_path):
    inner = write(tmp_path / "own")
    (tmp_path / "secret.yaml").write_text(CHAPTER)
    (inner / "chapters" / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    with pytest.raises(FixtureError, match=r"link\.yaml: leads out of "):
        load_suite(inner)


def test_a_home_that_is_nobody_s_is_one_line():
    done = cli("run", "--backend", "pypi:mlx-lm==0.31.3",
               MLX_CACHE_CONFORMANCE_CACHE="~nobody-of-that-name/x")  # fmt: skip
    (line,) = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert "CACHE=~nobody-of-that-name/x: Could not determine home" in line
    assert done.returncode == 2


def test_a_run_that_was_cut_short_says_so(tmp_path):
    report = tmp_path / "report.json"
    done = cli("run", "--quiet", "--backend", "py:tiny:Wrong", "--dialect", "mlx-lm-0.31",
               "--report", str(report), "--", "-x")  # fmt: skip
    count = len(json.loads(report.read_text())["verdicts"])
    assert 0 < count < len(SUITE.cases)
    said = f"{len(SUITE.cases) - count} of the chosen cases have no verdict, such as "
    assert said in done.stdout
    assert done.returncode == 1
    merged = cli("report", "merge", str(report), "-o", str(tmp_path / "all.json"))
    assert "cases are in none of the reports" in merged.stderr
    assert merged.returncode == 2


def test_cases_that_do_not_apply_prove_nothing():
    lacking = next(c for c in SUITE.cases.values()
                   if applicability(c, SUITE.dialects["mlxrs-0.1"]))  # fmt: skip
    done = cli("run", "--case", lacking.id)
    assert done.returncode == 1
    assert "no case was executed, which proves nothing" in done.stdout


def test_a_quiet_run_of_nothing_says_why():
    done = cli("run", "--quiet", "--backend", "py:tiny:Tiny", "--dialect", "mlx-lm-0.31",
               "--case", "mask.none.is-null")  # fmt: skip
    assert "the backend declares no make_mask: 1 cases" in done.stdout
    assert done.returncode == 1


def test_a_run_of_one_case_and_its_exit_codes():
    dialect = SUITE.dialects["mlx-lm-0.31"]
    simple = (case for case in SUITE.cases.values()
              if applicability(case, dialect, {"new", "snapshot"}) is None)  # fmt: skip
    case = next(case for case in simple if any(s.expect and s.expect.cache for s in case.steps))
    options = ["run", "--case", case.id, "--dialect", "mlx-lm-0.31"]
    good, bad = cli(*options), cli(*options, "--backend", "py:tiny:Wrong")
    assert (good.returncode, "1 passed, 0 failed" in good.stdout) == (0, True), good.stdout
    assert (bad.returncode, "0 passed, 1 failed" in bad.stdout) == (1, True), bad.stdout
    assert f"{case.id}: fail" in bad.stdout
    assert "slot_count" in bad.stdout


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10_000])
def test_shards_partition_the_cases(count):
    shards = [select(SUITE, shard=parse_shard(f"{i}/{count}")) for i in range(1, count + 1)]
    ids = [case.id for shard in shards for case in shard]
    assert sorted(ids) == sorted(SUITE.cases)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_the_option_runs_just_its_shard():
    wanted = [case.id for case in select(SUITE, shard=(2, len(SUITE.cases) - 1))]
    done = cli("run", "--shard", f"2/{len(SUITE.cases) - 1}", "--", "--collect-only")
    shown = [line for line in done.stdout.splitlines() if "::" in line]
    assert len(wanted) == 1
    assert [line.partition("[")[2].rstrip("]") for line in shown] == wanted


@pytest.mark.parametrize("text", ["1", "/", "1/", "/1", "1/2/3", "-1/2", "1.0/2", "0/0", " 1/2"])
def test_shards_that_are_none(text):
    with pytest.raises(ValueError, match="write i/n"):
        parse_shard(text)


# --------------------------------------------------------------------------- options


def test_run_and_pytest_have_the_same_options(tmp_path):
    """What `run` is given arrives in the plugin, value for value."""
    given = {"backend": "cmd:a b", "dialect": "x", "case": ["a", "b*"], "tag": ["t"],
             "shard": "1/2", "baseline": Path("b c.yaml"), "fixtures_dir": Path("f"),
             "isolate": True, "require": True, "start_timeout": 2.5, "fail_under": 1.5,
             "report": Path("r"), "properties": "quick", "examples": 3, "seed": 0,
             "every_failure": True, "found": Path("d"), "device": "gpu"}  # fmt: skip
    doors = {name: argparse.ArgumentParser() for name in ("run", "pytest")}
    for option in OPTIONS:
        doors["run"].add_argument(f"--{option.name}", **option.settings)
        doors["pytest"].add_argument(f"--{option.pytest_name or option.name}", **option.settings)
    values = {option.name: given.get(option.key, "5") for option in OPTIONS}
    words = []
    for name, value in values.items():
        for each in value if isinstance(value, list) else [value]:
            words += [f"--{name}"] if each is True else [f"--{name}", str(each)]
    options = doors["run"].parse_args(words)
    assert given.items() <= vars(options).items()
    assert vars(doors["pytest"].parse_args([*for_pytest(options)])) == vars(options)
    assert vars(doors["pytest"].parse_args([*for_pytest(doors["run"].parse_args([]))])) == vars(
        doors["run"].parse_args([])
    )


def test_the_help_groups_the_commands(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    for group in GROUPS:
        assert f"\n{group}:\n" in said
    assert len([line for line in said.splitlines() if line.startswith("  run ")]) == 1


# --------------------------------------------------------------------------- what is imported


@pytest.mark.parametrize(
    "module",
    ["conformance", "conformance.plugin", "conformance.engine.judge", "conformance.fixtures.lint",
     "conformance.fixtures.load", "conformance.engine.runner", "conformance.reporting.text",
     "conformance.__main__",
     "conformance.transport.process", "conformance.transport.released"],
)  # fmt: skip
def test_the_suite_s_own_side_needs_no_mlx(module):
    code = f"import {module}, sys; print([m for m in sys.modules if m.partition('.')[0] == 'mlx'])"
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True,
                          text=True, check=True)  # fmt: skip
    assert done.stdout.strip() == "[]"
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert module in imported
    assert not {name for name in imported if name.partition(".")[0] in ("mlx", "reference_impl")}


def test_that_test_would_see_mlx():
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", "import mlx.core"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert "mlx.core" in {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


# --------------------------------------------------------------------------- serve


def _undefined(step):
    """Whether the result may be anything, such as what happens to be in memory."""
    return step.expect is not None and isinstance(step.expect.own, UndefinedOutcome)


@pytest.mark.parametrize("dialect", ["mlxrs-0.1", "mlx-swift-lm-3.31.4"])
def test_the_reference_over_stdio_is_the_reference_in_process(dialect):
    with contextlib.ExitStack() as stack:
        specs = ("reference", served("reference", dialect))
        sessions = [RestartingBackend(lambda spec=spec: connect(spec, dialect)) for spec in specs]
        here, there = (stack.enter_context(contextlib.closing(session)) for session in sessions)
        assert here.handshake == there.handshake
        compared = traps = 0
        for case in select(SUITE, shard=(1, 2)):
            if "large" in case.tags or applicability(case, SUITE.dialects[dialect]):
                continue
            bound = plan(case, SUITE.dialects[dialect], SUITE.tensors_of(case))
            traps += bound.may_trap
            if bound.may_trap and traps > 3:
                continue  # each costs a start
            left, right = execute(bound, here), execute(bound, there)
            verdicts = [judge(bound, observation) for observation in (left, right)]
            assert [verdict.status for verdict in verdicts] == [Status.PASS] * 2, case.id
            assert verdicts[0].choices == verdicts[1].choices
            if right.trouble is None and not any(map(_undefined, bound.steps)):
                assert left.seen == right.seen, case.id
                compared += 1
    assert compared > len(SUITE.cases) / 6


def test_serve_forwards_to_a_process_behind_it():
    lines = [{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocol": 1}},
             {"jsonrpc": "2.0", "id": 2, "method": "size", "params": {"cache": "c"}},
             [{"jsonrpc": "2.0", "id": 3, "method": "class_name", "params": {"cache": "c"}}],
             {"jsonrpc": "2.0", "id": 4, "method": "shutdown"}]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "conformance", "serve", "--backend", f"cmd:{SCRIPTED} refuses x"],
        input="\n".join(map(json.dumps, lines)), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, second, third, fourth = map(json.loads, done.stdout.splitlines())
    assert first["result"]["implementation"]["name"] == "scripted"
    assert second["error"]["data"] == {"kind": "E", "payload": {"n": 1}}
    assert [reply["result"] for reply in (third[0], fourth)] == ["ArraysCache", None]


def test_a_shard_that_failed_on_its_properties_merges_red(tmp_path):
    report = tmp_path / "report.json"
    suite = load_suite()
    who = Implementation("port", "1", "python")
    verdicts = [Verdict(case, "mlx-lm-0.31", Status.PASS) for case in suite.cases]
    made = json_report.make(verdicts, suite, "cmd:x", "mlx-lm-0.31", who, (1, 1), False)
    for failed in ([], ["sequences-1"]):
        json_report.write(report, msgspec.structs.replace(made, failed_properties=failed))
        done = cli("report", "merge", str(report), "-o", str(tmp_path / "all.json"))
        assert (done.returncode, "sequences-1" in done.stdout) == (int(bool(failed)), bool(failed))


def test_what_made_a_shard_red_makes_the_whole_red(tmp_path, capsys):
    suite = SUITE
    about = About("cmd:x", "mlx-lm-0.31", Implementation("port", "1", "python"))
    gap = {"status": Status.NOT_APPLICABLE, "declared_gap": True}
    verdicts = [Verdict(case, about.dialect, **(gap if "mask" in case else {"status": Status.PASS}))
                for case in suite.cases]  # fmt: skip
    order = PropertyChoice("default", 4711)
    reports = []
    for number, half in enumerate((verdicts[::2], verdicts[1::2]), start=1):
        # What a shard has executed is never the whole: that is asked of all together.
        for fail_under, problem in ((60.0, None), (99.9, None), (None, "the disk was full")):
            summary = RunSummary(suite, about, half, 1.0, fail_under)
            passed = PartResult("law-x", Tries.LAW, Status.PASS)
            summary.tried(order, [passed])
            summary.problems += [problem] if problem and number == 2 else []
            path = tmp_path / f"{problem}-{fail_under}-{number}.json"
            json_report.write(path, summary.report((number, 2), False))
            reports.append(path)
    shards = zip(reports[:3], reports[3:], strict=True)
    for pair, red, said in zip(
        shards, (0, 1, 1),
        ("", "--fail-under asks for 99.9 %", "2.json: the disk was full: this run is a failure"),
        strict=True,
    ):  # fmt: skip
        whole = tmp_path / "all.json"
        options = argparse.Namespace(
            action="merge", files=list(pair), output=whole, fixtures=None, report_format=None,
                set=None,
        )
        assert report_command.run(options) == red
        assert said in capsys.readouterr().out
        merged = json_report.read(whole)
        assert merged.red == bool(red)
        assert [(each.profile, each.seed) for each in merged.properties] == [("default", 4711)]
