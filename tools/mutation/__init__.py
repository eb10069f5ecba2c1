"""Mutation testing of the reference: what judges a change, and the page about the score."""
