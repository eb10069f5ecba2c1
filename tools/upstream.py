"""Which releases upstream has that nobody here has looked at, and what they do.

    python -m tools.upstream          # asks the package index, and identifies what is new
    python -m tools.upstream --list   # names what is new, and runs nothing

A new release of mlx-lm or mlx-vlm is identified: the dialect that it follows, and what parts it
from that. With a new mlx the reference is judged in every dialect. Exit code 0: nothing is new; 1:
there is something to look at; 2: the index does not answer. Once somebody has looked, it goes into
tools/known_releases.yaml.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from conformance.engine.identification import identify
from conformance.engine.runner import Run
from conformance.fixtures.dialects import read_dialects
from conformance.fixtures.load import load_suite
from conformance.fixtures.userfolder import cache_folder
from conformance.reporting.identity import page
from conformance.transport.backend import BackendUnusable
from tools import versions

KNOWN = Path(__file__).with_name("known_releases.yaml")
INDEX = "https://pypi.org/pypi"
SECONDS = 30
MLX = "mlx"
_RELEASE = re.compile(r"\d+(\.\d+)*")  # none that is a draft of one

Version = tuple[int, ...]


class NoIndex(Exception):
    """The package index does not answer, or not as one."""


def known(path: Path = KNOWN) -> dict[str, str]:
    """The newest release of each that somebody has looked at."""
    return {str(name): str(version) for name, version in yaml.safe_load(path.read_text()).items()}


def ordered(version: str) -> Version:
    """A version as numbers, to compare it by."""
    return tuple(map(int, version.split(".")))


def asked(index: str, name: str) -> Mapping[str, Any]:
    """What the index says of a distribution; NoIndex says why it does not."""
    address = f"{index}/{name}/json"
    try:
        with urllib.request.urlopen(address, timeout=SECONDS) as answer:
            said = msgspec.json.decode(answer.read())
        releases: Mapping[str, Any] = said["releases"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "reason", None) or error
        raise NoIndex(
            f"{address} does not answer as a package index: {reason}; is there a network? Another "
            "index: --index URL"
        ) from None
    return releases


def newer(releases: Mapping[str, Any], than: str) -> list[str]:
    """The releases after one, the oldest first; not those that were withdrawn, nor drafts."""
    found = [
        version for version, files in releases.items()
        if _RELEASE.fullmatch(version) and ordered(version) > ordered(than)
        and any(not file.get("yanked") for file in files)
    ]  # fmt: skip
    return sorted(found, key=ordered)


def looked_at(name: str, version: str) -> Iterator[str]:
    """What a release does, line by line."""
    if name == MLX:
        yield from _mlx(version)
        return
    suite, backend = load_suite(), f"pypi:{name}=={version}"
    try:
        run = Run(suite, backend, suite.default_dialect.id)
    except BackendUnusable as error:
        yield f"{backend} cannot be run: {error}"
        return
    try:
        found = identify(run)
    finally:
        run.close()
    yield from page(found, suite, backend, run.handshake.implementation)


def _mlx(version: str) -> Iterator[str]:
    """The reference with a version of mlx, in every dialect."""
    setup = versions.Setup(f"mlx-{version}", versions.newest(version))
    try:
        python = versions.environment(setup, sys.executable, cache_folder() / "versions")
    except subprocess.CalledProcessError as error:
        yield f"mlx {version} cannot be installed: exit code {error.returncode}"
        return
    for dialect in read_dialects():
        green, line = versions.judged(python, dialect)
        yield f"{'green' if green else 'RED'}: {line}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--list", action="store_true", help="name what is new, and run nothing")
    parser.add_argument("--index", default=INDEX, metavar="URL", help=f"default: {INDEX}")
    options = parser.parse_args(arguments)
    looked = known()
    try:
        found = {name: newer(asked(options.index, name), than) for name, than in looked.items()}
    except NoIndex as error:
        print(error, file=sys.stderr)
        return 2
    for name, releases in found.items():
        said = f"new: {', '.join(releases)}" if releases else "nothing new"
        print(f"{name}, known up to {looked[name]}: {said}", flush=True)
    for name, releases in found.items():
        for version in [] if options.list else releases:
            print(f"\n{name} {version}", flush=True)
            for line in looked_at(name, version):
                print(f"  {line}".rstrip(), flush=True)
    if not any(found.values()):
        return 0
    print(f"\nwhen you have looked at them, write them into {KNOWN.name} beside this tool")
    return 1


if __name__ == "__main__":
    sys.exit(main())
