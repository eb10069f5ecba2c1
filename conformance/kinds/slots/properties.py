"""What there is to try of slot caches."""

from __future__ import annotations

from conformance.kinds.slots.drawing import SlotDrawing
from conformance.kinds.slots.laws import LAWS
from conformance.properties.kind_properties import KindProperties

PROPERTIES = KindProperties(drawing=SlotDrawing, laws=LAWS)
