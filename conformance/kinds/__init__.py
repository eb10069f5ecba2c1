"""The kinds that ship with the suite, a folder each."""

from __future__ import annotations

from conformance.engine.kinds import Kinds
from conformance.kinds.files import FILES
from conformance.kinds.slots import SLOTS

KINDS = Kinds((SLOTS, FILES))
