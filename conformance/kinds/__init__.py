"""The kinds that ship with the suite, a folder each."""

from __future__ import annotations

from conformance.engine.kinds import Kinds
from conformance.kinds.batch_kv import BATCH_KV
from conformance.kinds.batch_rotating import BATCH_ROTATING
from conformance.kinds.chunked import CHUNKED
from conformance.kinds.concatenate import CONCATENATE
from conformance.kinds.files import FILES
from conformance.kinds.kv import KV
from conformance.kinds.list import LIST
from conformance.kinds.prompt import PROMPT
from conformance.kinds.quantized import QUANTIZED
from conformance.kinds.rotating import ROTATING
from conformance.kinds.slots import SLOTS

KINDS = Kinds((
    SLOTS, KV, CONCATENATE, ROTATING, QUANTIZED, CHUNKED, BATCH_KV, BATCH_ROTATING, LIST, PROMPT,
    FILES,
))  # fmt: skip
