"""inspect, convert, interop and capture from the command line."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from conformance.__main__ import main
from conformance.prompt_cache import conversion
from conformance.prompt_cache.goldens import read_expectations
from conformance.prompt_cache.model import folder
from reference_impl.prompt_cache import load
from reference_impl.prompt_cache.content import differences

GOLDEN = folder()
SCRIPT = Path(__file__).resolve().parent.parent / "support" / "scripted.py"


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_inspect(capsys):
    code, out, _ = run(capsys, "inspect", GOLDEN / "mlx-lm-0.32.2" / "everything.safetensors")
    assert code == 0
    for line in ("layout: mlx-lm-0.32", "written by: mlx-lm 0.32.0 and later", "caches: 5",
                 "unset: 0", "left_padding: [1, 0]", "4.1 KVCache", "model = m",
                 "mlx-lm-0.31            error: KeyError"):  # fmt: skip
        assert line in out


def test_inspect_says_what_the_expectations_say(capsys):
    path = GOLDEN / "mlx-swift-lm-3.31.4" / "lengths.safetensors"
    code, out, _ = run(capsys, "inspect", "--json", path)
    found = json.loads(out)
    assert code == 0
    expected = read_expectations()["mlx-swift-lm-3.31.4"].expectations["lengths"]
    for reader, said in found["readers"].items():
        assert said == expected[reader].spelled()


def test_inspect_refuses_with_key_and_reason(capsys, tmp_path):
    path = tmp_path / "bad.safetensors"
    path.write_bytes((GOLDEN / "mlx-lm-0.31.3" / "full.safetensors").read_bytes()[:-1])
    code, out, err = run(capsys, "inspect", path)
    assert (code, out) == (1, "")
    assert re.search(r"BadContainer: 0\.\d: data_offsets", err)
    code, out, _ = run(capsys, "inspect", "--json", path)
    assert (code, json.loads(out)["error"]) == (1, "BadContainer")
    assert run(capsys, "inspect", tmp_path / "absent")[0] == 2


def test_convert_and_back(capsys, tmp_path):
    source = GOLDEN / "mlx-lm-0.31.3" / "list-nested.safetensors"
    there, back = tmp_path / "there.safetensors", tmp_path / "back.safetensors"
    code, out, _ = run(capsys, "convert", source, there, "--to", "mlx-lm-0.32")
    assert code == 0
    assert "mlx-lm-0.32 reads it: same" in out
    assert run(capsys, "convert", there, back, "--to", "mlx-lm-0.31")[0] == 0
    assert not list(differences(load(source).content, load(back).content))
    assert sorted(path.name for path in tmp_path.iterdir()) == [back.name, there.name]


def test_convert_names_every_loss(capsys, tmp_path):
    source = GOLDEN / "mlx-swift-lm-3.31.4" / "everything.safetensors"
    out = tmp_path / "out.safetensors"
    for options in ((), ("--allow-loss",)):  # an unset slot has no place, whatever is allowed
        code, _, err = run(capsys, "convert", source, out, "--to", "mlx-lm-0.31", *options)
        assert code == 1
        assert "cache 1.0: an unset slot" in err
    assert not out.exists()
    assert list(tmp_path.iterdir()) == []


def test_convert_goes_on_without_what_is_named(capsys, tmp_path):
    source = GOLDEN / "mlx-swift-lm-3.31.4" / "mamba.safetensors"
    out = tmp_path / "out.safetensors"
    assert run(capsys, "convert", source, out, "--to", "mlx-lm-0.31")[0] == 1
    code, said, _ = run(capsys, "convert", source, out, "--to", "mlx-lm-0.31", "--allow-loss")
    assert code == 0
    assert "lost: cache 0: the class MambaCache" in said
    assert load(out).content.entries[0].class_name == "ArraysCache"


def test_convert_never_writes_over_a_file_unasked(capsys, tmp_path):
    source = GOLDEN / "mlx-lm-0.31.3" / "full.safetensors"
    out = tmp_path / "out.safetensors"
    out.write_text("precious")
    code, _, err = run(capsys, "convert", source, out, "--to", "mlx-lm-0.32")
    assert (code, out.read_text()) == (2, "precious")
    assert "--force" in err
    assert run(capsys, "convert", source, out, "--to", "mlx-lm-0.32", "--force")[0] == 0
    assert load(out).layout == "mlx-lm-0.32"


def test_convert_onto_itself(capsys, tmp_path):
    path = tmp_path / "file.safetensors"
    path.write_bytes((GOLDEN / "mlx-lm-0.31.3" / "hybrid.safetensors").read_bytes())
    before = load(path).content
    assert run(capsys, "convert", path, path, "--to", "mlx-lm-0.32", "--force")[0] == 0
    assert not list(differences(before, load(path).content))


def test_convert_reads_back_what_it_wrote(capsys, tmp_path, monkeypatch):
    from reference_impl.prompt_cache import container

    written = container.write

    def tampered(path, flat):
        written(path, flat)
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)

    monkeypatch.setattr(container, "write", tampered)
    out = tmp_path / "out.safetensors"
    with pytest.raises(conversion.NotTheSame):
        conversion.convert(GOLDEN / "mlx-lm-0.31.3" / "full.safetensors", out, "mlx-lm-0.32")
    assert list(tmp_path.iterdir()) == []


def test_convert_knows_the_layouts(capsys, tmp_path):
    source = GOLDEN / "mlx-lm-0.31.3" / "full.safetensors"
    code, _, err = run(capsys, "convert", source, tmp_path / "out", "--to", "mlx-lm")
    assert code == 2
    assert "mlx-swift-lm" in err


def test_interop_of_two(capsys, tmp_path):
    places = tmp_path / "matrix.md", tmp_path / "matrix.json"
    code, out, _ = run(
        capsys, "interop", "--backend", "reference@mlx-lm-0.31", "--backend",
        "reference@mlx-lm-0.32", "--case", "full", "--markdown", places[0], "--json", places[1],
    )  # fmt: skip
    assert code == 0
    line = "reference@mlx-lm-0.31 -> reference@mlx-lm-0.32: wrong: 0 of 1 caches"
    assert line in re.sub(r"\s+", " ", out)
    assert "## full" in places[0].read_text()
    matrix = json.loads(places[1].read_text())
    assert matrix["full"]["reference@mlx-lm-0.32"]["reference@mlx-lm-0.32"] == "same"


def test_interop_survives_a_reader_that_ends(capsys, tmp_path):
    place = tmp_path / "matrix.json"
    code, _, _ = run(
        capsys, "interop", "--backend", "reference@mlxrs-0.1", "--backend",
        "reference@mlx-swift-lm-3.31.4", "--case", "unset", "--case", "full", "--json", place,
    )  # fmt: skip
    matrix = json.loads(place.read_text())
    assert code == 0
    assert matrix["unset"]["reference@mlxrs-0.1"]["reference@mlx-swift-lm-3.31.4"].startswith(
        "crash"
    )
    assert matrix["full"]["reference@mlxrs-0.1"]["reference@mlx-swift-lm-3.31.4"] == "same"


def test_interop_with_a_port(capsys, tmp_path):
    """Any program that declares the two file operations takes part."""
    port = f"cmd:{sys.executable} -m conformance serve --dialect mlxrs-0.1"
    code, out, _ = run(
        capsys, "interop", "--backend", port, "--backend", "reference@strict", "--case", "hole-0"
    )
    assert code == 0
    assert f"{port} -> reference@strict: same" in re.sub(r"\s+", " ", out)
    other = f"cmd:{sys.executable} {SCRIPT} well none"
    code, _, err = run(capsys, "interop", "--backend", other)
    assert (code, "does not declare save and load" in err) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [("--backend", "reference@no-such"), ("--backend", "py:a:B"), ("--backend", "reference@strict",
     "--backend", "reference@strict"), ("--backend", "reference@mlxrs-0.1", "--case", "no-such")],
)  # fmt: skip
def test_interop_says_what_it_takes(capsys, arguments):
    code, _, err = run(capsys, "interop", *arguments)
    assert code == 2
    assert err.startswith("mlx-cache-conformance: ")


def test_capture_checks_constructed_files(capsys):
    code, out, _ = run(capsys, "capture", "--check", "mlx-swift-lm-3.31.3")
    assert (code, out) == (0, "mlx-swift-lm-3.31.3: identical\n")
    assert run(capsys, "capture", "--check", "no-such")[0] == 2
