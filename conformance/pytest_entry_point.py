"""The pytest plugin of the suite, as long as nobody asks for the suite: it does nothing.

The wheel has this file as the top-level module `mlx_cache_conformance_plugin`, which pytest imports
at the start of every run in the environment. It imports nothing of the package: in a folder with a
package of the same name that would be the wrong one, and it would stay the wrong one for the tests
there. A run that asks for the suite gets its options and hooks from `conformance.plugin`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

NAME = "conformance"
PLUGIN = "conformance.plugin"


@pytest.hookimpl(trylast=True)  # after the conftest.py files, whose options come first
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> None:
    ours = next((folder for folder in _packages() if _is_suite(folder)), None)
    manager = early_config.pluginmanager
    if ours is None or manager.has_plugin(PLUGIN):
        return
    by_name = _asked_by_name(early_config)
    if not by_name and not _asked_by_path(early_config, ours):
        return
    shadow = next(_packages())
    if shadow != ours:
        line = (
            f"mlx-cache-conformance: {shadow} shadows the suite, {ours}, as its folder is first on "
            "Python's path; `mlx-cache-conformance run` finds the suite from here too"
        )
        _, unknown = parser.parse_known_and_unknown_args(args)
        if not by_name or any(each.startswith("-") for each in unknown):
            raise pytest.UsageError(line)
        manager.register(_Shadowed(line))
        return
    try:
        manager.import_plugin(PLUGIN)
    except (ValueError, argparse.ArgumentError) as error:  # the latter since pytest 9.2
        raise pytest.UsageError(
            f"mlx-cache-conformance: {error}, by a conftest.py or plugin of this project; use "
            "`mlx-cache-conformance run`, or pytest with --noconftest"
        ) from None


class _Shadowed:
    """Says at the top of a run that the name which it was given stands for another package."""

    def __init__(self, line: str) -> None:
        self._line = line

    def pytest_report_header(self) -> str:
        return self._line


def _packages() -> Iterator[Path]:
    """The packages of this name on the path; an import finds the first."""
    for entry in sys.path:
        folder = Path(entry).absolute() / NAME
        if (folder / "__init__.py").is_file():
            yield folder


def _is_suite(folder: Path) -> bool:
    return (folder / "plugin.py").is_file() and (folder / "test_cases.py").is_file()


def _asked_by_name(config: pytest.Config) -> bool:
    given = config.known_args_namespace
    names = [each.partition("::")[0] for each in given.file_or_dir]
    return given.pyargs and any(f"{name}.".startswith(f"{NAME}.") for name in names)


def _asked_by_path(config: pytest.Config, ours: Path) -> bool:
    here = config.invocation_params.dir
    given = config.known_args_namespace.file_or_dir or [str(here)]
    paths = [(here / each.partition("::")[0]).resolve() for each in given]
    return any(ours.resolve() in (path, *path.parents) for path in paths if path.exists())
