"""`inspect` on what users have: other files, many layers, several files, layers that disagree."""

from __future__ import annotations

import io
import json
import sys

import mlx.core as mx
import pytest

from conformance.__main__ import main
from conformance.filetools.identify import Keys, identify, of_keys
from conformance.filetools.inspection import facts, writers
from conformance.filetools.model import folder
from reference_impl.files import container, load, save
from reference_impl.files.content import Content, Flat, KeyValueEntry, ListEntry, SlotEntry
from reference_impl.files.readers import READERS

GOLDEN = folder()
ROW = mx.zeros([1, 4])
SLOTS = SlotEntry("ArraysCache", (ROW, ROW))


def kv(offset: int, rows: int = 1) -> KeyValueEntry:
    half = mx.zeros([rows, 1, offset, 1])
    return KeyValueEntry("KVCache", (half,), (half,), {"offset": offset})


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03\x04" + bytes(40), "zip archive"),
        (b"GGUF" + bytes(40), "GGUF"),
        (b"\x93NUMPY" + bytes(40), "numpy"),
        (b"SQLite format 3\0" + bytes(40), "SQLite"),
        (b"\x1f\x8b" + bytes(40), "gzip"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
        (b"\n<!DOCTYPE html><html></html>", "page of HTML"),
        (b"<html>", "page of HTML"),
        (b"<?xml version='1.0'?>", "XML"),
        (b'{"a": 1}', "JSON"),
        (b"[1, 2]", "JSON"),
        (b'  \n{"a": 1}', "JSON"),
        (b'\xef\xbb\xbf{"a": 1}', "JSON"),
        (b"\x28\xb5\x2f\xfd" + bytes(40), "zstd"),
        (b"\x80\x02}q\x00." + bytes(40), "pickle"),
        (b"what the model said\n", "a text"),
        ("caf\u00e9 ".encode() * 100, "a text"),  # whose 512th byte is half a letter
    ],
)
def test_a_file_is_told_by_its_first_bytes(capsys, tmp_path, data, said):
    path = tmp_path / "file"
    path.write_bytes(data)
    code, out, err = run(capsys, "inspect", path)
    assert (code, out) == (1, "")
    assert err.startswith(f"{path}: cannot be read as a prompt cache: it is ")
    assert said in err


@pytest.mark.parametrize(
    ("tensors", "metadata", "said"),
    [
        (["model.embed.weight", "lm_head.weight"], {"format": "mlx"}, "weights of a model, 2"),
        (["model.layers.0.mlp.weight_scale_inv"], {}, "weights of a model"),
        (["blocks.w1"], {"format": "pt"}, "weights of a model"),
        (["model.layers.0.self_attn.q_proj.lora_a"], {}, "LoRA adapter"),
        (["base_model.model.q_proj.lora_A.weight"], {"format": "pt"}, "LoRA adapter"),
        (["0.0", "0.1"], {"0.0": "", "1.0": "KVCache"}, "mlx-engine"),
        (["layer_0_state_0", "layer_0_state_1"], {"layer_type": "ArraysCache"}, "vllm-mlx"),
        (["layer_0_state_0"], {"omlx_cache_format_version": "3"}, "omlx"),
        (["mamba_0_state0", "mamba_0_state1"], {}, "osaurus"),
        (["__jang_cache_format_version__", "k_0"], {}, "osaurus"),
        (["k0", "v0"], {"layout": "layer_major_v2"}, "automatic prefix cache"),
        (["L0.cache.0"], {}, "vmlx"),
        (["0_keys", "0_values"], {"model": "m"}, "2024"),
        (["0.0", "__mlx_lm_state_tensor_0"], {"2.0": "KVCache"}, "loadPromptCacheSnapshot"),
        (["0.0"], {"2.0": "__mlx_lm_state_v1__:KVCache"}, "loadPromptCacheSnapshot"),
        (["0.0"], {"0.0": "", "2.0": "CacheList"}, "before 0.31.1"),
    ],
)
def test_a_file_is_told_by_its_keys(capsys, tmp_path, tensors, metadata, said):
    path = tmp_path / "file.safetensors"
    container.write(path, Flat(dict.fromkeys(tensors, ROW), metadata))
    code, _, err = run(capsys, "inspect", path)
    assert code == 1
    assert said in err
    code, out, _ = run(capsys, "inspect", "--json", path)
    assert (code, said in json.loads(out)["is"]) == (1, True)


