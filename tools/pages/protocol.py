"""docs/protocol.md: the wire protocol in words, made from the message types and a real session."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator
from typing import Any

import msgspec

from conformance.engine import literals as model
from conformance.engine.case import StepBase
from conformance.engine.plan import NO_RECEIVER
from conformance.transport import messages as protocol

# operation -> its result, and what it does where the name does not say it
RESULTS = {
    "new": "null; a cache of `size` unset slots",
    "new_mamba": "null; a cache of two unset slots with the class label MambaCache",
    "get": "tensor, or null for an unset slot",
    "set": "null",
    "batch_size": "integer",
    "state": "list of tensors (and nulls, nested as the dialect has it)",
    "set_state": "null",
    "meta_state": "list of strings, or a string",
    "set_meta_state": "null",
    "from_state": "null; a new cache under the handle, from class label, state and metadata",
    "from_serialized": "null; replaces the content of an existing cache, or changes nothing",
    "round_trip": "null; `into` is rebuilt from the cache's own serialized form, by the "
    "implementation's own loader",
    "prepare": "null",
    "finalize": "null",
    "advance": "null",
    "make_mask": "bool tensor of shape [B, n], or null",
    "nbytes": "integer",
    "empty": "true or false",
    "size": "integer; mlx-lm's size(), elsewhere the offset",
    "max_size": "integer or null",
    "is_trimmable": "true or false",
    "trim": "integer, the tokens trimmed",
    "update": "always refused; keys and values are tensors",
    "copy": "null; `into` is a deep copy",
    "materialize": "null; computes what is pending",
    "class_name": "string",
    "filter": "null; keeps these rows in this order",
    "extend": "null; appends the rows of the cache `other`",
    "extract": "null; `into` has the one row",
    "merge": "null; `into` has the rows of all `caches`, which are handles",
    "snapshot": "a WireSnapshot",
    "write_in_place": "null; overwrites the elements of the stored tensor, which must be set",
    "hold": "null; keeps the live object (`what`: state, slot, left_padding or lengths) as `name`",
    "held": "what the kept object says now: tensor, null or a list of them",
}
SESSION = {
    "initialize": ("protocol: integer, client: object", "a Handshake; always the first message"),
    "reset": ("", "null; forgets all handles and held objects"),
    "shutdown": ("", "null; then the process ends with exit code 0"),
}
# These take a path and whole caches, where a step of a case names a file or a content.
FILES = {
    "save": (
        "path: string, caches: list, user_metadata: object",
        "null; writes a prompt-cache file",
    ),
    "load": ("path: string", '{"caches": list, "user_metadata": object}'),
}
BENCHMARKS = {
    "fill": (
        "cache: string, slots: list, [times: integer]",
        "null; a new cache whose slots hold tensors of any value, as `slots` lists them "
        '(`{"dtype", "shape"}`), the list repeated `times` times; equal ones may be one tensor',
    ),
    "measure": (
        "operation: string, arguments: object, [times: integer, repeats: integer, "
        "memory: boolean]",
        '{"seconds": list, "peak_bytes": integer or null}; times another operation by the '
        "implementation's own clock, results computed and not put on the wire. Each of `times` "
        "timings begins with the caches as they are and leaves them so; it is the mean of "
        "`repeats` calls in a row. Instead of a tensor an argument is what `fill` takes. With "
        "`memory`, what one more call holds at its peak beyond what was held, in bytes",
    ),
}
CACHES = """
A whole cache, in `save` and `load`, is one of

```
{"class_name": "ArraysCache", "slots": [tensor or null], "left_padding": ..., "lengths": ...}
{"class_name": "KVCache", "keys": [tensor], "values": [tensor], "numbers": {"offset": 3}}
{"class_name": "CacheList", "caches": [cache, cache]}
```

