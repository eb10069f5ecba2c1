"""`schema`: the generated JSON Schemas of the wire protocol and of a chapter file."""

from __future__ import annotations

import argparse
import json

from conformance import grammar
from conformance.kinds import KINDS


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["protocol", "chapter"])


def run(options: argparse.Namespace) -> int:
    wire = options.what == "protocol"
    made = grammar.protocol_schema(KINDS) if wire else grammar.chapter_schema(KINDS)
    print(json.dumps(made, indent=1, sort_keys=True))
    return 0