def test_a_prompt_cache_is_nothing_else():
    for path in GOLDEN.glob("*/*.safetensors"):
        said = identify(path)
        old = path.stem.startswith("list") and "before 0.31.1" in (said or "")
        assert said is None or old, f"{path}: {said}"


def test_keys_of_nobody_are_not_named(tmp_path):
    assert of_keys(Keys(("a", "b"), {"c": "d"})) is None
    path = tmp_path / "file"
    for header in (b"[]", b"{", b"[" * 100000, b'{"__metadata__":[]}'):
        path.write_bytes(len(header).to_bytes(8, "little") + header)
        assert identify(path) is None


def test_many_caches_are_folded(capsys, tmp_path):
    path = tmp_path / "file.safetensors"
    layers = [kv(5) if layer % 4 == 3 else SLOTS for layer in range(200)]
    save(path, Content((*layers, ListEntry((SLOTS, kv(5))))), "mlx-lm-0.32")
    code, out, _ = run(capsys, "inspect", path)
    assert code == 0
    assert len(out.splitlines()) < 11 + len(READERS)  # each reader has a line of its own
    assert "  0-2, 4-6, 8-10, 12-14, 16-18, 20-22, ... (150 caches) ArraysCache, 2 slots: " in out
    assert "(50 caches) KVCache, keys float32[1,1,5,1] 20 bytes, values " in out
    assert "  200 CacheList of ArraysCache, 2 slots: " in out
    _, everything, _ = run(capsys, "inspect", "--all", path)
    assert len(everything.splitlines()) > 600
    assert "  199 KVCache\n" in everything


def test_many_kinds_of_caches_are_cut(capsys, tmp_path):
    path = tmp_path / "file.safetensors"
    save(path, Content(tuple(kv(length) for length in range(1, 41))), "mlx-lm-0.32")
    _, out, _ = run(capsys, "inspect", path)
    assert "  and 20 kinds more; --all shows every cache\n" in out


def test_several_files_and_folders(capsys, tmp_path):
    save(tmp_path / "b.safetensors", Content((SLOTS,)), "mlx-lm-0.32")
    (tmp_path / "inner").mkdir()
    save(tmp_path / "inner" / "a.safetensors", Content((SLOTS,)), "mlx-lm-0.31")
    (tmp_path / "notes.txt").write_text("no tensors")
    code, out, _ = run(capsys, "inspect", tmp_path)
    assert (code, out.count("layout: ")) == (0, 2)
    bad = tmp_path / "inner" / "bad.safetensors"
    bad.write_bytes(b"GGUF")
    code, out, err = run(capsys, "inspect", tmp_path / "b.safetensors", tmp_path / "inner")
    assert (code, out.count("layout: "), "GGUF" in err) == (1, 2, True)
    code, out, _ = run(capsys, "inspect", "--json", tmp_path)
    assert code == 1
    assert ["error" in each for each in json.loads(out)] == [False, False, True]
    (tmp_path / "empty").mkdir()
    code, _, err = run(capsys, "inspect", tmp_path / "empty")
    assert (code, "no .safetensors file" in err) == (2, True)


@pytest.mark.parametrize(("name", "said"), [("nowhere", "No such file"), ("empty", "no .safeten")])
def test_what_cannot_be_opened_hides_no_other_file(capsys, tmp_path, name, said):
    (tmp_path / "empty").mkdir()
    path, good = tmp_path / name, tmp_path / "b.safetensors"
    save(good, Content((SLOTS,)), "mlx-lm-0.32")
    code, out, err = run(capsys, "inspect", path, good)
    assert (code, out.count("layout: "), said in err) == (2, 1, True)
    code, out, _ = run(capsys, "inspect", "--json", path, good)
    assert code == 2
    assert [each.get("error") for each in json.loads(out)] == ["CannotBeOpened", None]


