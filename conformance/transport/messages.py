"""The wire protocol as types: JSON-RPC 2.0, one message a line, UTF-8, stderr free for logs.

A client may put several requests in one line as a JSON-RPC batch; the server answers them in one
line, in the same order. Schemas are generated from these types.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from conformance.engine.case import Chapter, StepBase

PROTOCOL_VERSION = 1
OPERATION_REFUSED = 1  # the implementation raised: `data` is ErrorData
UNKNOWN_CACHE = 2  # a handle that nothing has made, as when the operation that should have failed
UNKNOWN_OPERATION = -32601
INVALID_ARGUMENTS = -32602
ADAPTER_BUG = -32603


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """One operation."""

    id: int
    method: str
    params: dict[str, Any] = {}
    jsonrpc: Literal["2.0"] = "2.0"


class ErrorData(msgspec.Struct, frozen=True):
    """`kind` is the error's name in the implementation (`CapExceeded`, `ValueError`, ...)."""

    kind: str
    payload: dict[str, Any] = {}


class ErrorObject(msgspec.Struct, frozen=True):
    """JSON-RPC's error; `data` must be there when the code is OPERATION_REFUSED."""

    code: int
    message: str
    data: ErrorData | None = None


class Response(msgspec.Struct, frozen=True):
    """The answer to one request: `result` (which may be null) or `error`."""

    jsonrpc: Literal["2.0"]
    id: int | None
    result: Any = msgspec.UNSET
    error: ErrorObject | msgspec.UnsetType = msgspec.UNSET


class Implementation(msgspec.Struct, frozen=True):
    """Who is on the other side."""

    name: str
    version: str
    language: str
    homepage: str = ""
    issues: str = ""


class Handshake(msgspec.Struct, frozen=True):
    """The result of `initialize`. `capabilities` are the operations that the backend implements."""

    protocol: int
    implementation: Implementation
    dialect: str
    capabilities: list[str]


class WireTensor(msgspec.Struct, frozen=True):
    """MLX dtype name, shape, lower-case hex of the little-endian bytes in row-major order."""

    dtype: str
    shape: list[int]
    data: str


class WireSnapshot(msgspec.Struct, frozen=True):
    """The result of `snapshot`: only slots that are set are listed, by index."""

    class_name: str
    slot_count: int | None
    slots: dict[str, Any]
    left_padding: WireTensor | None
    lengths: WireTensor | None


# Whole prompt-cache files, which `interop` exchanges too; a backend may declare both.
FILE_OPERATIONS = ("save", "load")
# What benchmarks need: a cache of any size without sending it, and a clock on the backend's side.
BENCHMARK_OPERATIONS = ("fill", "measure")
# Operations that a case does not write as a step.
SESSION_OPERATIONS = ("initialize", "reset", "shutdown")


def case_operations() -> tuple[str, ...]:
    """The operations that a case can use."""
    return tuple(str(kind.__struct_config__.tag) for kind in StepBase.__subclasses__())


def declarable() -> frozenset[str]:
    """The operations that a backend may declare as its capabilities."""
    return frozenset({*case_operations(), *BENCHMARK_OPERATIONS})


def schema() -> dict[str, Any]:
    """JSON Schema of every message, generated from the types above."""
    types = [Request, Response, Handshake, WireTensor, WireSnapshot]
    (refs, definitions) = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mlx-cache-conformance wire protocol",
        "description": "One JSON-RPC 2.0 message, or a batch of them, a line.",
        "messages": dict(zip((kind.__name__ for kind in types), refs, strict=True)),
        "$defs": definitions,
    }


def fixture_schema() -> dict[str, Any]:
    """JSON Schema of a chapter file."""
    return msgspec.json.schema(Chapter)
