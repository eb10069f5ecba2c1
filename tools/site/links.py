"""Every link of a folder of pages leads somewhere: files and anchors, without a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

_ADDRESSES = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "srcset"}


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.ids |= {said for name in ("id", "name") if (said := found.get(name))}
        address = found.get(_ADDRESSES.get(tag, ""))
        if address is not None:
            self.links.append(address)


def broken(pages: Mapping[str, str], others: frozenset[str] = frozenset()) -> Iterator[str]:
    """Each link that leads nowhere. `pages` are texts by path, `others` further files."""
    read = {path: _Page(text) for path, text in pages.items()}
    for path, page in read.items():
        for link in page.links:
            parts = urlsplit(urljoin(f"/{path}", link))
            if parts.scheme or parts.netloc:
                continue
            target = unquote(parts.path).lstrip("/")
            if target == "" or target.endswith("/"):
                target += "index.html"
            if target not in read:
                if target not in others:
                    yield f"{path}: {link}: there is no {target}"
            elif parts.fragment and unquote(parts.fragment) not in read[target].ids:
                yield f"{path}: {link}: {target} has no such anchor"


def broken_in(folder: Path) -> list[str]:
    """Those of a built site."""
    files = {path.relative_to(folder).as_posix(): path
             for path in folder.rglob("*") if path.is_file()}  # fmt: skip
    pages = {name: path.read_text(encoding="utf-8") for name, path in files.items()
             if name.endswith(".html") and name != "404.html"}  # fmt: skip
    return list(broken(pages, frozenset(files)))