def test_a_cut_file_is_not_a_text(tmp_path):
    path = tmp_path / "file"
    path.write_bytes((5000).to_bytes(8, "little") + b'{"0.0": ')
    assert identify(path) is None
    path.write_bytes(b"1234567")  # too short for a header, and too short to tell
    assert identify(path) is None


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ((kv(7), kv(5), kv(7)), "tokens seen: 7 (caches 0, 2), 5 (cache 1)"),
        ((SLOTS, SlotEntry("ArraysCache", (mx.zeros([3, 4]),))),
         "rows of the batch: 1 (cache 0), 3 (cache 1)"),
        ((SLOTS, kv(2, rows=2)), "rows of the batch: 1 (cache 0), 2 (cache 1)"),
        ((SlotEntry("ArraysCache", (ROW,), mx.array([0, 1])),), "rows of the batch: 1 (cache 0), "),
        ((ListEntry((SLOTS, kv(2))), ListEntry((SLOTS, kv(3)))), "2 (cache 0.1), 3 (cache 1.1)"),
    ],
)  # fmt: skip
def test_layers_that_disagree_are_told(capsys, tmp_path, entries, said):
    path = tmp_path / "file.safetensors"
    save(path, Content(entries), "mlx-lm-0.32")
    code, out, _ = run(capsys, "inspect", path)
    assert code == 0
    assert "\nthe caches do not agree: " in out
    assert said in out


def test_layers_that_agree_say_nothing(tmp_path):
    path = tmp_path / "file.safetensors"
    unset = SlotEntry("ArraysCache", (None, None))
    empty = KeyValueEntry("KVCache", (), (), {"offset": 0})
    save(path, Content((SLOTS, kv(5), unset, empty, ListEntry((SLOTS, kv(5))))), "mlx-lm-0.32")
    assert facts(path)["disagreements"] == []


@pytest.mark.parametrize(
    ("encoding", "shown"), [("utf-8", "café 東京"), ("ascii", r"caf\xe9 \u6771")]
)
def test_letters_are_letters_where_the_terminal_has_them(tmp_path, monkeypatch, encoding, shown):
    path = tmp_path / "file.safetensors"
    save(path, Content((SLOTS,), {"title": "café 東京\x1b[31m\u202e\\x"}), "mlx-lm-0.32")
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", out)
    with pytest.raises(SystemExit):
        main(["inspect", str(path)])
    out.flush()
    text = out.buffer.getvalue().decode()
    assert f"title = {shown}" in text
    assert r"\x1b[31m\u202e\\x" in text


def test_a_header_of_many_tokens_is_read(tmp_path):
    path = tmp_path / "file.safetensors"
    tokens = json.dumps([7_000_000 + n for n in range(700_000)]).replace(" ", "")
    save(path, Content((SLOTS,), {"tokens": tokens}), "mlx-lm-0.31")
    assert path.stat().st_size > 5_500_000
    assert dict(load(path).content.user_metadata) == {"tokens": tokens}


@pytest.mark.parametrize(
    ("writer", "case", "said"),
    [
        ("mlx-lm-0.28.0", "sliding-window", "mlx-lm 0.19.1 to 0.28.0"),
        ("mlx-lm-0.28.0", "rotating", "mlx-lm 0.19.1 to 0.28.0"),
        ("mlx-lm-0.22.5", "quantized", "mlx-lm 0.19.3 to 0.28.0"),
        ("mlx-lm-0.30.5", "mamba", "mlx-lm 0.19.1 to 0.30.5"),
        ("mlx-lm-0.31.3", "list", "mlx-lm 0.31.1 to 0.31.3"),
        ("mlx-lm-0.31.3", "rotating", "mlx-lm 0.28.1 to 0.31.3"),
        ("mlx-lm-0.31.3", "batch-rotating", "mlx-lm 0.28.1 to 0.31.3"),
        ("mlx-lm-0.31.3", "batch", "mlx-lm 0.28.0 to 0.31.3"),
        ("mlx-lm-0.31.3", "full", "mlx-lm 0.26.1 to 0.31.3"),
        ("mlx-lm-0.32.2", "full", "mlx-lm 0.32.0 and later"),
        ("mlx-swift-lm-3.31.4", "full", "mlx-swift-lm"),
    ],
)
def test_who_can_have_written_it(writer, case, said):
    """Releases that exist, from the first with all of the classes to the last of the layout."""
    loaded = load(GOLDEN / writer / f"{case}.safetensors")
    assert said in writers(loaded.candidates, loaded.content)


def test_a_single_old_window_can_be_of_two(capsys):
    _, out, _ = run(capsys, "inspect", GOLDEN / "mlx-lm-0.28.0" / "rotating.safetensors")
    assert "written by: mlx-lm 0.19.1 to 0.28.0 or mlx-swift-lm\n" in out
