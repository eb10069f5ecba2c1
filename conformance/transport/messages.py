"""The wire protocol as types: JSON-RPC 2.0, one message a line, UTF-8, stderr free for logs.

A client may put several requests in one line as a JSON-RPC batch; the server answers them in one
line, in the same order.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

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
    """Who is on the other side. `mlx` is the version of MLX that it computes with, `device` where:
    `cpu`, or `gpu` and perhaps its name.
    """

    name: str
    version: str
    language: str
    homepage: str = ""
    issues: str = ""
    mlx: str = ""
    device: str = ""

    @property
    def computes_on(self) -> str:
        """`cpu` or `gpu`, without a name; empty where the adapter does not say."""
        return self.device.partition(" ")[0]

    @property
    def accelerated(self) -> bool:
        """Whether it computes on something else than the processor."""
        return self.computes_on not in ("", "cpu")


class Handshake(msgspec.Struct, frozen=True):
    """The result of `initialize`. `capabilities` are the operations that the backend implements."""

    protocol: int
    implementation: Implementation
    dialect: str
    capabilities: list[str]