Left padding and lengths are a tensor or null. The second form is that of RotatingKVCache
(`numbers` also `keep` and `max_size`), QuantizedKVCache (`group_size`, `bits`) and ChunkedKVCache
(`chunk_size`, `start_position`) too. `save` gets one tensor of keys and one of values
[B, heads, S, dim] to update an empty cache with, and none for a cache that stays empty; `load`
gives the tensors that the cache holds: of a QuantizedKVCache weights, scales and biases. What is
not of the type that it should be is given as `{"foreign": "its type"}`. `user_metadata` is an
object of strings. The file lies in a temporary folder of the case.
"""
CODES = {
    protocol.OPERATION_REFUSED: "the implementation refused; `data` is an ErrorData",
    protocol.UNKNOWN_CACHE: "a handle that nothing has made, as after a `new` that was refused",
    protocol.UNKNOWN_OPERATION: "an operation that the handshake does not declare",
    protocol.INVALID_ARGUMENTS: "arguments that the operation does not take",
    protocol.ADAPTER_BUG: "the adapter could not put the result on the wire",
    -32700: "the line is not JSON; the id is null",
}
MESSAGES = (
    protocol.Request, protocol.Response, protocol.ErrorObject, protocol.ErrorData,
    protocol.Handshake, protocol.Implementation, protocol.WireTensor, protocol.WireSnapshot,
)  # fmt: skip
_WORDS: dict[Any, str] = {
    int: "integer",
    str: "string",
    list[int]: "list of integers",
    list[str]: "list of strings",
    list[int] | None: "list of integers, or null",
    model.Slot: "tensor or null",
    model.TensorRef: "tensor",
    list[model.Tree]: "list of tensors (nulls, lists)",
    list[model.Text]: "list of strings",
}
# One session with the reference: each line is one line on stdin.
_ROW = {"dtype": "bfloat16", "shape": [1, 2], "data": "c03f00c0"}
TRANSCRIPT: tuple[Any, ...] = (
    ("initialize", {"protocol": protocol.PROTOCOL_VERSION}),
    [
        ("new", {"cache": "c", "size": 2, "left_padding": [0, 3]}),
        ("set", {"cache": "c", "slot": 1, "value": _ROW}),
        ("meta_state", {"cache": "c"}),
    ],
    ("snapshot", {"cache": "c"}),
    ("make_mask", {"cache": "c", "n": 4}),
    ("set_meta_state", {"cache": "c", "meta_state": ["2", "0,x"]}),
    ("get", {"cache": "d", "slot": 0}),
    ("shutdown", {}),
)


def page() -> str:
    """The whole document. ValueError names an operation or a type that has no words yet."""
    return "\n".join([*_framing(), *_messages(), *_errors(), *_operations(), *_session(), ""])


def _framing() -> Iterator[str]:
    yield """# The wire protocol

Made by `make schemas` from the message types; [protocol.schema.json](
../conformance/schemas/protocol.schema.json) is the same for programs.

An adapter is a program that the suite starts and that answers on stdout what it is asked on stdin:

- One JSON-RPC 2.0 message a line, in UTF-8, ended by one newline and flushed at once.
- A line may also be a list of requests: they are carried out in order, a refusal does not stop the
  rest, and the answers come as one list in one line, in the same order.
- Nothing but answers goes to stdout. stderr is free; its last lines are shown when the process
  dies.
- The first message is `initialize`; its answer declares which operations there are. What is not
  declared is not called.
