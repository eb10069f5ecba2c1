"""`baseline update`: run the suite and bring a list of known failures up to date, in place."""

from __future__ import annotations

import argparse
import fnmatch
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import to_builtins

from conformance.cli.progress import along
from conformance.engine.baseline import BaselineFile, read
from conformance.engine.runner import Run, Terms
from conformance.engine.signature import holds, signature
from conformance.fixtures.load import load_suite
from conformance.fixtures.userfile import FixtureError
from conformance.fixtures.yamledit import ListEditor, written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.engine.verdict import Verdict

OPENS = ("backend",)  # backends that are opened in this process


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["update"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--backend", required=True)
    parser.add_argument("--dialect", help="default: the one that the backend declares")
    parser.add_argument("--fixtures", type=Path, metavar="DIR", help="your own chapters instead")
    parser.add_argument("--isolate", action="store_true", help="each case in a process apart")


def run(options: argparse.Namespace) -> int:
    suite = load_suite(options.fixtures)
    judged = Run(suite, options.backend, options.dialect, Terms(isolate=options.isolate))
    try:
        cases = list(suite.cases.values())
        verdicts = map(judged.verdict, along(cases, "judging"))
        failures = [verdict for verdict in verdicts if verdict.status.failed]
        for line in update(options.file, judged, failures):
            print(line)
    finally:
        judged.close()
    return 0


def update(path: Path, judged: Run, failures: Iterable[Verdict]) -> list[str]:
    """Rewrite `path`; the lines say what changed. New entries have an empty reason to fill in."""
    who = judged.handshake.implementation
    if path.exists():
        # one clear error before anything is rewritten
        file = read(path, judged.dialect.id, who)
        before = path.read_bytes().decode()
    else:
        file = BaselineFile(backend=f"{who.name} {who.version}".strip(), dialect=judged.dialect.id)
        before = written({"backend": file.backend, "dialect": file.dialect, "known-failing": []})
    editor = ListEditor(before, "known-failing", str(path))
    # What a pattern or a flaky entry lists stays theirs.
    theirs = [entry.case for entry in file.known_flaky]
    theirs += [entry.case for entry in file.known_failing if "*" in entry.case]
    by_case = {
        verdict.case: verdict
        for verdict in failures
        if not any(fnmatch.fnmatchcase(verdict.case, pattern) for pattern in theirs)
    }
    said = []
    for index, entry in enumerate(file.known_failing):
        if "*" in entry.case:
            said.append(f"kept, check it yourself: {entry.case}")
            continue
        verdict = by_case.pop(entry.case, None)
        if verdict is None:
            said.append(f"removed: {entry.case} does not fail any more")
            editor.remove(index)
        elif verdict.status.value != entry.verdict or not holds(entry.signature, verdict):
            said.append(f"changed: {entry.case} fails in another way")
            editor.replace(index, "verdict", verdict.status.value)
            editor.replace(index, "signature", to_builtins(signature(verdict)))
    for verdict in by_case.values():
        said.append(f"added, needs a reason: {verdict.case}")
        editor.add({"case": verdict.case, "verdict": verdict.status.value,
                    "signature": to_builtins(signature(verdict)), "reason": "",
                    "date": date.today().isoformat()})  # fmt: skip
    draft = path.with_name(path.name + ".new")
    try:
        draft.write_bytes(editor.text.encode())
        draft.replace(path)
    except OSError as error:
        raise FixtureError(f"{path}: cannot be written: {error.strerror}") from None
    return said or ["nothing to change"]
