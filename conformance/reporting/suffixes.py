"""The names of the formats of a report, which the options name, and the suffixes of their files."""

from __future__ import annotations

from pathlib import Path

from conformance.suggestions import did_you_mean

# The first suffix is that of a new file; a format without any is asked for by name.
SUFFIXES: dict[str, tuple[str, ...]] = {
    "text": (".txt",),
    "json": (".json",),
    "junit": (".xml",),
    "markdown": (".md", ".markdown"),
    "html": (".html", ".htm"),
    "badge": (".svg",),
    "shields": (),
    "annotations": (),
    "outputs": (),
}


def chosen(path: Path | None, name: str | None, default: str) -> str:
    """The format of a file; ValueError for a name that there is not, and for a suffix of none."""
    if name is not None:
        if name not in SUFFIXES:
            raise ValueError(
                f"there is no format {name!r}; the formats are {', '.join(SUFFIXES)}"
                f"{did_you_mean(name, SUFFIXES, 1)}"
            )
        return name
    if path is None:
        return default
    suffix = path.suffix.lower()
    found = next((each for each, its in SUFFIXES.items() if suffix in its), None)
    if found is not None or not suffix:
        return found or default
    known = ", ".join(suffix for its in SUFFIXES.values() for suffix in its)
    raise ValueError(
        f"{path}: no format has the suffix {suffix}; there are {known}; or say which with "
        f"--report-format {' | '.join(SUFFIXES)}"
    )
