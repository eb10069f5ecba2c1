"""Benchmarks for any backend: what is timed at which sizes, against which limit, and in pairs.

`pytest --pyargs conformance --benchmark-only` runs them on one backend, `bench` compares two.
"""
