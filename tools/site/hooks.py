"""What MkDocs calls: the content of a page is HTML already, and lies beside its frame."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_HEADING = re.compile(r'<h2 id="([^"]+)">(.*?)</h2>', re.DOTALL)
_TAG = re.compile(r"<[^>]+>")


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """The content of a page, and its headings for the search."""
    from mkdocs.structure.toc import get_toc

    content = Path(config.extra["contents"], f"{page.file.src_uri.removesuffix('.md')}.html")
    made = content.read_text(encoding="utf-8")
    page.toc = get_toc(
        [{"level": 2, "id": name, "name": _TAG.sub("", said).strip(), "children": []}
         for name, said in _HEADING.findall(made)]
    )  # fmt: skip
    return made
