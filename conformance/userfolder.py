"""Where the suite keeps what it would otherwise make again in every run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CACHE_VARIABLE = "MLX_CACHE_CONFORMANCE_CACHE"


def cache_folder() -> Path:
    """$MLX_CACHE_CONFORMANCE_CACHE, else a folder of its own in the user's cache folder."""
    if os.environ.get(CACHE_VARIABLE):
        told = os.environ[CACHE_VARIABLE]
        try:
            return Path(told).expanduser()
        except RuntimeError as error:
            raise ValueError(f"{CACHE_VARIABLE}={told}: {error}") from None
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "mlx-cache-conformance"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "mlx-cache-conformance"
