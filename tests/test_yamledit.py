"""Editing a list in a YAML file: the edit is made, and nothing else in the file moves."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from conformance.fixtures.userfile import FixtureError
from conformance.fixtures.yamledit import ListEditor
from conformance.fixtures.yamlfile import parse

TEXT = """\
# whose
backend: 'my-port 1'   # a comment
known:
# first
- case: a
  reason: >-
    because
    of this
  # inside
  signature: "x: [y]"

# second
- {case: b, reason: c, signature: d}
-
  case: c
  signature: 'e'
  reason: f
other: [1, 2]
# the end
"""


def edited(text: str, *edits) -> str:
    editor = ListEditor(text, "known", "f.yaml")
    for name, *arguments in edits:
        getattr(editor, name)(*arguments)
    return editor.text


def test_nothing_to_do_changes_nothing():
    assert edited(TEXT) == TEXT


def test_an_entry_is_removed_and_the_comments_around_it_stay():
    assert edited(TEXT, ("remove", 1)) == TEXT.replace(
        "- {case: b, reason: c, signature: d}\n", ""
    )
    without = edited(TEXT, ("remove", 0))
    assert "# a comment\nknown:\n# first\n\n# second\n" in without
    assert edited(TEXT, ("remove", 2)).endswith("signature: d}\nother: [1, 2]\n# the end\n")
    assert "known: []\n" in edited(TEXT, ("remove", 0), ("remove", 1), ("remove", 2))


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("value", ["plain", "a: b, [c] # d", "'", '"', "é\n", "", "2026-01-01",
                                   {"op": "get", "place": "x, y"}])  # fmt: skip
def test_a_value_is_replaced_whatever_it_is(index, value):
    made = edited(TEXT, ("replace", index, "signature", value))
    assert parse(made.encode(), "f")["known"][index]["signature"] == value
    assert [a for a, b in zip(TEXT.splitlines(), made.splitlines(), strict=True) if a != b] == [
        line for line in TEXT.splitlines() if "signature" in line
    ][index : index + 1]


def test_a_folded_text_is_replaced():
    made = edited(TEXT, ("replace", 0, "reason", "new"))
    assert "  reason: new\n  # inside\n" in made


ENTRY = {"case": "z", "reason": "", "signature": {"op": "get"}}
ADDED = "- case: z\n  reason: ''\n  signature: {op: get}\n"


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (TEXT, TEXT.replace("  reason: f\n", f"  reason: f\n{ADDED}")),
        ("", f"known:\n{ADDED}"),
        ("a: 1", f"a: 1\nknown:\n{ADDED}"),
        ("known: []\nb: 2\n", f"known:\n{ADDED}b: 2\n"),
        ("known:\nb: 2\n", f"known:\n{ADDED}b: 2\n"),
        ("known:\n  - case: y\n", "known:\n  - case: y\n" + "".join(
            f"  {line}\n" for line in ADDED.splitlines())),
        ("known:\n- case: y", f"known:\n- case: y\n{ADDED}"),
    ],
)  # fmt: skip
def test_an_entry_is_added_at_the_end(text, made):
    assert edited(text, ("add", ENTRY)) == made


def test_all_at_once():
    made = edited(TEXT, ("remove", 2), ("replace", 1, "reason", "x"), ("add", ENTRY), ("remove", 0))
    read = parse(made.encode(), "f")
    assert read["known"] == [{"case": "b", "reason": "x", "signature": "d"}, ENTRY]
    assert read["other"] == [1, 2]


def test_a_list_in_brackets_is_refused_with_its_line():
    with pytest.raises(FixtureError, match=r"f\.yaml:2: the list known is written in brackets"):
        edited("a: 1\nknown: [{case: a}]\n", ("remove", 0))


def test_what_cannot_be_edited_is_an_error_and_no_damage():
    text = "known:\n- &a {case: a, reason: b}\n- *a\n"
    with pytest.raises(FixtureError, match="cannot be edited"):
        edited(text, ("remove", 0))


@given(st.lists(st.dictionaries(st.sampled_from("ab"), st.text(max_size=9), min_size=1)), st.data())
def test_any_list_and_any_edits(entries, data):
    text = yaml.safe_dump({"known": entries, "z": 1}, sort_keys=False, allow_unicode=True)
    try:
        editor = ListEditor(text, "known", "f")
    except FixtureError:
        return  # characters that no YAML file may have
    wanted = [dict(entry) for entry in editor.entries]  # as a reader has them
    for index in reversed(range(len(entries))):
        match data.draw(st.sampled_from(("keep", "remove", "replace"))):
            case "remove":
                editor.remove(index)
                del wanted[index]
            case "replace":
                field, value = data.draw(st.sampled_from(sorted(entries[index]))), "new: [x]"
                editor.replace(index, field, value)
                wanted[index][field] = value
    assert parse(editor.text.encode(), "f") == {"known": wanted, "z": 1}
