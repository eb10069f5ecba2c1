"""What a file is that is not a prompt cache: by its first bytes, or by keys that only it has."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

_LOOKED_AT = 512
_MOST_HEADER = 64 * 1024 * 1024
# First bytes, after white space where they are text -> what begins with them.
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive, as .npz files and PyTorch checkpoints are"),
    (b"GGUF", "a GGUF file, the weights of a model for llama.cpp"),
    (b"\x93NUMPY", "a single array of numpy"),
    (b"SQLite format 3\x00", "a SQLite database"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"\x80\x02", "a pickle of Python, as old PyTorch checkpoints are"),
    (b"\x80\x04", "a pickle of Python"),
    (b"version https://git-lfs.github.com/spec/", "a git-lfs pointer: the file itself was not "
     "fetched; git lfs pull brings it"),
    (b"<!doctype html", "a page of HTML, as a download gives that needs a login"),
    (b"<html", "a page of HTML, as a download gives that needs a login"),
    (b"<?xml", "an XML document, as a download gives that failed"),
    (b"{", "a JSON text"),
    (b"[", "a JSON text"),
)  # fmt: skip


class Keys(NamedTuple):
    """The keys of a safetensors file's tensors, and its metadata table."""

    tensors: tuple[str, ...]
    metadata: Mapping[str, str]

    def some(self, pattern: str) -> str | None:
        """The first tensor key that a pattern matches from its beginning."""
        return next((key for key in self.tensors if re.match(pattern, key)), None)


def identify(path: Path) -> str | None:
    """What the file is, as the words behind "it is"; None where nothing tells."""
    with path.open("rb") as stream:
        begin = stream.read(_LOOKED_AT)
        size = path.stat().st_size
        length = int.from_bytes(begin[:8], "little")
        keys = None
        if 0 < length <= min(size - 8, _MOST_HEADER):
            stream.seek(8)
            keys = _keys(stream.read(length))
    if keys is not None:  # first, as the length of a header may begin as any other file does
        return of_keys(keys)
    text = begin.removeprefix(b"\xef\xbb\xbf")
    text = text.lstrip().lower() if text[:1] in (b"<", b" ", b"\n", b"\r") else text
    found = (words for beginning, words in _BEGINNINGS if text.startswith(beginning))
    return next(found, "a text" if _is_text(begin) else None)


def _is_text(begin: bytes) -> bool:
    """Whether the first bytes are a text; none that begins as a safetensors file does, with zeros
    in the length of its header.
    """
    try:
        decoded = begin.decode()
    except UnicodeDecodeError as error:  # a letter may be cut at the end
        decoded = begin[: error.start].decode() if error.start > len(begin) - 4 else "\0"
    return len(decoded) >= 8 and all(each.isprintable() or each.isspace() for each in decoded)


def of_keys(keys: Keys) -> str | None:
    """The same of a safetensors file, by its keys."""
    return next((words for tell in _TELLING for words in [tell(keys)] if words), None)


def _keys(data: bytes) -> Keys | None:
    try:
        header = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(header, dict):
        return None
    metadata = header.pop("__metadata__", None)
    texts = metadata if isinstance(metadata, dict) else {}
    return Keys(tuple(header), {key: text for key, text in texts.items() if isinstance(text, str)})


def _model_state(keys: Keys) -> str | None:
    marked = any(text.startswith("__mlx_lm_state_") for text in keys.metadata.values())
    if marked or any(key.startswith("__mlx_lm_state_") for key in (*keys.tensors, *keys.metadata)):
        return (
            "a snapshot of mlx-swift-lm that carries the state of a model beside the caches; only "
            "its loadPromptCacheSnapshot reads it"
        )
    return None


def _flat_list(keys: Keys) -> str | None:
    lists = [key for key, label in keys.metadata.items() if label == "CacheList"]
    if any(key.startswith("2.") and keys.metadata.get(f"0{key[1:]}") == "" for key in lists):
        return (
            "a prompt cache of mlx-lm before 0.31.1 with lists of caches, which does not say what "
            "the caches in them are; save it again with a later version"
        )
    return None


def _omlx(keys: Keys) -> str | None:
    return (
        "a block of omlx's cache on disk" if "omlx_cache_format_version" in keys.metadata else None
    )


def _osaurus(keys: Keys) -> str | None:
    found = keys.some(r"__jang_cache_format_version__$|__layer_kind_\d+__$|mamba_\d+_(state|sub)")
    return _with_key("a cache on disk of osaurus (vmlx-swift)", found)


def _apc(keys: Keys) -> str | None:
    found = keys.some(r"[kv]\d+$")
    if found and re.match(r"(layer|token)_major_v\d$", keys.metadata.get("layout", "")):
        return f"a shard of mlx-vlm's automatic prefix cache (layout = {keys.metadata['layout']})"
    return None


def _vmlx(keys: Keys) -> str | None:
    return _with_key("a block of vmlx's cache on disk", keys.some(r"L\d+\.cache\.\d+"))


def _layers(keys: Keys) -> str | None:
    found = keys.some(r"layer_\d+_(state_\d+|keys|values|sub_)")
    return _with_key("part of the cache on disk of vllm-mlx or a server like it", found)


def _of_2024(keys: Keys) -> str | None:
    found = keys.some(r"\d+_(keys|values)$")
    return _with_key(
        "a prompt cache of August or September 2024, before a file said which classes it has", found
    )


def _blob(keys: Keys) -> str | None:
    lists = {key.partition(".")[0] for key in keys.metadata}
    classes = [text for key, text in keys.metadata.items() if re.match(r"1\.\d+$", key)]
    if lists == {"0", "1"} and any(text.endswith("Cache") for text in classes):
        return "a record of LM Studio's mlx-engine, which lives only as long as its process"
    return None


def _adapter(keys: Keys) -> str | None:
    return _with_key("a LoRA adapter", keys.some(r".*\.?lora_?[abAB]\b"))


def _weights(keys: Keys) -> str | None:
    found = keys.some(r".*\.(weight|scales|biases|bias)(_\w+)?$")
    if found is None and keys.tensors and keys.metadata in ({"format": "mlx"}, {"format": "pt"}):
        found = keys.tensors[0]
    if found is None:
        return None
    return f"weights of a model, {len(keys.tensors)} tensors such as {_short(found)}"


def _with_key(words: str, key: str | None) -> str | None:
    return None if key is None else f"{words}, with keys such as {_short(key)}"


def _short(key: str) -> str:
    quoted = key if key.isprintable() else ascii(key)[1:-1]
    return quoted if len(quoted) <= 60 else f"{quoted[:60]}..."


_TELLING: Iterable[Callable[[Keys], str | None]] = (
    _model_state, _flat_list, _omlx, _osaurus, _apc, _vmlx, _layers, _of_2024, _blob, _adapter,
    _weights,
)  # fmt: skip
