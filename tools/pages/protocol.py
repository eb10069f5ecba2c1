"""docs/protocol.md: the wire protocol in words, made from the message types and a real session."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from conformance.engine.operation import FORMS, Operation, Use
from conformance.fixtures.dialects import default_dialect
from conformance.kinds import KINDS
from conformance.tensor import WireTensor
from conformance.transport import messages as protocol
from conformance.transport.adapter import answer
from conformance.transport.python_adapters import reference

CODES = {
    protocol.OPERATION_REFUSED: "the implementation refused; `data` is an ErrorData",
    protocol.UNKNOWN_CACHE: "a handle that nothing has made, as after a `new` that was refused",
    protocol.UNKNOWN_OPERATION: "an operation that the handshake does not declare",
    protocol.INVALID_ARGUMENTS: "arguments that the operation does not take",
    protocol.ADAPTER_BUG: "the adapter could not put the result on the wire",
    -32700: "the line is not JSON; the id is null",
}
MESSAGES: tuple[Any, ...] = (
    protocol.Request, protocol.Response, protocol.ErrorObject, protocol.ErrorData,
    protocol.Handshake, protocol.Implementation, WireTensor,
    *(o.answer for o in KINDS.operations.values() if o.answer is not None),
)  # fmt: skip
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
- Nothing but answers goes to stdout. stderr is free, and quoted when the process dies.
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
    operations = KINDS.operations.values()
    yield "\n## Operations\n"
    yield "Named as in mlx-lm where it has a name for it. Arguments in brackets may be left out.\n"
    yield from _table(o for o in operations if o.use is Use.SESSION)
    for kind in KINDS:
        yield f"\n### {kind.title}\n"
        yield from _table(kind.operations[name] for name in kind.steps)
        yield from [kind.about.rstrip()] if kind.about else []
    yield "\n### Benchmarks\n"
    yield "For `mlx-cache-conformance bench` and `pytest --benchmark-only`:\n"
    yield from _table(o for o in operations if o.use is Use.BENCHMARK)


def _table(operations: Iterable[Operation]) -> Iterator[str]:
    yield "| operation | arguments | result |"
    yield "|---|---|---|"
    for operation in operations:
        arguments = (f"{a.name}: {a.form.words}" for a in operation.sent)
        shown = (
            text if argument.required else f"[{text}]"
            for argument, text in zip(operation.sent, arguments, strict=True)
        )  # fmt: skip
        yield f"| `{operation.wire}` | {', '.join(shown)} | {operation.result} |"


def _type(hint: Any) -> str:
    """A field's type as JSON has it."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint.__name__
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(f'`"{value}"`' for value in typing.get_args(hint))
    if typing.get_origin(hint) in (dict, list):
        return "object" if typing.get_origin(hint) is dict else FORMS[hint].words
    if hint is Any:
        return "any"
    if typing.get_args(hint):
        parts = [part for part in typing.get_args(hint) if part is not msgspec.UnsetType]
        return " or ".join("null" if part is type(None) else _type(part) for part in parts)
    return FORMS[hint].words


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
    live = reference(default_dialect())
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
