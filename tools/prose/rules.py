"""What a text may not say, rule by rule. `tests/workshop/test_prose.py` breaks each one.

The words in backquotes are code, and no rule looks at them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MOST_WORDS = 35  # in one sentence

# A full stop, a question mark or a colon at the end of a clause; an abbreviation ends none.
_END = re.compile(r"(?<!\be\.g)(?<!\bi\.e)(?<!\betc)[.?!;:]+[\"')\]]*(?:\s+|$)")
_CODE = re.compile(r"`[^`]*`")
_LINK = re.compile(r"\]\([^)]*\)")
_WORD = re.compile(r"\w[\w'./=:_-]*")


@dataclass(frozen=True)
class Rule:
    """One pattern that plain English avoids, with what to write instead."""

    name: str
    pattern: re.Pattern[str]
    instead: str
    breaks: str  # a sentence that breaks it
    keeps: str  # one that looks alike and does not


def _rule(name: str, pattern: str, instead: str, breaks: str, keeps: str) -> Rule:
    return Rule(name, re.compile(pattern), instead, breaks, keeps)


_BE = r"(?:is|are|was|were|be|being)"
_HELPS = rf"(?:{_BE}|does|do|did|has|have|had|can|may|must|will|would|should)"

RULES = (
    _rule(
        "is-no",
        rf"(?<![Tt]here )(?<!have )\b{_BE} (?:no(?! (?:longer|more|less|later|fewer)\b)|none)\b",
        "say `is not a`, or what it is",
        "A text is no number.",
        "There is no mask, and it is no longer read.",
    ),
    _rule(
        "inverted",
        rf"(?:(?:^|[.:;] )(?:Never|Nor|Neither|Nowhere|Seldom|Not only|Only then|So)|\bnor|, so)"
        rf" {_HELPS} \w+",
        "put the subject before the verb",
        "Never does it read the file.",
        "It never reads the file, and neither name is known.",
    ),
    _rule(
        "participle-first",
        r"(?:^|[.;] )[A-Z][a-z]+ed (?:are|is|was|were) (?!the default)\w+",
        "put the subject before the verb",
        "Declared are the operations that it has.",
        "The operations that it has are declared.",
    ),
    _rule(
        "that-of",
        r"\b(?:that|those) of\b",
        "name the thing again, or write `NAME's`",
        "The mask is that of the first row.",
        "The mask is the first row's.",
    ),
    _rule(
        "so-as-to",
        r"\bso as (?:not )?to\b|\bin order to\b",
        "write `to`, or `so that`",
        "It copies, so as to change nothing.",
        "It copies, so that nothing changes.",
    ),
    _rule(
        "ones-own",
        r"\bof one's own\b",
        "write `your own`",
        "A cache of one's own is judged.",
        "Your own cache is judged.",
    ),
    _rule(
        "who-for-whoever",
        r"\b(?:to|for|by|from|with) who\b|\bof who\b(?! reads)",
        "name the person or the thing",
        "It is clear to who reads it.",
        "It says who reads whom.",
    ),
    _rule(
        "what-of",
        r"\b(?:what|which) of (?:the|a|an|it|its|them|\w+)\b(?<!which of them)(?<!which of the)",
        "write `the part of ... that`",
        "It copies what of the cache is set.",
        "It says which of the two is set.",
    ),
    _rule(
        "in-whole",
        r"\b(?:in|as) whole\b",
        "write `whole`, `complete` or `as a whole`",
        "The file is read in whole.",
        "The whole file is read.",
    ),
    _rule(
        "archaic",
        r"\b(?i:anew|whence|whereby|wherein|thereof|therein|thereby|hereby|henceforth|lest|albeit"
        r"|save for|merely|amongst|whilst|hitherto|naught|nought|unto|upon|yonder|oneself)\b",
        "use the everyday word",
        "The page is made anew.",
        "The page is made again.",
    ),
    _rule(
        "has-not",
        r"\b(?:has|have|had) not(?=[.,;:)]|$| (?:the|a|an|any|it|been there)\b)",
        "write `does not have`",
        "It saves files, which the stand-in has not.",
        "It saves files, which the stand-in has not learned.",
    ),
    _rule(
        "no-more",
        r"\b(?:has|have|is|are|does|do|can) no more(?=[.,;:)]|$)|\band no more\b",
        "write `no longer`, or `nothing else`",
        "The suite has it no more, or it is no more.",
        "There are no more than two, and it is no longer there.",
    ),
    _rule(
        "mend",
        r"\b[Mm]end(?:s|ed|ing)?\b",
        "write `fix`",
        "The port is mended.",
        "The port is fixed.",
    ),
    _rule(
        "riddle",
        r"\b(?:unseen|alike|own up to|becomes? of|comes? back of|hears? of (?:it|that))\b"
        r"|\bor no (?=[Ii]nt|number)",
        "write `unchecked`, `in the same way`, `what happens to`, `must be told`, or `or not a`",
        "Three things are taken unseen.",
        "Three things are taken without a check.",
    ),
    _rule(
        "who-first",
        r"(?:^|[.:;] )Who (?:keeps|has|writes|takes|calls|looks|adds|uses)\b[^?]*$",
        "write `whoever`, or name the person",
        "Who writes into a buffer changes the cache.",
        "Who reads whom?",
    ),
    _rule(
        "is-to",
        r"\b(?:is|are|was|were) to [a-z]+\b",
        "write `must`, `should` or `will`",
        "What attention is to see is in the mask.",
        "What attention must see is in the mask.",
    ),
    _rule(
        "double-negation",
        r"\b(?:not|never|cannot) (?:without|un(?:known|seen|set|changed|like|read)|but)\b",
        "say it without the second negation",
        "The slot is not unset.",
        "The slot is not set.",
    ),
)

# How a term is spelled in docs/glossary.md, and how it is not.
TERMS = {
    "left padding": r"(?i:left-paddings?\b)",
    "prompt-cache file": r"(?i:\bprompt cache files?\b)",
    "metadata": r"(?i:\bmeta[- ]data\b)",
    "mlx-lm": r"\b(?:MLX-LM|MLX LM|Mlx-lm|mlxlm)\b",
    "mlx-swift-lm": r"\b(?:MLX-Swift-LM|mlx-swift-LM)\b",
    "mlxrs": r"\b(?:MLXRS|mlx-rs|Mlxrs)\b",
    "safetensors": r"\b(?:SafeTensors|Safetensors|safe tensors)\b",
    "Python": r"\bpython (?:class|code|program|file|module|port|script)\b",
    "GitHub": r"\b(?:Github|github)\b(?![./:-]\w)",
    "stdout": r"\b(?:STDOUT|Stdout|standard out)\b",
    "pytest": r"\b(?:Pytest|PyTest|py\.test)\b",
    "dtype": r"(?i:\bdata types?\b)|(?<!\.)\bDtype\b|\bd-type\b",
    "command line": r"\bcommandline\b|\bcommand-line\b(?! )",
}
_TERMS = tuple((term, re.compile(pattern)) for term, pattern in TERMS.items())


@dataclass(frozen=True)
class Problem:
    """What is wrong with a text: the rule, the words, and what to write instead."""

    rule: str
    words: str
    instead: str


def sentences(text: str) -> Iterator[str]:
    """The sentences of a paragraph; a colon or semicolon ends one, as a reader may pause there."""
    begin = 0
    for match in _END.finditer(text):
        yield text[begin : match.end()].strip()
        begin = match.end()
    if text[begin:].strip():
        yield text[begin:].strip()


def problems(text: str) -> Iterator[Problem]:
    """What the rules find in a paragraph without its markup."""
    plain = _LINK.sub("]", _CODE.sub("`x`", text))
    for rule in RULES:
        for match in rule.pattern.finditer(plain):
            yield Problem(rule.name, _around(plain, match), rule.instead)
    for term, pattern in _TERMS:
        for match in pattern.finditer(plain):
            yield Problem("term", _around(plain, match), f"the glossary spells it {term!r}")
    for sentence in sentences(plain):
        words = len(_WORD.findall(sentence))
        if words > MOST_WORDS:
            yield Problem("long", f"{sentence[:60]}...", f"{words} words; at most {MOST_WORDS}")


def _around(text: str, match: re.Match[str]) -> str:
    begin, end = max(0, match.start() - 25), min(len(text), match.end() + 25)
    return " ".join(text[begin:end].split())
