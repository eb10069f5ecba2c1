"""Every layout holds every class bit for bit, or says what it cannot hold."""

from __future__ import annotations

import mlx.core as mx
import pytest

from reference_impl.files import LAYOUTS, READ_ONLY, container, decode, encode, load, save
from reference_impl.files.content import (
    BatchEntry,
    Content,
    KeyValueEntry,
    ListEntry,
    SlotEntry,
    differences,
)
from reference_impl.files.errors import CannotHold, UnknownLayout

A = mx.array([[1.5, -2.0]], dtype=mx.bfloat16)
B = mx.array([[[float("nan"), -0.0]]], dtype=mx.float32)
K = mx.arange(6, dtype=mx.float32).reshape(1, 1, 3, 2)
V = mx.arange(3, dtype=mx.float16).reshape(1, 1, 3, 1)
W = mx.arange(3, dtype=mx.uint32).reshape(1, 1, 3, 1)

SLOTS = SlotEntry("ArraysCache", (A, B, A))
KV = KeyValueEntry("KVCache", (K,), (V,), {"offset": 3})
EMPTY_KV = KeyValueEntry("KVCache", (), (), {"offset": 0})
ROTATING = KeyValueEntry(
    "RotatingKVCache", (K,), (V,), {"offset": 9, "keep": 1, "max_size": 3, "idx": 2}
)
QUANTIZED = KeyValueEntry(
    "QuantizedKVCache", (W, V, V), (W, V, V), {"offset": 3, "group_size": 32, "bits": 4}
)
CHUNKED = KeyValueEntry(
    "ChunkedKVCache", (K,), (V,), {"offset": 3, "chunk_size": 8, "start_position": 0}
)
CONCATENATE = KeyValueEntry("ConcatenateKVCache", (K,), (V,), {"offset": 3})
ROWS = mx.array([3], dtype=mx.int32), mx.array([0], dtype=mx.int32)
BATCH = BatchEntry("BatchKVCache", K, V, *ROWS, {"idx": 3})
BATCH_ROTATING = BatchEntry(
    "BatchRotatingKVCache", K, V, *ROWS, {"max_size": 3, "seen": 9, "idx": 2, "rotated": True}
)
EMPTY_BATCH = BatchEntry("BatchKVCache", None, None, *ROWS, {"idx": 0})
EVERYWHERE = {
    "slots": SLOTS,
    "mamba": SlotEntry("MambaCache", (A, B)),
    "no slots": SlotEntry("ArraysCache", ()),
    "key-value": KV,
    "rotating": ROTATING,
    "quantized": QUANTIZED,
    "chunked": CHUNKED,
}
OLDEST = "mlx-lm-0.28"
PYTHON = {OLDEST, "mlx-lm-0.31"}
IN_SOME = {
    "list": (ListEntry((SLOTS, KV)), {OLDEST}),
    "nested": (ListEntry((KV, ListEntry((ListEntry((SLOTS,)), ROTATING)), CHUNKED)), {OLDEST}),
    "quantized in a list": (ListEntry((QUANTIZED, SLOTS)), {OLDEST}),
    "concatenating": (CONCATENATE, {"mlx-swift-lm", "mlxrs-0.1"}),
    "batch": (BATCH, {"mlx-swift-lm"}),
    "rotating batch": (BATCH_ROTATING, {"mlx-swift-lm", OLDEST}),
    "batch in a list": (ListEntry((BATCH, KV)), {"mlx-swift-lm", OLDEST}),
    "empty batch": (EMPTY_BATCH, {"mlx-swift-lm", "mlxrs-0.1", *PYTHON}),
    "hole": (SlotEntry("ArraysCache", (None, A, None)), PYTHON),
    "unset": (SlotEntry("ArraysCache", (None, None)), PYTHON),
    "left padding": (SlotEntry("ArraysCache", (A,), mx.array([0, -2, 7])), PYTHON),
    "lengths": (
        SlotEntry("ArraysCache", (A,), None, mx.array([3])), {*PYTHON, "mlxrs-0.1"},
    ),
    "empty left padding": (
        SlotEntry("ArraysCache", (A,), mx.zeros([0], mx.int32)), PYTHON,
    ),
    "other dtype of lengths": (
        SlotEntry("ArraysCache", (A,), None, mx.array([3], dtype=mx.int64)),
        {*PYTHON, "mlx-swift-lm", "mlxrs-0.1"},
    ),
    "empty key-value": (EMPTY_KV, PYTHON),
    "chunked without size": (
        KeyValueEntry("ChunkedKVCache", (K,), (V,),
                      {"offset": 3, "chunk_size": None, "start_position": 0}), PYTHON,
    ),
    "chunked that has moved on": (
        KeyValueEntry("ChunkedKVCache", (K,), (V,),
                      {"offset": 11, "chunk_size": 8, "start_position": 8}),
        {*PYTHON, "mlx-swift-lm", "mlxrs-0.1"},
    ),
    "capacity origin": (
        KeyValueEntry("RotatingKVCache", (K,), (V,), ROTATING.numbers,
                      {"step": "256", "capacity_origin": "modelNative"}),
        {*PYTHON, "mlx-lm-0.32", "mlxrs-0.1"},
    ),
    "another step": (
        KeyValueEntry("RotatingKVCache", (K,), (V,), ROTATING.numbers, {"step": "128"}),
        {"mlx-lm-0.31", "mlx-lm-0.32", "mlxrs-0.1"},
    ),
}  # fmt: skip


