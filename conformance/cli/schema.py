"""`schema`: the generated JSON Schemas of the wire protocol, a chapter file and a report."""

from __future__ import annotations

import argparse
import json

from conformance import grammar
from conformance.kinds import KINDS
from conformance.reporting import json_report


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["protocol", "chapter", "report"])


def run(options: argparse.Namespace) -> int:
    made = {
        "protocol": lambda: grammar.protocol_schema(KINDS),
        "chapter": lambda: grammar.chapter_schema(KINDS),
        "report": json_report.schema,
    }[options.what]()
    print(json.dumps(made, indent=1, sort_keys=True))
    return 0
