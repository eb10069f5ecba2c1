"""The ways in which a step can be expected to end: one module each, listed in `registry`."""
