"""Reading YAML: the same data for every reader, within bounds, and each refusal with its line."""

from __future__ import annotations

import contextlib
import math
import os

import pytest
import yaml
from support.folder import CHAPTER, edited, line

from conformance.fixtures import yamlfile
from conformance.fixtures.userfile import FixtureError
from conformance.kinds import KINDS


def refused(raw: bytes | str) -> str:
    """What `parse` says of it, without the name of the file."""
    with pytest.raises(FixtureError) as error:
        yamlfile.parse(raw.encode() if isinstance(raw, str) else raw, "f")
    text = str(error.value)
    assert "\n" not in text
    assert text.startswith("f:")
    return text.removeprefix("f:")


# --------------------------------------------------------------------------- scalars


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # YAML 1.1 would read these as booleans, numbers, dates and merges
        *((word, word) for word in ("no", "No", "NO", "yes", "on", "off", "y", "n", "Off")),
        ("1_000", "1_000"), ("0b11", "0b11"), ("1:30", "1:30"), ("2024-01-31", "2024-01-31"),
        ("<<", "<<"), ("=", "="), ("1.2.3", "1.2.3"), ("a: b", {"a": "b"}),
        ("true", True), ("false", False), ("null", None), ("~", None), ("''", ""), ("'1'", "1"),
        ("0", 0), ("-7", -7), ("+7", 7), (str(2**70), 2**70),
        ("1.5", 1.5), ("-1.", -1.0), ("1e3", 1000.0), ("1.5E-3", 0.0015),
        (".inf", math.inf), ("-.inf", -math.inf), ("'0x1F'", "0x1F"), ("'True'", "True"),
        ("\ufeffa: 1", {"a": 1}),
    ],
)  # fmt: skip
def test_scalars(text, value):
    read = yamlfile.parse(text.encode(), "f")
    assert (type(read), read) == (type(value), value)


def test_nan():
    assert math.isnan(yamlfile.parse(b".nan", "f"))


@pytest.mark.parametrize(
    "text",
    ["True", "TRUE", "False", "FALSE", "Null", "NULL", "007", "-01", "00", "0x1F", "0o17", ".5",
     "-.5", ".5e3", ".Inf", "-.INF", ".NaN", ".NAN"],
)  # fmt: skip
def test_what_yaml_readers_disagree_on_is_refused(text):
    assert refused(f"a: 1\nb: {text}").startswith(f"2: {text} is not the same to every YAML reader")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3", "3: the key 'a' stands twice"),
        ("a:\n  - {b: 1, b: 1}", "2: the key 'b' stands twice"),
        ("1: a", "1: the key 1 is not a string; quote it"),
        ("a: 1\nnull: a", "2: the key null is not a string; quote it"),
        ("true: a", "1: the key true is not a string; quote it"),
        ("? [a]\n: b", "1: a list or a mapping is not a key"),
        ("? {a: 1}\n: b", "1: a list or a mapping is not a key"),
        ("a: &x {b: 1}\n!!merge <<: *x", "2: the key << is not a string; quote it"),
        ("!own a: 1", "1: the key a is not a string; quote it"),
        ("a: !!python/object/apply:os.getcwd []",
         "1: the tag tag:yaml.org,2002:python/object/apply:os.getcwd is not allowed"),
        ("\n!!python/name:os.system x", "2: the tag tag:yaml.org,2002:python/name:os.system is"),
        ("a: !!python/tuple [1]", "1: the tag tag:yaml.org,2002:python/tuple is not allowed"),
        ("a: !!binary aGk=", "1: the tag tag:yaml.org,2002:binary is not allowed"),
        ("a: !!set {b}", "1: the tag tag:yaml.org,2002:set is not allowed"),
        ("a: !!timestamp 2024-01-31", "1: the tag tag:yaml.org,2002:timestamp is not allowed"),
        ("a: !own 1", "1: the tag !own is not allowed: a fixture is plain data"),
        ("a: 1\nb: !!int x", "2: 'x' is not readable as int"),
        ("a: !!bool maybe", "1: 'maybe' is not readable as bool"),
        ("a: !!float x", "1: 'x' is not readable as float"),
        ("a: !!seq {b: 1}", "1: expected a sequence node"),
        ("a: !!map [1]", "1: expected a mapping node"),
        ("a: 1\n---\nb: 2", "2: "),
        ("a: [1\nb: 2", "2: "),
        ("a: 1\nb: *nowhere", "2: found undefined alias"),
        ("a: 1\n\tb: 2", "2: found "),
        ("a: 1\nb: %", "2: found character"),
        ("a: 1\nb: \x07", "2: not readable as YAML: "),
        ("a: \x00", "1: not readable as YAML: "),
        (b"a: 1\nb: \xff", "2: not UTF-8"),
        ("a: 1".encode("utf-16"), "1: not UTF-8"),
        (b"\xed\xa0\x80", "1: not UTF-8"),
    ],
)  # fmt: skip
def test_refusals_name_line_and_reason(text, problem):
    assert refused(text).startswith(problem)


