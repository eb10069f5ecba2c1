"""docs/protocol.md: the wire protocol in words, made from the message types and a real session."""

from __future__ import annotations

import inspect
import json
import re
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
from conformance.transport.released import MLX
from tools.pages.templates import render

_MLX = re.compile('"mlx":"[^"]*"')
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
    """The whole document. KeyError for a type that has no words yet."""
    operations = KINDS.operations.values()
    return render(
        "protocol.md.j2",
        messages=[(kind.__name__, inspect.cleandoc(kind.__doc__ or ""), [*_fields(kind)])
                  for kind in dict.fromkeys(MESSAGES)],
        codes=CODES,
        session=[*_rows(o for o in operations if o.use is Use.SESSION)],
        kinds=[(kind.title, [*_rows(kind.operations[name] for name in kind.steps)], kind.about)
               for kind in KINDS],
        benchmarks=[*_rows(o for o in operations if o.use is Use.BENCHMARK)],
        # the page is the same whatever mlx it is made with
        transcript=[(sent, _MLX.sub(f'"mlx":"{MLX}"', said)) for sent, said in transcript()],
    )  # fmt: skip


def _fields(kind: type[msgspec.Struct]) -> Iterator[tuple[str, str, str]]:
    hints = typing.get_type_hints(kind)
    for info in msgspec.structs.fields(kind):
        needed = "required" if info.required else "may be left out"
        yield info.name, _type(hints[info.name]), needed


def _rows(operations: Iterable[Operation]) -> Iterator[tuple[str, str, str]]:
    """Name, arguments and result of each."""
    for operation in operations:
        arguments = (f"{a.name}: {a.form.words}" for a in operation.sent)
        shown = (
            text if argument.required else f"[{text}]"
            for argument, text in zip(operation.sent, arguments, strict=True)
        )  # fmt: skip
        yield operation.wire, ", ".join(shown), operation.result


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
