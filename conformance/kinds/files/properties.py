"""What there is to try of prompt-cache files."""

from __future__ import annotations

from conformance.kinds.files.exchange import FileSearch
from conformance.properties.kind_properties import KindProperties

PROPERTIES = KindProperties(own=FileSearch())
