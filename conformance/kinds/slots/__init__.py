"""Slot caches: ArraysCache and MambaCache, the state tensors of a recurrent layer."""

from __future__ import annotations

from conformance.engine.kind import Kind, later_properties
from conformance.kinds.slots.dialects import INEXPRESSIBLE, NAME, STATE_SHAPES
from conformance.kinds.slots.doctoring import DOCTORING
from conformance.kinds.slots.given import GivenSlots, build, misfit
from conformance.kinds.slots.operations import OPERATIONS
from conformance.kinds.slots.snapshots import SNAPSHOTS

SLOTS = Kind(
    name=NAME,
    title="Slot caches",
    records=OPERATIONS,
    properties=later_properties(__name__),
    prefixed=False,  # the operations of version 1 of the protocol
    given=GivenSlots,
    build=build,
    misfit=misfit,
    doctoring=DOCTORING,
    state_shapes=STATE_SHAPES,
    inexpressible=INEXPRESSIBLE,
    snapshots=SNAPSHOTS,
)
