"""Laws of slot caches."""

from __future__ import annotations

from dataclasses import replace

from conformance.kinds.slots.laws import batch, restoring, rows, slots
from conformance.kinds.slots.laws.trial import SlotTrial

LAWS = tuple(
    replace(law, makes=SlotTrial)
    for module in (slots, rows, restoring, batch)
    for law in module.LAWS
)
