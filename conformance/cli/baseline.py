"""`baseline update`: run the suite and bring a list of known failures up to date, in place."""

from __future__ import annotations

import argparse
import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.engine.runner import Run
    from conformance.engine.signature import Signature
    from conformance.engine.verdict import Verdict


def register(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "baseline", help="rewrite a list of known failures from a run, keeping comments and reasons"
    )
    parser.add_argument("action", choices=["update"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--backend", required=True)
    parser.add_argument("--dialect", help="default: the one that the backend declares")
    parser.add_argument("--fixtures", type=Path, metavar="DIR", help="your own chapters instead")
    parser.add_argument("--isolate", action="store_true", help="each case in a process apart")
    parser.set_defaults(run=run, opens=("backend",))


def run(options: argparse.Namespace) -> int:
    from conformance.engine.runner import Run, Terms
    from conformance.fixtures.load import load_suite

    suite = load_suite(options.fixtures)
    judged = Run(suite, options.backend, options.dialect, Terms(isolate=options.isolate))
    try:
        failures = [verdict for verdict in _verdicts(judged) if verdict.status.failed]
        for line in update(options.file, judged, failures):
            print(line)
    finally:
        judged.close()
    return 0


def update(path: Path, judged: Run, failures: Iterable[Verdict]) -> list[str]:
    """Rewrite `path`; the lines say what changed. New entries have an empty reason to fill in."""
    from datetime import date

    from ruamel.yaml import YAML

    from conformance.engine.baseline import BaselineFile
    from conformance.engine.signature import holds, signature
    from conformance.fixtures.yamlfile import FixtureError, decode

    editor = YAML()
    editor.preserve_quotes = True
    editor.width = 100
    editor.indent(mapping=2, sequence=2, offset=0)
    who = judged.handshake.implementation
    if path.exists():
        file = decode(path, BaselineFile)  # one clear error before anything is rewritten
        if file.dialect != judged.dialect.id:
            raise FixtureError(
                f"{path}: is for the dialect {file.dialect}; this run judges by {judged.dialect.id}"
            )
        document = editor.load(path.read_bytes())
        signatures = [entry.signature for entry in file.known_failing]
    else:
        signatures = []
        document = {"backend": f"{who.name} {who.version}", "dialect": judged.dialect.id}
    listed = document.setdefault("known-failing", [])
    # What a pattern or a flaky entry lists stays theirs.
    theirs = [entry["case"] for entry in document.get("known-flaky") or []]
    theirs += [entry["case"] for entry in listed if "*" in entry["case"]]
    by_case = {
        verdict.case: verdict
        for verdict in failures
        if not any(fnmatch.fnmatchcase(verdict.case, pattern) for pattern in theirs)
    }
    said = []
    for index in reversed(range(len(listed))):
        entry = listed[index]
        if "*" in entry["case"]:
            said.append(f"kept, check it yourself: {entry['case']}")
            continue
        verdict = by_case.pop(entry["case"], None)
        if verdict is None:
            said.append(f"removed: {entry['case']} does not fail any more")
            del listed[index]
        elif verdict.status.value != entry["verdict"] or not holds(signatures[index], verdict):
            said.append(f"changed: {entry['case']} fails in another way")
            entry["verdict"] = verdict.status.value
            entry["signature"] = _on_one_line(signature(verdict))
    for verdict in by_case.values():
        said.append(f"added, needs a reason: {verdict.case}")
        listed.append({"case": verdict.case, "verdict": verdict.status.value,
                       "signature": _on_one_line(signature(verdict)), "reason": "",
                       "date": date.today().isoformat()})  # fmt: skip
    draft = path.with_name(path.name + ".new")
    try:
        with draft.open("w") as handle:
            editor.dump(document, handle)
        draft.replace(path)
    except OSError as error:
        raise FixtureError(f"{path}: cannot be written: {error.strerror}") from None
    return said or ["nothing to change"]


def _on_one_line(signature: Signature) -> Any:
    """A signature as the editor writes it on one line."""
    from msgspec import to_builtins
    from ruamel.yaml.comments import CommentedMap

    spelled = CommentedMap(to_builtins(signature))
    spelled.fa.set_flow_style()
    return spelled


def _verdicts(judged: Run) -> Iterable[Verdict]:
    """All verdicts, with a progress bar on a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    cases = list(judged.suite.cases.values())
    shown = track(cases, "judging", console=console, disable=not console.is_terminal)
    return [judged.verdict(case) for case in shown]
