"""The adapter of caches of keys and values: what it declares, and what it takes for granted."""

from __future__ import annotations

import functools
import inspect
import sys
import types

import pytest

from conformance.kinds import KINDS
from conformance.tensor import tensor
from conformance.transport import connect, listcaches, tokencaches
from conformance.transport.adapter import Adapter, UnknownCache, decode, encode

MADE_FOR_EACH_CLASS = ("new", "from_state")
SENT = [(kind, op) for kind in tokencaches.KINDS for op in KINDS[kind].steps
        if op not in MADE_FOR_EACH_CLASS]  # fmt: skip


def served(*classes):
    named = {cls.__name__: cls for cls in classes}
    return tokencaches.operations(Adapter(None, {}), named, encode, decode)


def test_every_operation_of_a_kind_has_a_method_and_no_more():
    methods = {name[3:] for name in dir(tokencaches.TokenCaches) if name.startswith("op_")}
    found = {op for kind in tokencaches.KINDS for op in KINDS[kind].steps}
    assert not methods & set(tokencaches.SHARED)
    assert {*methods, *tokencaches.SHARED, "new", "from_state"} == found
    assert set(tokencaches.NEEDS) <= found
    for op, kinds in tokencaches.ONLY.items():
        having = [kind for kind in tokencaches.KINDS if op in KINDS[kind].steps]
        assert having == list(kinds)


@pytest.mark.parametrize("op", sorted(tokencaches.NEEDS))
def test_an_operation_is_declared_exactly_when_the_class_has_it(op):
    kind = tokencaches.ONLY.get(op, ("kv",))[0]
    name = tokencaches.KINDS[kind]
    bare = type(name, (), {})
    able = type(name, (), {tokencaches.NEEDS[op]: lambda self: None})
    assert f"{kind}.{op}" not in served(bare)
    assert f"{kind}.{op}" in served(able)


@pytest.mark.parametrize(("kind", "op"), SENT)
def test_the_adapter_takes_what_an_operation_sends(kind, op):
    owner = Adapter if op in tokencaches.SHARED else tokencaches.TokenCaches
    method = getattr(owner, f"op_{op}")
    sent = [argument.name for argument in KINDS[kind].operations[op].sent]
    assert list(inspect.signature(method).parameters)[1:] == sent


@pytest.mark.parametrize("op", KINDS["list"].steps)
def test_of_a_list_too(op):
    owners = (listcaches.Lists, tokencaches.TokenCaches, Adapter)
    method = next(getattr(each, f"op_{op}") for each in owners if hasattr(each, f"op_{op}"))
    sent = [argument.name for argument in KINDS["list"].operations[op].sent]
    assert list(inspect.signature(method).parameters)[1:] == sent


@pytest.mark.parametrize("op", KINDS["prompt"].steps)
def test_and_of_whole_prompts(op):
    method = getattr(listcaches.Prompts, f"op_{op}")
    sent = {argument.name for argument in KINDS["prompt"].operations[op].sent}
    assert set(inspect.signature(method).parameters) == {"self", *sent}


def test_an_operation_of_a_list_is_declared_exactly_when_the_class_has_it():
    found = set(KINDS["list"].steps)
    own = {name[3:] for name in dir(listcaches.Lists) if name.startswith("op_")}
    assert own | set(listcaches.SHARED) == found
    bare, able = type("CacheList", (), {}), type("CacheList", (), dict.fromkeys(found))
    assert {f"list.{op}" for op in listcaches.NEEDS} == served(able).keys() - served(bare).keys()


def test_a_kind_is_there_where_its_class_is():
    assert {op.partition(".")[0] for op in served(type("RotatingKVCache", (), {}))} == {"rotating"}
    assert served(type("Other", (), {})) == {}


def test_an_attribute_of_instances_counts():
    class ChunkedKVCache:
        def __init__(self, chunk_size):
            self.start_position = 0

    assert "chunked.start_position" in served(ChunkedKVCache)


def test_an_attribute_of_instances_counts_behind_a_decorator():
    class ChunkedKVCache:
        def __init__(self):
            self.start_position = 0

    original = ChunkedKVCache.__init__
    ChunkedKVCache.__init__ = functools.wraps(original)(lambda self: original(self))
    assert "chunked.start_position" in served(ChunkedKVCache)


def test_the_snapshot_leaves_free_room_out():
    with connect("reference", "mlx-lm-0.32") as backend:
        backend.call("reset")
        backend.call("kv.new", cache="c")
        keys = three_tokens(backend)
        shown = backend.call("kv.snapshot", cache="c")
        state = backend.call("kv.state", cache="c")
    assert (shown["keys"], shown["numbers"]) == ([keys], {"offset": 3})
    assert (state[0].shape, state[2]) == ((1, 1, 256, 2), 3)


def test_what_nobody_has_made_or_held_is_unknown():
    operations = served(type("KVCache", (), {}))
    for op, arguments in (("offset", {"cache": "x"}), ("copy", {"cache": "x", "into": "y"}),
                          ("held", {"name": "x"})):  # fmt: skip
        with pytest.raises(UnknownCache, match="'x'"):
            operations[f"kv.{op}"](**arguments)


def three_tokens(backend):
    keys = tensor("float32", [1, 1, 3, 2], range(6))
    backend.call("kv.update_and_fetch", cache="c", keys=keys, values=keys)
    return keys


@pytest.mark.parametrize("release", ["mlx-lm==0.31.3", "mlx-lm==0.32.2"])
def test_a_release_serves_the_kinds_that_the_reference_has(release):
    dialect = release.replace("==", "-").rpartition(".")[0]
    with connect(f"pypi:{release}", dialect) as real, connect("reference", dialect) as reference:
        assert set(real.handshake.capabilities) == set(reference.handshake.capabilities)


def test_a_module_serves_all_kinds_that_it_has(tmp_path, monkeypatch):
    reference = "reference_impl.dialects.mlx_lm_0_31"
    with connect(f"py:{reference}", "mlx-lm-0.31") as backend:
        assert {"set", "kv.new", "rotating.trim"} <= set(backend.handshake.capabilities)
    (tmp_path / "rings_alone.py").write_text(f"from {reference} import RotatingKVCache")
    monkeypatch.chdir(tmp_path)
    with connect("py:rings_alone", "mlx-lm-0.31") as backend:
        served = {op.partition(".")[0] for op in backend.handshake.capabilities}
        assert served == {"rotating"}


def test_masks_are_made_by_the_function_beside_the_caches(monkeypatch):
    """mlx-lm's cache.py has one of the same name that takes other arguments."""
    package = "a_port.models"
    beside = types.ModuleType(f"{package}.base")
    beside.create_attention_mask = lambda h, cache, window_size, return_array: f"{h.shape[1]} of it"
    for name in ("a_port", package):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, f"{package}.base", beside)
    found = {"__package__": package, "create_attention_mask": lambda N, offset: "not this one"}
    operations = tokencaches.operations(Adapter(None, {}), found, encode, decode)
    assert operations["prompt.create_attention_mask"](3) == "3 of it"
    del beside.create_attention_mask
    own = {**found, "create_attention_mask": lambda h, cache, **_: "its own"}
    operations = tokencaches.operations(Adapter(None, {}), own, encode, decode)
    assert operations["prompt.create_attention_mask"](3) == "its own"
