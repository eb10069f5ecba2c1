"""The rules about English: each one is able to fail, and each kind of text is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.prose import __main__ as program
from tools.prose.rules import MOST_WORDS, RULES, TERMS, problems
from tools.prose.texts import Text, documents, fixture, helps, messages, paragraphs

ROOT = Path(__file__).resolve().parents[2]
MISSPELLED = {
    "left padding": "The left-padding is there.",
    "prompt-cache file": "It loads a prompt cache file.",
    "metadata": "The meta-data is there.",
    "mlx-lm": "MLX-LM reads it.",
    "mlx-swift-lm": "MLX-Swift-LM reads it.",
    "mlxrs": "mlx-rs reads it.",
    "safetensors": "A file of SafeTensors.",
    "Python": "A python class.",
    "GitHub": "An issue on Github.",
    "stdout": "A line on STDOUT.",
    "pytest": "A run of Pytest.",
    "dtype": "A tensor's data type.",
    "command line": "Options of the commandline.",
}


def found(text: str) -> set[str]:
    return {problem.rule for problem in problems(text)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_can_be_broken_and_kept(rule):
    assert rule.name in found(rule.breaks)
    assert rule.name not in found(rule.keeps)


@pytest.mark.parametrize("term", TERMS)
def test_each_term_can_be_misspelled(term):
    assert found(MISSPELLED[term]) == {"term"}
    assert found(f"This is about {term} and nothing else.") == set()


def test_a_sentence_has_a_bound():
    assert found("word " * MOST_WORDS + "end.") == {"long"}
    assert found("word " * (MOST_WORDS - 1) + "end. And another one.") == set()


def test_code_and_addresses_are_not_read():
    assert found("`is no number` at [the page](https://example.org/that-of)") == set()


def test_a_document_is_read_by_paragraph():
    page = "# Title\n\nOne\ntwo.\n\n- first\n  goes on\n- second\n\n| a | b |\n"
    page += "```sh\nis no text\n```\nlast\n"
    assert list(paragraphs(page, "page")) == [
        Text("page:1", "Title"), Text("page:3", "One two."), Text("page:6", "first goes on"),
        Text("page:8", "second"), Text("page:10", "a"), Text("page:10", "b"),
        Text("page:14", "last"),
    ]  # fmt: skip


def test_a_fixture_is_read_by_what_is_prose(tmp_path):
    file = tmp_path / "chapter.yaml"
    file.write_text(
        "cases:\n- id: a.b.c\n  why: A text is here.\n  cites: [this is not prose]\n"
        "  steps: [{op: get, expect: {trap: it ends the process}}]\n"
        "  not_applicable: {mlxrs: it has no such thing}\n"
    )
    read = {text.place: text.words for text in fixture(file, "f")}
    assert set(read.values()) == {"A text is here.", "it ends the process", "it has no such thing"}
    assert read["f:3"] == "A text is here."


def test_messages_are_read_and_names_are_not():
    source = '"""A docstring is not a message."""\nraise ValueError(f"{a} is no list of {b}")\n'
    source += 'x = "a_name"\n'
    assert list(messages(source, "m.py")) == [Text("m.py:2", "X is no list of X")]


def test_the_help_of_every_command_is_read():
    read = {text.place for text in helps()}
    assert {"run --help", "doctor --help", "inspect --help"} <= read


def test_documents_are_read_where_they_are_written():
    read = {text.place.split(":")[0] for text in documents(ROOT)}
    assert {"README.md", "docs/porting.md", "docs/protocol.md", "fixtures/README.md"} <= read
    assert not read & {"docs/SPEC.md", "docs/mutants.md"}


def test_a_problem_is_named_and_makes_it_red(monkeypatch, capsys):
    monkeypatch.setattr(program, "all_texts", lambda root: [Text("page:3", "A text is no number.")])
    assert program.main([]) == 1
    said = capsys.readouterr()
    assert said.out == "page:3: is-no: 'A text is no number.': say `is not a`, or what it is\n"
    assert said.err == "1 texts, 1 problems\n"


def test_a_place_can_be_chosen(monkeypatch, capsys):
    monkeypatch.setattr(program, "all_texts", lambda root: [Text("page:3", "A text is no number.")])
    assert program.main(["other"]) == 0
    assert capsys.readouterr().out == "0 texts, 0 problems\n"
