"""Golden files: who writes which, and whether writing them again gives the same bytes."""

from __future__ import annotations

import datetime
import hashlib
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import yaml
from msgspec.structs import replace

from conformance.filetools.exchange import Progress, write_all
from conformance.filetools.goldens import read_provenance
from conformance.filetools.model import CaseFile, Golden, Provenance, folder, read_cases
from conformance.filetools.participants import Participant, participants
from conformance.filetools.safetensors import parse
from conformance.filetools.written import differences
from reference_impl.files import container, load
from reference_impl.files.readers import save_as

_ORIGINAL = "mlx-lm-0.32.2"  # whose files are converted where nothing else is
MAIN = "mlx-lm-main-2026-08-22"
_MAMBA = "mlx_lm.models.cache:MambaCache"  # there was no ArraysCache before 0.26


@dataclass(frozen=True)
class Writer:
    """A folder of golden files. `spec` is the backend string of who writes them; those that were
    `captured_elsewhere` are compared with what the reference writes, by content.
    """

    name: str
    spec: str
    layout: str
    revision: str
    notes: tuple[str, ...] = ()
    captured_elsewhere: bool = False


WRITERS = {
    writer.name: writer
    for writer in (
        Writer(
            "mlx-lm-0.19.1", f"pypi:mlx-lm==0.19.1:{_MAMBA}", "mlx-lm-0.28", "0.19.1",
            notes=("The first release whose files are known, with the mlx of today.",),
        ),
        Writer(
            "mlx-lm-0.22.5", f"pypi:mlx-lm==0.22.5:{_MAMBA}", "mlx-lm-0.28", "0.22.5",
        ),
        Writer("mlx-lm-0.26.4", "pypi:mlx-lm==0.26.4", "mlx-lm-0.28", "0.26.4"),
        Writer(
            "mlx-lm-0.28.0", "pypi:mlx-lm==0.28.0", "mlx-lm-0.28", "0.28.0",
            notes=("The last release with the step among the numbers of a RotatingKVCache.",),
        ),
        Writer("mlx-lm-0.28.1", "pypi:mlx-lm==0.28.1", "mlx-lm-0.31", "0.28.1"),
        Writer("mlx-lm-0.29.1", "pypi:mlx-lm==0.29.1", "mlx-lm-0.31", "0.29.1"),
        Writer(
            "mlx-lm-0.30.5", "pypi:mlx-lm==0.30.5", "mlx-lm-0.31", "0.30.5",
            notes=("The last release with MambaCache.",),
        ),
        Writer("mlx-lm-0.31.3", "pypi:mlx-lm==0.31.3", "mlx-lm-0.31", "0.31.3"),
        Writer("mlx-lm-0.32.2", "pypi:mlx-lm==0.32.2", "mlx-lm-0.32", "0.32.2"),
        Writer(
            MAIN, "pypi:mlx-lm==0.32.2", MAIN, "d78bf58e217c904ec282ed8da9b947491f78c022",
            notes=("Written by a checkout of that revision in the environment of 0.32.2: "
                   "git clone https://github.com/ml-explore/mlx-lm && git checkout d78bf58e, "
                   "then python -m tools.capture --source mlx-lm-main-2026-08-22=mlx-lm.",),
        ),
        *(
            Writer(name, f"reference@{dialect}", layout, "", captured_elsewhere=True)
            for name, dialect, layout in (
                ("mlxrs-0.1", "mlxrs-0.1", "mlxrs-0.1"),
                *((f"mlx-swift-lm-{version}", f"mlx-swift-lm-{version}", "mlx-swift-lm")
                  for version in ("3.31.3", "3.31.4", "14414441")),
            )
        ),
    )
}  # fmt: skip


def participant(writer: Writer, source: str | None = None) -> Participant:
    """Who writes; `source` is a checkout that takes the place of the installed package."""
    (who,) = participants(writer.spec)
    if writer.name == MAIN and source is None:
        raise ValueError(f"{MAIN} is no release: give --source {MAIN}=CHECKOUT")
    if source is None:
        return who
    path = str(Path(source).resolve())
    return Participant(writer.name, ("env", f"PYTHONPATH={path}", *who.command))


def cases_of(writer: Writer) -> CaseFile:
    """The cases that this writer is asked for."""
    cases = read_cases()
    return replace(cases, cases=[c for c in cases.cases if c.is_written_by(writer.name)])