def test_a_number_of_thousands_of_digits_is_no_crash():
    with contextlib.suppress(FixtureError):  # where Python bounds the conversion
        assert yamlfile.parse(b"a: " + b"9" * 5000, "f")["a"] == 10**5000 - 1


# --------------------------------------------------------------------------- bounds

REAL_PARSE = yaml.parse
DEPTH, NODES = yamlfile.MAX_DEPTH, yamlfile.MAX_NODES


def dashed(levels: int) -> str:
    """Two levels a column: a mapping, and a sequence that begins where its key does."""
    return "a:\n" + "".join(f"{' ' * i}-\n{' ' * (i + 1)}a:\n" for i in range(levels // 2))


def indented(levels: int) -> str:
    return "".join(f"{' ' * level}a:\n" for level in range(levels))


@pytest.mark.parametrize(
    ("spell", "problem"),
    [
        (lambda n: "[" * n + "]" * n, "1: "),
        (lambda n: "{a: " * n + "1" + "}" * n, "1: "),
        (lambda n: "- " * n + "1", "1: "),
        (lambda n: "? " * n + "a", "1: "),
        (indented, f"{DEPTH + 1}: "),
        (lambda n: "a: &a " + "[" * (n - 2) + "]" * (n - 2) + "\nb: [*a]", "2: "),
        (lambda n: indented(n - 32) + " " * (n - 32) + "[" * 32 + "]" * 32, f"{DEPTH - 31 + 1}: "),
        (lambda n: dashed(n) if n % 2 else dashed(n - 1) + "b: 1", f"{DEPTH + 1}: "),
    ],
)
def test_depth_is_bounded_before_anything_recursive(spell, problem):
    if not spell(1).startswith("?"):  # a mapping as a key is refused for itself
        yamlfile.parse(spell(DEPTH).encode(), "f")
    assert refused(spell(DEPTH + 1)) == f"{problem}nested deeper than {DEPTH}"


@pytest.mark.parametrize(
    "bomb", ["[" * 1_000_000, "{a: " * 500_000, "- " * 1_000_000, indented(2000)]
)
def test_a_depth_bomb_is_refused_at_once(bomb, monkeypatch):
    """Work is counted, not time: hardly more of the file is read than its depth may be."""
    events = 0

    def parse(raw, Loader):
        nonlocal events
        for event in REAL_PARSE(raw, Loader=Loader):
            events += 1
            yield event

    monkeypatch.setattr(yamlfile.yaml, "parse", parse)
    assert "nest" in refused(bomb)  # in our words, or in those of PyYAML since 6.0.4
    assert events < 10 * DEPTH


def test_brackets_in_text_are_not_depth():
    assert len(yamlfile.parse(b"- in [0, n)\n" * 100 + b"# " + b"[" * 100, "f")) == 100


def laughs(levels: int, width: int) -> str:
    lines = ["a0: &a0 [x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, levels)]
    return "\n".join(lines)


def test_an_alias_bomb_is_refused_where_it_goes_off():
    assert refused(laughs(60, 10)) == f"7: more than {NODES} nodes, aliases counted at each use"


def test_aliases_are_allowed():
    read = yamlfile.parse(b"a: &x [1, &y 2]\nb: *x\nc: *y", "f")
    assert read == {"a": [1, 2], "b": [1, 2], "c": 2}
    assert yamlfile.parse(laughs(4, 10).encode(), "f")["a3"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: &x [1, *x]", "1: the alias *x stands inside what it names"),
        ("a: &x\n  b: {c: [*x]}", "2: the alias *x stands inside what it names"),
        ("a: &x {b: &y [*x]}\nc: *y", "1: the alias *x stands"),
    ],
)
def test_an_alias_cycle_is_refused(text, problem):
    assert refused(text).startswith(problem)


def test_size_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(yamlfile, "MAX_FILE_BYTES", 10)
    path = tmp_path / "f.yaml"
    path.write_text("a: 1234567")
    assert yamlfile.read(path) == {"a": 1234567}
    path.write_text("a: 12345678")
    with pytest.raises(FixtureError) as error:
        yamlfile.read(path)
    assert str(error.value) == f"{path}: a fixture file has at most 10 bytes"


# --------------------------------------------------------------------------- files


def test_what_is_no_readable_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, reason in ((".", "it is not a file"), ("pipe", "it is not a file"),
                         ("none.yaml", "No such file or directory")):  # fmt: skip
        with pytest.raises(FixtureError) as error:
            yamlfile.read(tmp_path / name)
        assert str(error.value) == f"{tmp_path / name}: cannot be read: {reason}"


CASE_2 = """\
- id: mask.some
  requires: [MASK-001]
  why: Padding.
  given: {c: {size: 2}}
  steps:
  - op: make_mask
    n: 3
    expect: {value: null}
    unless:
      mlx-lm: {value: null}
      mlx-lm-0.31:
        error: ValueError
"""
LONG = CHAPTER + CASE_2


def decoded(tmp_path, text: str) -> str:
    """What `decode` says of a chapter file, without its path."""
    path = tmp_path / "chapter.yaml"
    path.write_text(text)
    with pytest.raises(FixtureError) as error:
        yamlfile.decode(path, KINDS.chapter, KINDS.resolved)
    return str(error.value).removeprefix(f"{path}:")


@pytest.mark.parametrize(
    ("edit", "blamed", "key", "message"),
    [
        (("about:", "abuot:"), "abuot", "abuot", "Object contains unknown field `abuot`"),
        (("  level: MUST\n", "  level: must\n"), "  level", "requirements[0].level",
         "Invalid enum value 'must'"),
        (("  why: Padding.\n", "  wyh: Padding.\n"), "  wyh", "cases[1].wyh",
         "Object contains unknown field `wyh`"),
        (("  why: Padding.\n", ""), "- id: mask.some", "cases[1]",
         "Object missing required field `why`"),
        (("error: ValueError", "eror: ValueError"), "        eror",
         "cases[1].steps[0].unless.mlx-lm-0.31.eror", "Object contains unknown field `eror`"),
        (("error: ValueError", "error: [ValueError]"), "        error",
         "cases[1].steps[0].unless.mlx-lm-0.31.error", "Expected `str`, got `array`"),
        (("id: mask.some", "id: 5"), "- id: 5", "cases[1].id", "Expected `str`, got `int`"),
    ],
)  # fmt: skip
def test_a_misfit_names_line_and_key(tmp_path, edit, blamed, key, message):
    text = edited(LONG, edit)
    assert decoded(tmp_path, text) == f"{line(text, blamed)}: {key}: {message}"


def test_the_faulty_one_of_several_keys_is_found(tmp_path):
    text = CHAPTER + "tensors:\n  a: {int8: [1]}\n  b.c: {int8: 1}\n  d: {int8: x}\n"
    assert decoded(tmp_path, text) == (
        f"{line(text, '  d: ')}: tensors.d.int8: Expected `bool | int | float | array`, got `str`"
    )


def test_unknown_operations_and_handles(tmp_path):
    text = edited(LONG, ("  - op: make_mask\n    n: 3\n    expect: {value: null}\n    unless:",
                         "  - op: mask\n    unless:"))  # fmt: skip
    assert decoded(tmp_path, text) == (
        f"{line(text, '  - op: mask')}: cases[1].steps[0].op: Invalid value 'mask'"
    ).replace("  - ", "")
    text = edited(CHAPTER, ("{size: 2}", "{sizes: 2}"))
    assert decoded(tmp_path, text) == (
        f"{line(text, '  given')}: cases[0].given.c.sizes: Object contains unknown field `sizes`"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1: the file is empty"),
        ("# nothing\n\n", "1: the file is empty"),
        ("[]", "1: the file: Expected `object`, got `array`"),
        ("just text", "1: the file: Expected `object`, got `str`"),
        ("\n\ntitle: x", "3: the file: Object missing required field `about`"),
    ],
)
def test_files_that_are_no_chapter(tmp_path, text, problem):
    assert decoded(tmp_path, text) == problem


def test_lines_of_places(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_text("a:\n- b: 1\n  c:\n  - 5\n  - 6\nd.e: 2\n")
    for where, expected in (((), 1), (("a",), 1), (("a", 0), 2), (("a", 0, "b"), 2),
                            (("a", 0, "c"), 3), (("a", 0, "c", 1), 5), (("d.e",), 6),
                            (("a", 7, "c"), 1), (("a", 0, "z", "y"), 2), (("z",), 1)):  # fmt: skip
        assert yamlfile.line_of(path, where) == expected, where
    assert yamlfile.spell(("a", 0, "c", 1)) == "a[0].c[1]"
