"""Where the fixtures lie that ship with the suite."""

from __future__ import annotations

from pathlib import Path

from conformance.yamlfile import FixtureError


def fixtures_folder() -> Path:
    """Inside an installed wheel, or beside the packages in a checkout."""
    here = Path(__file__).resolve().parent
    for folder in (here / "_fixtures", here.parent / "fixtures"):
        if folder.is_dir():
            return folder
    raise FixtureError(f"no fixtures beside {here}: reinstall mlx-cache-conformance")
