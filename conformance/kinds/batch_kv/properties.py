"""What there is to try of batch caches."""

from __future__ import annotations

from conformance.kinds.tokens.batch_drawing import BatchDrawing
from conformance.properties.kind_properties import KindProperties


class BatchKVDrawing(BatchDrawing):
    """Nothing but tokens."""

    label = "BatchKVCache"


PROPERTIES = KindProperties(drawing=BatchKVDrawing, beside=("kv",))
