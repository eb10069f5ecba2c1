"""`schema`: the generated JSON Schemas of the wire protocol and of a chapter file."""

from __future__ import annotations

import argparse
import json
from typing import Any


def register(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "schema",
        help="print the JSON Schema of the wire protocol or of a chapter file",
    )
    parser.add_argument("what", choices=["protocol", "chapter"])
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from conformance import grammar
    from conformance.kinds import KINDS

    wire = options.what == "protocol"
    made = grammar.protocol_schema(KINDS) if wire else grammar.chapter_schema(KINDS)
    print(json.dumps(made, indent=1, sort_keys=True))
    return 0
