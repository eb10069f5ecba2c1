"""Wrong user metadata in prompt-cache files."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable

from tools.mutants.forms import Change, keys, metadata, mutants, texts, values

Text = Callable[[str], str]
Table = dict[str, str]


def _first(count: int) -> Text:
    return lambda text: text[:count]


def _first_bytes(count: int) -> Text:
    return lambda text: text.encode()[:count].decode(errors="ignore")


def _without(pattern: str, by: str = "") -> Text:
    return lambda text: re.sub(pattern, by, text)


def _parsed(text: str) -> str:
    """A text that is JSON is written anew."""
    try:
        return json.dumps(json.loads(text))
    except ValueError:
        return text


def _number(text: str) -> str:
    return str(int(text)) if re.fullmatch(r"\d+", text) else text


def _kept(keep: Callable[[str, str], bool]) -> Change:
    return metadata(lambda table: {k: v for k, v in table.items() if keep(k, v)})


def _first_entries(count: int) -> Change:
    return metadata(lambda table: dict(list(table.items())[:count]))


def _each_case_once(table: Table) -> Table:
    found: Table = {}
    spelled: dict[str, str] = {}
    for key, value in table.items():
        found[spelled.setdefault(key.lower(), key)] = value
    return found


_WRONG = [
    ("text-stripped", "white space at both ends of values is gone", values(str.strip)),
    ("text-left-stripped", "white space in front of values is gone", values(str.lstrip)),
    ("text-right-stripped", "white space behind values is gone", values(str.rstrip)),
    ("key-stripped", "white space at both ends of keys is gone", keys(str.strip)),
    ("key-spaces-as-underscores", "spaces in keys are underscores",
     keys(lambda key: key.replace(" ", "_"))),
    ("text-spaces-collapsed", "several spaces are one", values(_without(" +", " "))),
    ("text-one-line", "a value ends at its first line", values(lambda t: t.partition("\n")[0])),
    ("text-no-tabs", "tabs are spaces", values(lambda t: t.replace("\t", " "))),
    ("text-of-64", "texts are cut at 64 letters", texts(_first(64))),
    ("text-of-128", "texts are cut at 128 letters", texts(_first(128))),
    ("text-of-255", "texts are cut at 255 letters", texts(_first(255))),
    ("text-of-256-bytes", "texts are cut at 256 bytes", texts(_first_bytes(256))),
    ("text-of-1024", "texts are cut at 1024 letters", texts(_first(1024))),
    ("text-of-4096", "texts are cut at 4096 letters", texts(_first(4096))),
    ("key-of-64", "keys are cut at 64 letters", keys(_first(64))),
    ("key-of-255", "keys are cut at 255 letters", keys(_first(255))),
    ("key-lower-case", "keys are in lower case", keys(str.lower)),
    ("key-title-case", "keys begin with a capital letter and go on with small ones",
     keys(str.capitalize)),
    ("text-lower-case", "values are in lower case", values(str.lower)),
    ("key-of-each-case-once", "keys that differ in their case are one", metadata(_each_case_once)),
    ("text-in-16-bits", "letters beyond 16 bits are question marks",
     texts(_without("[\U00010000-\U0010ffff]", "?"))),
    ("text-beyond-16-bits-lost", "letters beyond 16 bits are gone",
     texts(_without("[\U00010000-\U0010ffff]"))),
    ("text-in-latin-1", "letters beyond Latin-1 are question marks",
     texts(lambda t: t.encode("latin-1", "replace").decode("latin-1"))),
    ("text-in-ascii", "letters beyond ASCII are gone",
     texts(lambda t: t.encode("ascii", "ignore").decode())),
    ("text-composed", "letters with accents are composed",
     values(lambda t: unicodedata.normalize("NFC", t))),
    ("text-decomposed", "letters with accents are decomposed",
     values(lambda t: unicodedata.normalize("NFD", t))),
    ("text-byte-order-mark-lost", "a byte order mark is gone", values(_without("\ufeff"))),
    ("text-joiners-lost", "letters that nobody sees are gone", values(_without("[\u200b-\u200f]"))),
    ("text-control-lost", "control characters are gone",
     values(_without("[\\x00-\\x08\\x0b-\\x1f\\x7f]"))),
    ("text-escaped-twice", "a backslash is two", values(lambda t: t.replace("\\", "\\\\"))),
    ("text-backslash-lost", "a backslash is gone", values(_without(r"\\"))),
    ("text-single-quotes", "double quotes are single ones", values(lambda t: t.replace('"', "'"))),
    ("text-escaped-for-html", "signs that HTML has to escape are escaped",
     values(lambda t: t.replace("<", "&lt;").replace(">", "&gt;"))),
    ("text-as-json", "values that are JSON are written anew", values(_parsed)),
    ("text-null-lost", "the text null is nothing", _kept(lambda k, v: v != "null")),
    ("text-true-as-number", "the text true is 1", values(lambda t: "1" if t == "true" else t)),
    ("text-empty-lost", "entries without a value are gone", _kept(lambda k, v: v != "")),
    ("text-blank-lost", "entries of white space are gone", _kept(lambda k, v: v.strip() != "")),
    ("key-of-digits-lost", "entries whose key is made of digits are gone",
     _kept(lambda k, v: not k.isdigit())),
    ("key-of-digits-as-number", "keys of digits are numbers", keys(_number)),
    ("key-like-the-layout-lost", "keys that begin with a number and a dot are gone",
     _kept(lambda k, v: re.match(r"\d+\.", k) is None)),
    ("key-format-lost", "the key format is gone", _kept(lambda k, v: k != "format")),
    ("key-private-lost", "keys that begin with an underscore are gone",
     _kept(lambda k, v: not k.startswith("_"))),
    ("key-minus-lost", "keys that begin with a minus are gone",
     _kept(lambda k, v: not k.startswith("-"))),
    ("key-to-the-last-dot", "keys are what is behind their last dot",
     keys(lambda k: k.rpartition(".")[2] or k)),
    ("key-to-the-first-dot", "keys are what is before their first dot",
     keys(lambda k: k.partition(".")[0] or k)),
    ("key-of-three-parts", "keys have three parts at most",
     keys(lambda k: ".".join(k.split(".")[:3]))),
    ("ten-entries", "there are ten entries at most", _first_entries(10)),
    ("32-entries", "there are 32 entries at most", _first_entries(32)),
    ("50-entries", "there are 50 entries at most", _first_entries(50)),
]  # fmt: skip

MUTANTS = tuple(mutants("FILE-007", _WRONG))
