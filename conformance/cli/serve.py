"""`serve`: any backend over stdio, in the wire protocol."""

from __future__ import annotations

import argparse
import importlib
from functools import partial
from typing import Any

import msgspec

from conformance.engine.dialect import dialect_named
from conformance.transport import DEVICES, adapter, connect
from conformance.transport.backend import OperationRefused, from_wire, to_wire
from conformance.transport.in_process import InProcessBackend
from reference_impl import DIALECTS


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backend", default="reference")
    parser.add_argument("--dialect", help="of the reference; default: mlxrs-0.1")
    parser.add_argument("--device", choices=DEVICES, default="", help="where it computes")
    parser.add_argument("--forks", type=int, metavar="FD", help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    dialect = options.dialect
    if dialect not in DIALECTS:  # otherwise no fixtures are read: a start is short
        from conformance.fixtures.dialects import default_dialect, read_dialects  # noqa: PLC0415

        dialect = dialect or default_dialect()
        dialect_named(dialect, read_dialects())
    with connect(options.backend, dialect, device=options.device) as backend:
        if isinstance(backend, InProcessBackend):
            if options.forks is None:
                adapter.serve(backend.perform)
                return 0
            from conformance.transport.forking import serve_forks  # noqa: PLC0415

            importlib.import_module("conformance.transport.reference_files")  # as a file would
            forkable = not backend.handshake.implementation.accelerated
            service = partial(adapter.serve, backend.perform)
            serve_forks(options.forks, service, forkable)
            return 0

        def forward(op: str, params: dict[str, Any]) -> Any:
            if op == "initialize":
                return to_wire(_plain(backend.handshake))
            try:
                return to_wire(backend.call(op, **from_wire(params)))
            except OperationRefused as refusal:
                raise _Forwarded(refusal) from None

        adapter.serve(forward)
    return 0


class _Forwarded(Exception):
    """A refusal of the backend behind, with its own kind and payload."""

    def __init__(self, refusal: Any) -> None:
        super().__init__(refusal.message)
        self.kind = refusal.kind
        self.payload = refusal.payload


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)
