"""What there is to try of batch caches."""

from __future__ import annotations

from conformance.kinds.tokens.batch_drawing import BatchDrawing
from conformance.kinds.tokens.batch_laws import BatchTrial, laws
from conformance.properties.kind_properties import KindProperties

LAWS = laws(
    "batch-kv", BatchTrial, {
        "appending": ("BATCHKV-001", "BATCHKV-002"),
        "trimming": ("BATCHKV-011",),
        "masking": ("BATCHKV-005",),
        "ending": ("BATCHKV-009",),
        "leaving": ("BATCHKV-013",),
        "joining": ("BATCHKV-016", "BATCHKV-017"),
        "copying": ("BATCHKV-023",),
        "looking": ("BATCHKV-007",),
    },
)  # fmt: skip


class BatchKVDrawing(BatchDrawing):
    """Nothing but tokens."""

    label = "BatchKVCache"


PROPERTIES = KindProperties(drawing=BatchKVDrawing, beside=("kv",), laws=LAWS)
