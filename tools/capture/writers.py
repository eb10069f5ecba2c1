"""Golden files: who writes which, and whether writing them again gives the same bytes."""

from __future__ import annotations

import datetime
import hashlib
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conformance.filetools.exchange import Progress, write_all
from conformance.filetools.goldens import read_provenance
from conformance.filetools.model import Golden, Provenance, folder, read_cases
from conformance.filetools.participants import Participant, participants

MAIN = "mlx-lm-main-2026-08-22"
_NO_CAPTURE = "constructed from the writer's source, which was read and not run"


@dataclass(frozen=True)
class Writer:
    """A folder of golden files. `spec` is the backend string of who writes them."""

    name: str
    spec: str
    layout: str
    revision: str
    provenance: str = "captured"
    notes: tuple[str, ...] = ()


WRITERS = {
    writer.name: writer
    for writer in (
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
        Writer(
            "mlxrs-0.1-constructed", "reference@mlxrs-0.1", "mlxrs-0.1",
            "mlxrs 0.1.0, revision 4b685ee", "constructed",
            (_NO_CAPTURE, "Those of mlxrs-0.1.0 are captured; these are of the common cases."),
        ),
        *(
            Writer(
                f"mlx-swift-lm-{version}", f"reference@mlx-swift-lm-{version}", "mlx-swift-lm",
                revision, "constructed", (_NO_CAPTURE,),
            )
            for version, revision in (
                ("3.31.3", "tag 3.31.3, Libraries/MLXLMCommon/KVCache.swift"),
                ("3.31.4", "tag 3.31.4, Libraries/MLXLMCommon/KVCache.swift"),
                ("14414441", "revision 14414441, Libraries/MLXLMCommon/KVCache.swift"),
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


def capture(writer: Writer, root: Path, source: str | None, progress: Progress) -> Provenance:
    """Write the golden files of one writer to `root`, and where they come from beside them."""
    target = root / writer.name
    outcomes = write_all(participant(writer, source), read_cases(), target, progress)
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
        provenance="captured" if writer.provenance == "captured" else "constructed",
        layout=writer.layout,
        revision=writer.revision,
        date=datetime.date.today().isoformat(),
        command=f"python -m tools.capture {writer.name}",
        platform=f"{platform.system()} {platform.machine()}",
        notes=list(writer.notes),
        files=files,
    )


def store(writer: Writer, source: str | None, progress: Progress) -> Provenance:
    """Capture into the fixtures."""
    record = capture(writer, folder(), source, progress)
    (folder() / writer.name / "provenance.yaml").write_text(_yaml(record))
    return record


def _yaml(record: Provenance) -> str:
    import msgspec
    import yaml

    plain = msgspec.to_builtins(record)
    return str(yaml.safe_dump(plain, sort_keys=False, width=100, allow_unicode=True))


def check(writer: Writer, source: str | None, progress: Progress) -> Iterator[str]:
    """Capture again elsewhere; what is not the same, byte for byte, as in the fixtures."""
    with tempfile.TemporaryDirectory() as place:
        again = capture(writer, Path(place), source, progress)
        stored = read_provenance(folder() / writer.name)
        known = {golden.case: golden for golden in stored.files}
        for golden in again.files:
            before = known.pop(golden.case, None)
            if before != golden:
                yield f"{writer.name}/{golden.case}: {_said(golden)}, stored {_said(before)}"
        yield from (f"{writer.name}/{case}: is not written any more" for case in known)


def _said(golden: Golden | None) -> str:
    if golden is None:
        return "nothing"
    if golden.cannot:
        return f"cannot be written ({golden.cannot})"
    return f"{golden.bytes} bytes {(golden.sha256 or '')[:12]}"
