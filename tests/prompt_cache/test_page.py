"""docs/prompt-cache-files.md: its table and its example are what the commands give today."""

from __future__ import annotations

import json
import re
from pathlib import Path

import mlx.core as mx
import pytest

from conformance.__main__ import main
from conformance.filetools import matrix
from conformance.filetools.goldens import read_expectations
from reference_impl.files import LAYOUTS, READ_ONLY, mlx_lm_0_31
from reference_impl.files.content import CLASSES
from tools.pages import affine, cache_files, cache_layouts, damaged_files

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "prompt-cache-files.md"


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == cache_files.page(), "run: make schemas"
    for writer in read_expectations():
        assert f"\n| {writer} | " in PAGE.read_text()


def test_the_page_of_damaged_files_is_up_to_date():
    page = PAGE.with_name("damaged-files.md")
    assert page.read_text() == damaged_files.page(), "run: make schemas"
    assert page.read_text().count("| **memory** |") > 20


def test_the_page_follows_the_fixtures(monkeypatch):
    before = cache_files.page()
    known = matrix.known()
    known["full"]["mlx-lm-0.32.2"]["strict"] = "ValueError"
    monkeypatch.setattr(matrix, "known", lambda: known)
    assert cache_files.page() != before


def test_the_example_is_what_inspect_says(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    example = r"```sh\n\.venv/bin/mlx-cache-conformance (inspect [^\n]*)\n```\n\n```\n(.*?)```"
    command, shown = re.search(example, PAGE.read_text(), re.DOTALL).groups()
    assert run(*command.split()) == 0
    assert capsys.readouterr().out == shown


def test_what_the_fixtures_know_as_json_and_markdown(tmp_path, capsys):
    for name in ("all.json", "all.md"):
        option = "--json" if name.endswith("json") else "--markdown"
        assert run("interop", "--known", option, tmp_path / name) == 0
    found = json.loads((tmp_path / "all.json").read_text())
    assert found["full"]["mlx-lm-0.32.2"]["mlx-lm-0.31"] == "wrong: 0 of 1 caches"
    assert found["hole-0"]["mlx-lm-0.31.3"]["strict"] == "cannot write: RuntimeError"
    assert "## hole-0" in (tmp_path / "all.md").read_text()


@pytest.mark.parametrize("arguments", [(), ("--known", "--backend", "reference")])
def test_it_is_either_known_or_run(capsys, arguments):
    assert run("interop", *arguments) == 2
    assert "give --backend, once or more; or --known" in capsys.readouterr().err


def test_the_page_of_layouts_is_up_to_date():
    page = PAGE.with_name("prompt-cache-layouts.md").read_text()
    assert page == cache_layouts.page(), "run: make schemas"
    assert {*re.findall("^## (.*)$", page, re.MULTILINE)} >= {*LAYOUTS, *READ_ONLY}
    assert "prompt-cache-layouts.md" in PAGE.read_text()


def test_the_page_of_layouts_has_every_class_and_number_of_each():
    page = PAGE.with_name("prompt-cache-layouts.md").read_text()
    for layout in cache_layouts.LAYOUTS:
        section = page.split(f"\n## {layout.id}\n")[1].split("\n## ")[0]
        rows = dict(re.findall(r"^\| (\w+) \| (.*) \|$", section, re.MULTILINE))
        assert rows.keys() - {"class"} == {*CLASSES} - {"CacheList", *layout.module.UNKNOWN}
    for row in (
        "| `0.i.0` keep<br>`0.i.1` max_size<br>`0.i.2` offset<br>`0.i.3` idx |",
        "| `0.i.0` step<br>`0.i.1` offset<br>`0.i.2` group_size<br>`0.i.3` bits |",
        "`i.4` max_size (scalar)<br>`i.5` seen (scalar)<br>`i.6` idx (scalar)",
    ):
        assert row in page


def test_the_page_of_layouts_follows_the_writers(monkeypatch):
    changed = {**mlx_lm_0_31.META, "RotatingKVCache": ("max_size", "keep", "offset", "idx")}
    monkeypatch.setattr(mlx_lm_0_31, "write", lambda c: mlx_lm_0_31.write_with(c, changed))
    assert cache_layouts.page() != PAGE.with_name("prompt-cache-layouts.md").read_text()


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
@pytest.mark.parametrize("dtype", [mx.float32, mx.bfloat16, mx.float16])
def test_the_quantization_on_the_page_is_that_of_mlx(bits, dtype):
    mx.random.seed(bits)
    ramp = mx.arange(128, dtype=mx.float32)
    rows = mx.stack([mx.random.normal([128]), mx.zeros([128]), ramp, -ramp, ramp * 0 + 3.3])
    for group in (32, 64, 128):
        found = mx.quantize(rows.astype(dtype), group_size=group, bits=bits)
        for words, scales, biases, row in zip(*found, rows.astype(dtype), strict=True):
            made = affine.quantize(row.astype(mx.float32).tolist(), group, bits)
            assert bytes(memoryview(words)) == made[0]
            for ours, theirs in zip(made[1:], (scales, biases), strict=True):
                assert mx.array_equal(mx.array(ours, dtype=dtype), theirs)


def test_explain_shows_the_file_that_is_to_be_written(capsys):
    assert run("explain", "file.write.hybrid", "--dialect", "mlx-lm-0.32") == 0
    out = capsys.readouterr().out
    shown = out.split("  the file mlx-lm-0.32.2/hybrid:\n")[1]
    assert '\n      1.0    "ArraysCache"\n' in shown
    assert "\n      1.0    float32[1,1,3,1] 1 2 3 (256 positions, spare room is free)\n" in shown
    assert "mlx-lm-0.31.3/hybrid:" not in out
    assert run("explain", "file.write.hybrid") == 0
    assert capsys.readouterr().out.count("/hybrid:\n") >= 5, "one of each writer"