def around(entry) -> Content:
    """Other caches on both sides, so that a shift shows."""
    return Content((KV, entry, SLOTS), {"model": "m", "a.b": "c", "0": "zero"})


def round_trip(content: Content, layout: str, tmp_path) -> Content:
    path = tmp_path / "file.safetensors"
    save(path, content, layout)
    found = load(path)
    assert layout in found.candidates
    assert not list(differences(load(path, layout).content, found.content))
    return found.content


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", EVERYWHERE)
def test_every_layout_holds(name, layout, tmp_path):
    content = around(EVERYWHERE[name])
    assert not list(differences(content, round_trip(content, layout, tmp_path)))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", IN_SOME)
def test_what_a_layout_cannot_hold_is_named(name, layout, tmp_path):
    entry, refusing = IN_SOME[name]
    content = around(entry)
    if layout not in refusing:
        assert not list(differences(content, round_trip(content, layout, tmp_path)))
        return
    with pytest.raises(CannotHold) as refused:
        encode(content, layout)
    assert refused.value.payload["losses"]
    assert all(key.startswith("1") for key, _ in refused.value.payload["losses"])


def test_allow_loss_drops_rows_but_never_moves_slots():
    padded = around(SlotEntry("ArraysCache", (A, B), mx.array([1])))
    written = encode(padded, "mlx-lm-0.31", allow_loss=True)
    (entry,) = decode(written.flat).content.entries[1:2]
    assert entry.left_padding is None
    assert len(entry.slots) == 2
    with pytest.raises(CannotHold, match="unset slot"):
        encode(around(SlotEntry("ArraysCache", (None, B))), "mlx-lm-0.31", allow_loss=True)


@pytest.mark.parametrize("layout", ["mlx-swift-lm", "mlxrs-0.1"])
@pytest.mark.parametrize("value", [0.5, float("nan"), float("inf"), 2**40])
def test_rows_that_are_no_text_are_refused(layout, value):
    entry = SlotEntry("ArraysCache", (A,), mx.array([value]))
    with pytest.raises(CannotHold, match="whole numbers of int32"):
        encode(around(entry), layout, allow_loss=True)


def test_spare_room_is_not_content():
    roomy = mx.concatenate([K, mx.zeros_like(K)], axis=2)
    entry = KeyValueEntry("KVCache", (roomy,), (roomy,), {"offset": 3})
    exact = KeyValueEntry("KVCache", (K,), (K,), {"offset": 3})
    for layout in LAYOUTS:
        read = decode(encode(Content((entry,)), layout).flat, layout).content
        assert not list(differences(Content((exact,)), read))


def test_the_transitional_layout_is_read_only():
    for layout in READ_ONLY:
        with pytest.raises(CannotHold, match="read only"):
            encode(around(KV), layout)


def test_an_unknown_layout_is_named():
    with pytest.raises(UnknownLayout, match="is not one of"):
        encode(around(KV), "mlx-lm-9")


@pytest.mark.parametrize(
    "dtype",
    [mx.bool_, mx.uint8, mx.uint16, mx.uint32, mx.uint64, mx.int8, mx.int16, mx.int32, mx.int64,
     mx.float16, mx.bfloat16, mx.float32, mx.complex64],
)  # fmt: skip
def test_every_dtype_and_mlx_agrees(dtype, tmp_path):
    tensor = mx.array([[0, 1], [1, 0]]).astype(dtype)
    scalar, nothing = mx.array(1).astype(dtype), mx.zeros([0, 3], dtype)
    content = Content((SlotEntry("ArraysCache", (tensor, scalar, nothing)),))
    path = tmp_path / "file.safetensors"
    save(path, content, "mlx-lm-0.32")
    assert not list(differences(content, load(path).content))
    loaded = mx.load(str(path))
    assert loaded["0.0.0"].dtype == dtype
    assert mx.array_equal(loaded["0.0.0"], tensor).item()
    mx.save_safetensors(
        str(path),
        dict(loaded),
        {
            "1.0": "ArraysCache",
            "2.0": "",
            "2.1.0": "0.1",
            "2.1.1": "none",
            "2.2.0": "0.2",
            "2.2.1": "none",
        },
    )
    assert not list(differences(content, load(path).content))


def test_content_is_independent_of_the_file(tmp_path):
    path = tmp_path / "file.safetensors"
    save(path, Content((SLOTS,)), "mlx-lm-0.31")
    content = load(path).content
    path.write_bytes(bytes(path.stat().st_size))
    assert not list(differences(Content((SLOTS,)), content))


def test_a_pipe_is_refused_at_once(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(container.BadContainer, match="regular file"):
        container.read(tmp_path / "pipe")