- A process that dies is a crash, never a refusal. Where a dialect traps, dying is the right answer.
- At the end of input the process ends, as it does after `shutdown`."""


def _messages() -> Iterator[str]:
    yield "\n## Messages"
    for kind in MESSAGES:
        yield f"\n### {kind.__name__}\n\n{(kind.__doc__ or '').strip()}\n"
        yield "| field | type | |"
        yield "|---|---|---|"
        hints = typing.get_type_hints(kind)
        for info in msgspec.structs.fields(kind):
            needed = "required" if info.required else "may be left out"
            yield f"| `{info.name}` | {_type(hints[info.name])} | {needed} |"


def _errors() -> Iterator[str]:
    yield "\n## Error codes\n"
    yield "| code | means |"
    yield "|---|---|"
    yield from (f"| {code} | {words} |" for code, words in CODES.items())


def _operations() -> Iterator[str]:
    yield "\n## Operations\n"
    yield "Named as in mlx-lm where it has a name for it. Arguments in brackets may be left out.\n"
    yield "| operation | arguments | result |"
    yield "|---|---|---|"
    yield from (f"| `{op}` | {a} | {result} |" for op, (a, result) in SESSION.items())
    for kind in StepBase.__subclasses__():
        op = str(kind.__struct_config__.tag)
        if op in FILES:
            continue
        if op not in RESULTS:
            raise ValueError(f"{op}: its result has no words in conformance/protocol_page.py")
        yield f"| `{op}` | {', '.join(_arguments(op, kind))} | {RESULTS[op]} |"
    yield from (f"| `{op}` | {a} | {result} |" for op, (a, result) in FILES.items())
    yield CACHES
    yield "\nFor `mlx-cache-conformance bench` and `pytest --benchmark-only`:\n"
    yield "| operation | arguments | result |"
    yield "|---|---|---|"
    yield from (f"| `{op}` | {a} | {result} |" for op, (a, result) in BENCHMARKS.items())


def _arguments(op: str, kind: type[StepBase]) -> Iterator[str]:
    hints = typing.get_type_hints(kind)
    fields = {info.name: info for info in msgspec.structs.fields(kind)}
    if op not in NO_RECEIVER:
        yield "cache: string"
    for name in fields:
        if name in ("cache", "expect", "unless"):
            continue
        words = _WORDS.get(hints[name]) or _literal(hints[name])
        if words is None:
            raise ValueError(f"{op}: the type of {name} has no words in protocol_page.py")
        required = fields[name].required or op == "new"
        yield f"{name}: {words}" if required else f"[{name}: {words}]"


def _literal(hint: Any) -> str | None:
    return "string" if typing.get_origin(hint) is typing.Literal else None


def _type(hint: Any) -> str:
    """A field's type as JSON has it."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint.__name__
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(f'`"{value}"`' for value in typing.get_args(hint))
    if typing.get_origin(hint) in (dict, list):
        return "object" if typing.get_origin(hint) is dict else _WORDS[hint]
    if hint is Any:
        return "any"
    if typing.get_args(hint):
        parts = [part for part in typing.get_args(hint) if part is not msgspec.UnsetType]
        return " or ".join("null" if part is type(None) else _type(part) for part in parts)
    return _WORDS[hint]


def _session() -> Iterator[str]:
    yield "\n## A session\n"
    yield "With the reference in the dialect mlxrs-0.1; `>` is stdin, `<` is stdout.\n"
    yield "```"
    for sent, answered in transcript():
        yield f"> {sent}"
        yield f"< {answered}"
    yield "```"


def transcript() -> list[tuple[str, str]]:
    """The lines of a real session."""
    from conformance.fixtures.dialects import default_dialect
    from conformance.transport import in_process as inprocess
    from conformance.transport.adapter import answer

    live = inprocess.reference(default_dialect())
    lines = []
    number = 0

    def perform(op: str, params: dict[str, Any]) -> Any:
        return None if op == "shutdown" else live.perform(op, params)

    for entry in TRANSCRIPT:
        requests = []
        for method, params in entry if isinstance(entry, list) else [entry]:
            number += 1
            request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            requests.append(request)
        answers = [answer(perform, request) for request in requests]
        batch = isinstance(entry, list)
        lines.append((_line(requests, batch), _line(answers, batch)))
    return lines


def _line(messages: list[Any], batch: bool) -> str:
    return json.dumps(messages if batch else messages[0], separators=(",", ":"))
