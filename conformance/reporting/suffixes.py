"""The names of the formats of a report, with the suffixes of their files; the options name them."""

from __future__ import annotations

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
