"""Conformance tests for MLX's slot cache (`ArraysCache` / `MambaCache`).

The stages of the data flow, one module each:
`load` reads fixtures into `model` structs, `plan` turns a case into calls for one dialect,
`execute` performs them on a backend, `judge` compares, `report` tells.
"""

__version__ = "0.1.0"