def capture(writer: Writer, root: Path, source: str | None, progress: Progress) -> Provenance:
    """Write the golden files of one writer to `root`, and where they come from beside them."""
    target = root / writer.name
    cases = cases_of(writer)
    if writer.captured_elsewhere:
        cases = replace(cases, cases=[case for case in cases.cases if case.asked])
    outcomes = write_all(participant(writer, source), cases, target, progress)
    if writer.captured_elsewhere:
        outcomes |= _converted(writer, target)
    files = []
    for case, problem in outcomes.items():
        if problem is not None:
            files.append(Golden(case=case, cannot=problem))
            continue
        data = (target / f"{case}.safetensors").read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        files.append(Golden(case=case, bytes=len(data), sha256=digest))
    return Provenance(
        writer=writer.name,
        provenance="captured",
        layout=writer.layout,
        revision=writer.revision,
        date=datetime.date.today().isoformat(),
        command=f"python -m tools.capture {writer.name}",
        platform=f"{platform.system()} {platform.machine()}",
        notes=list(writer.notes),
        files=files,
    )


def _converted(writer: Writer, target: Path) -> dict[str, None]:
    """Contents that take several steps to make, in the layout of a writer that is not run here."""
    made: dict[str, None] = {}
    for case in cases_of(writer).cases:
        if not case.asked:
            content = load(folder() / _ORIGINAL / f"{case.id}.safetensors").content
            container.write(target / f"{case.id}.safetensors", save_as(writer.name, content))
            made[case.id] = None
    return made


def construct(writer: Writer, progress: Progress) -> int:
    """Add the files that a writer which was captured elsewhere has not, as the reference makes
    them; how many there are.
    """
    if not writer.captured_elsewhere:
        raise ValueError(f"{writer.name} can be captured here")
    stored = read_provenance(folder() / writer.name)
    known = {golden.case: golden for golden in stored.files}
    with tempfile.TemporaryDirectory() as place:
        again = capture(writer, Path(place), None, progress)
        for golden in again.files:
            if golden.case not in known and golden.cannot is None:
                name = f"{writer.name}/{golden.case}.safetensors"
                (folder() / name).write_bytes((Path(place) / name).read_bytes())
    files = [known.get(g.case, replace(g, constructed=g.cannot is None)) for g in again.files]
    record = replace(stored, files=files)
    (folder() / writer.name / "provenance.yaml").write_text(_yaml(record))
    return len(files) - len(known)


def store(writer: Writer, source: str | None, progress: Progress) -> Provenance:
    """Capture into the fixtures. ValueError where the writer does not run here."""
    if writer.captured_elsewhere:
        raise ValueError(f"{writer.name} was captured elsewhere; its provenance.yaml says how")
    record = capture(writer, folder(), source, progress)
    (folder() / writer.name / "provenance.yaml").write_text(_yaml(record))
    return record


def _yaml(record: Provenance) -> str:
    plain = msgspec.to_builtins(record)
    return str(yaml.safe_dump(plain, sort_keys=False, width=100, allow_unicode=True))


def check(writer: Writer, source: str | None, progress: Progress) -> Iterator[str]:
    """Capture again elsewhere; what is not the same as in the fixtures: byte for byte, or in
    content where this writer stands for one that gives its tensors another order in each save.
    """
    with tempfile.TemporaryDirectory() as place:
        again = capture(writer, Path(place), source, progress)
        stored = read_provenance(folder() / writer.name)
        known = {golden.case: golden for golden in stored.files}
        for golden in again.files:
            before = known.pop(golden.case, None)
            name = f"{writer.name}/{golden.case}"
            if before is None or before.cannot or golden.cannot or not writer.captured_elsewhere:
                if before != golden:
                    yield f"{name}: {_said(golden)}, stored {_said(before)}"
            else:
                yield from _content(name, Path(place) / f"{name}.safetensors")
        yield from (f"{writer.name}/{case}: is not written any more" for case in known)


def _content(name: str, path: Path) -> Iterator[str]:
    stored = parse((folder() / f"{name}.safetensors").read_bytes())
    for difference in differences(stored, path.read_bytes()):
        expected, got = difference.words()
        yield f"{name}: {difference.place}: {got}, stored {expected}"


def _said(golden: Golden | None) -> str:
    if golden is None:
        return "nothing"
    if golden.cannot:
        return f"cannot be written ({golden.cannot})"
    return f"{golden.bytes} bytes {(golden.sha256 or '')[:12]}"
