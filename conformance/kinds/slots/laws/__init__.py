"""Laws: sentences about any cache, each stated once and checked on the backend alone.

They know nothing of the reference, so that they hold the reference itself to account.
"""

from __future__ import annotations

from conformance.kinds.slots.laws import batch, restoring, rows, slots
from conformance.properties.law import Law

LAWS: dict[str, Law] = {
    law.id: law for module in (slots, rows, restoring, batch) for law in module.LAWS
}
