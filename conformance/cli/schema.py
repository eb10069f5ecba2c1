"""`schema`: the generated JSON Schemas, and the wire protocol as a page for readers."""

from __future__ import annotations

import argparse
import json
from typing import Any


def register(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "schema",
        help="print the JSON Schema of the wire protocol or of a chapter file; or docs/protocol.md",
    )
    parser.add_argument("what", choices=["protocol", "chapter", "page"])
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from conformance import protocol_page
    from conformance.transport import messages as protocol

    if options.what == "page":
        print(protocol_page.page(), end="")
        return 0
    made = protocol.schema() if options.what == "protocol" else protocol.fixture_schema()
    print(json.dumps(made, indent=1, sort_keys=True))
    return 0
