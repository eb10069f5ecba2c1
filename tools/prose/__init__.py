"""Checks how the project's English is written: `python -m tools.prose`, a part of `make check`."""
