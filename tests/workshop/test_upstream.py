"""The tool that looks for new releases, against an index made of files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from conformance.engine.identification import identify, telling
from conformance.engine.runner import Run
from conformance.fixtures.dialects import read_dialects
from conformance.transport import released
from tools import upstream

ROOT = Path(__file__).resolve().parents[2]
FILE, WITHDRAWN = [{"yanked": False}], [{"yanked": True}]


@pytest.fixture
def index(tmp_path):
    """An index that has the known releases and nothing after them."""
    for name, version in upstream.known().items():
        publish(tmp_path, name, {"0.0.1": FILE, version: FILE})
    return tmp_path


def publish(index, name, releases):
    (index / name).mkdir(exist_ok=True)
    (index / name / "json").write_text(json.dumps({"releases": releases}))


def upstream_says(index, capsys, *words):
    code = upstream.main(["--index", index.as_uri(), *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_nothing_is_new(index, capsys):
    code, said, _ = upstream_says(index, capsys)
    assert code == 0
    assert said.count("nothing new\n") == len(upstream.known()) == said.count("\n")


def test_what_is_new_is_identified_and_makes_it_red(index, capsys, monkeypatch):
    looked = []
    monkeypatch.setattr(upstream, "looked_at", lambda *each: looked.append(each) or ["it", "", "x"])
    later = {"0.32.10": FILE, "0.32.9": FILE, "0.33.0rc1": FILE, "0.33.0": WITHDRAWN, "0.34.0": []}
    publish(index, "mlx-lm", {"0.32.2": FILE, **later})
    code, said, _ = upstream_says(index, capsys)
    assert code == 1
    assert f"mlx-lm, known up to {upstream.known()['mlx-lm']}: new: 0.32.9, 0.32.10\n" in said
    assert looked == [("mlx-lm", "0.32.9"), ("mlx-lm", "0.32.10")]
    assert "\nmlx-lm 0.32.9\n  it\n\n  x\n" in said
    assert upstream_says(index, capsys, "--list")[0] == 1
    assert len(looked) == 2, "nothing is run"


@pytest.mark.parametrize("answer", [None, "<html>", "[]", '{"message": "Not Found"}'])
def test_without_an_index_nothing_is_claimed(index, capsys, answer):
    (index / "mlx-vlm" / "json").unlink()
    if answer is not None:
        (index / "mlx-vlm" / "json").write_text(answer)
    code, said, error = upstream_says(index, capsys)
    assert (code, said) == (2, "")
    assert error.startswith(f"{index.as_uri()}/mlx-vlm/json does not answer as a package index: ")
    assert "is there a network? Another index: --index URL\n" in error


def test_a_release_is_identified(monkeypatch):
    monkeypatch.setattr(upstream, "Run", lambda suite, _, own: Run(suite, "reference", own))
    monkeypatch.setattr(upstream, "identify", lambda run: identify(run, telling(run.suite)[:40]))
    said = list(upstream.looked_at("mlx-lm", "0.33.0"))
    assert said[0] == "reference 0.1.0, pypi:mlx-lm==0.33.0"
    assert any(line.startswith("it follows mlxrs-0.1 (") for line in said)


def test_a_release_that_cannot_be_run_is_said_to_be_one(monkeypatch):
    def refused(*_):
        raise released.BackendUnusable(released.Unusable.NO_ENVIRONMENT, "no wheel")

    monkeypatch.setattr(upstream, "Run", refused)
    assert list(upstream.looked_at("mlx-lm", "0.33.0")) == [
        "pypi:mlx-lm==0.33.0 cannot be run: no wheel"
    ]


def test_a_new_mlx_is_tried_with_the_reference_in_every_dialect(monkeypatch):
    made = []
    monkeypatch.setattr(upstream.versions, "environment", lambda setup, *_: made.append(setup))
    monkeypatch.setattr(upstream.versions, "judged", lambda _, name: (name != "mlxrs-0.1", name))
    said = list(upstream.looked_at("mlx", "0.33.0"))
    assert made[0].name == "mlx-0.33.0"
    assert any(requirement.endswith("==0.33.0") for requirement in made[0].requirements)
    assert said == [
        f"{'RED' if name == 'mlxrs-0.1' else 'green'}: {name}" for name in read_dialects()
    ]


def test_what_the_dialects_were_run_on_is_known():
    looked = upstream.known()
    assert looked["mlx"] == released.MLX == upstream.versions.MLX[-1]
    backends = [dialect.backend for dialect in read_dialects().values() if dialect.backend]
    for backend in backends:
        release = released.parse(backend.removeprefix("pypi:"))
        assert upstream.ordered(release.version) <= upstream.ordered(looked[release.name])


def test_the_workflow_runs_the_tool_once_a_week():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "upstream.yml").read_text())
    assert len(workflow[True]["schedule"]) == 1  # YAML reads `on` as true
    (job,) = workflow["jobs"].values()
    assert "make --silent upstream" in job["steps"][-1]["run"]
    assert "tools.upstream" in (ROOT / "Makefile").read_text()
