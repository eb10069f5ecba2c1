"""inspect, convert and interop from the command line, and the capturing of golden files."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from pathlib import Path

import pytest

from conformance.__main__ import main
from conformance.cli.command import carry_out
from conformance.filetools import conversion
from conformance.filetools.goldens import read_expectations
from conformance.filetools.model import folder
from reference_impl.files import load
from reference_impl.files.content import differences
from tools.capture import __main__ as capture

GOLDEN = folder()
SCRIPT = Path(__file__).resolve().parent.parent / "support" / "scripted.py"


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def framed(header: bytes) -> bytes:
    """A file of no tensors."""
    return len(header).to_bytes(8, "little") + header


def test_inspect(capsys):
    code, out, _ = run(capsys, "inspect", GOLDEN / "mlx-lm-0.32.2" / "everything.safetensors")
    assert code == 0
    for line in ("layout: mlx-lm-0.32", "written by: mlx-lm 0.32.0 and later", "caches: 5",
                 "unset: 0", "left_padding: [1, 0]", "4.1 KVCache", "model = m",
                 "mlx-lm-0.31            no, it raises KeyError\n",
                 "mlx-lm-0.32            yes, whole\n",
                 "mlxrs-0.1              no, it raises LengthMismatch\n",
                 "convert FILE OUT --to mlx-lm-0.31 | mlx-swift-lm | mlxrs-0.1"):  # fmt: skip
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
    assert re.search(r"mlx-lm-0\.32 +yes, whole\n", out)
    assert run(capsys, "convert", there, back, "--to", "mlx-lm-0.31")[0] == 0
    assert not list(differences(load(source).content, load(back).content))
    assert sorted(path.name for path in tmp_path.iterdir()) == [back.name, there.name]


def test_convert_names_every_loss(capsys, tmp_path):
    source = GOLDEN / "mlx-swift-lm-3.31.4" / "everything.safetensors"
    out = tmp_path / "out.safetensors"
    for options in ((), ("--allow-loss",)):  # an unset slot has no place, whatever is allowed
        code, _, err = run(capsys, "convert", source, out, "--to", "mlx-lm-0.31", *options)
        assert code == 1
        assert "cache 1.0: an unset slot (has no place there in any form)\n" in err
        assert ("  cache 1: left_padding\n" in err) is not bool(options)
        assert err.endswith("nothing was written; another layout may hold it\n")
    assert not out.exists()
    assert list(tmp_path.iterdir()) == []


def test_convert_goes_on_without_what_is_named(capsys, tmp_path):
    source = GOLDEN / "mlx-swift-lm-3.31.4" / "mamba.safetensors"
    out = tmp_path / "out.safetensors"
    code, _, err = run(capsys, "convert", source, out, "--to", "mlx-lm-0.31")
    assert code == 1
    assert err.endswith("nothing was written; --allow-loss goes on without what is named\n")
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


def test_convert_writes_over_files_only(capsys, tmp_path):
    source = GOLDEN / "mlx-lm-0.31.3" / "full.safetensors"
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        code, _, err = run(
            capsys, "convert", source, tmp_path / name, "--to", "mlx-lm-0.32", "--force"
        )
        assert (code, "is not a file, and is not written over" in err) == (2, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe"]


def test_convert_follows_a_link(capsys, tmp_path):
    source = GOLDEN / "mlx-lm-0.31.3" / "full.safetensors"
    target, link = tmp_path / "target.safetensors", tmp_path / "link.safetensors"
    link.symlink_to(target)
    for options in ((), ("--force",)):
        assert run(capsys, "convert", source, link, "--to", "mlx-lm-0.32", *options)[0] == 0
        assert link.is_symlink()
        assert load(target).layout == "mlx-lm-0.32"
    assert run(capsys, "convert", source, link, "--to", "mlx-lm-0.32")[0] == 2


@pytest.mark.parametrize(
    ("trouble", "code"),
    [(OSError(errno.ENOSPC, "No space left on device"), 2), (KeyboardInterrupt(), 130)],
)
def test_an_interrupted_write_leaves_nothing(capsys, tmp_path, monkeypatch, trouble, code):
    from reference_impl.files import container

    def interrupted(path, flat):
        path.write_bytes(b"half")
        raise trouble

    monkeypatch.setattr(container, "write", interrupted)
    source, out = GOLDEN / "mlx-lm-0.31.3" / "full.safetensors", tmp_path / "out.safetensors"
    said = {2: "out.safetensors: No space left on device; nothing was written", 130: "interrupted"}
    got, _, err = run(capsys, "convert", source, out, "--to", "mlx-lm-0.32")
    assert got == code
    assert err.endswith(f"{said[code]}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is not a whole safetensors file: BadContainer: file: is 0 bytes long"),
        (b"hello", "is not a whole safetensors file: BadContainer: file: is 5 bytes long"),
        (framed(b'{"__metadata__":null}'),
         "in a layout that is known: UnknownLayout: file: has no metadata"),
        (framed(b'{"__metadata__":{"format":"pt"}}'),
         "in a layout that is known: UnknownLayout: 2.0: is missing: there are no classes"),
        (framed(b'{"__metadata__":{"0.0":"","2.0":"List"}}'),
         "holds a cache of an unknown class: UnknownClass: 2.0"),
        (framed(b'{"__metadata__":{"0.0.0":"9999999","0.0.1":"","2.0":"ArraysCache"}}'),
         "asks for more than any real prompt cache: TooLarge: 0.0.0"),
        (framed(b'{"__metadata__":{"0.0.0":"1","0.0.1":"0","2.0":"ArraysCache"}}'),
         "is damaged, or written by nobody that is known: BadCache: 0"),
    ],
)  # fmt: skip
def test_what_is_no_prompt_cache_is_told_in_one_line(capsys, tmp_path, data, said):
    path = tmp_path / "file"
    path.write_bytes(data)
    for command in (("inspect", path), ("convert", path, tmp_path / "out", "--to", "mlx-lm-0.32")):
        code, out, err = run(capsys, *command)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert f"{path}: " in err
        assert said in err


def test_convert_reads_back_what_it_wrote(capsys, tmp_path, monkeypatch):
    from reference_impl.files import container

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
    for name, code in (("mlx-swift-lm-3.31.3", 0), ("no-such", 2)):
        with pytest.raises(SystemExit) as ended:
            carry_out(capture.parser().parse_args(["--check", name]))
        assert ended.value.code == code
    assert capsys.readouterr().out == "mlx-swift-lm-3.31.3: identical\n"
