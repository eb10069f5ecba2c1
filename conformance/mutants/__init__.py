"""Mutants: deliberately wrong backends, by which the suite proves that it notices mistakes.

Each is the reference in one dialect with one rule taken wrongly, in a way in which a real port took
it or could have. A dozen of them are here as demonstrations: `mutant:NAME` is a backend string like
any other. The workshop has hundreds (tools/mutants).
"""
