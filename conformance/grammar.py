"""JSON Schemas, made from the types that read what they describe."""

from __future__ import annotations

from typing import Any

import msgspec

from conformance.engine.kinds import Kinds
from conformance.tensor import WireTensor
from conformance.transport.messages import Handshake, Request, Response


def protocol_schema(kinds: Kinds) -> dict[str, Any]:
    """JSON Schema of every message of the wire protocol, and of results that have a name."""
    answers = [o.answer for o in kinds.operations.values() if o.answer is not None]
    types: list[Any] = [Request, Response, Handshake, WireTensor, *answers]
    (refs, definitions) = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mlx-cache-conformance wire protocol",
        "description": "One JSON-RPC 2.0 message, or a batch of them, a line.",
        "messages": dict(zip((kind.__name__ for kind in types), refs, strict=True)),
        "$defs": definitions,
    }


def chapter_schema(kinds: Kinds) -> dict[str, Any]:
    """JSON Schema of a chapter file."""
    return msgspec.json.schema(kinds.chapter)
