"""Every citation leads to a page, at the revision that was read."""

from __future__ import annotations

import re

import pytest

from conformance.fixtures.load import load_suite
from conformance.fixtures.sources import address, explained, sources
from conformance.reporting.explanation import explain
from conformance.reporting.pages import cited

SUITE = load_suite()
LM = "https://github.com/ml-explore/mlx-lm/blob/v0.31.3/mlx_lm/models/"


@pytest.mark.parametrize(
    ("cite", "found"),
    [
        ("mlx-lm 0.31.3 cache.py:692-695", f"{LM}cache.py#L692-L695"),
        ("mlx-lm 0.31.3 cache.py:12", f"{LM}cache.py#L12"),
        ("mlx-lm 0.31.3 base.py, create_attention_mask", f"{LM}base.py"),
        ("https://example.org/issues/1", "https://example.org/issues/1"),
        ("mlx-lm 0.31.3", None),
        ("mlx-lm 0.31.33 cache.py", None),
        ("seedling", None),
    ],
)
def test_a_citation_is_an_address(cite, found):
    assert address(cite) == found


def test_every_citation_of_a_requirement_leads_to_a_page():
    rows = SUITE.requirements.values()
    assert [(row.id, cite) for row in rows for cite in row.cites if address(cite) is None] == []


def test_every_source_is_pinned_and_cited():
    cites = [cite for row in SUITE.requirements.values() for cite in row.cites]
    for source in sources():
        assert re.search(r"/blob/(?:v?\d+\.\d+\.\d+|[0-9a-f]{40})/", source.url), source.name
        assert any(f"{cite} ".startswith(f"{source.name} ") for cite in cites), source.name


def test_explain_prints_the_address_and_what_the_seed_is():
    for name in ("MASK-004", "mask.both.combination"):
        lines = [line.strip() for line in explain(SUITE, name)]
        assert f"source: mlx-lm 0.31.3 cache.py:692-695  {LM}cache.py#L692-L695" in lines
        assert sum(line.startswith("seed: arrays.rs of mlxrs") for line in lines) == 1
    assert explained(["mlx-lm 0.31.3 cache.py:1"]) is None


def test_a_page_links_what_has_an_address():
    assert cited("mlx-lm 0.31.3 cache.py:12") == f"[mlx-lm 0.31.3 cache.py:12]({LM}cache.py#L12)"
    assert cited("https://example.org/") == "<https://example.org/>"
    assert cited("a talk") == "a talk"
