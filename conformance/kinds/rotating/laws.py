"""Laws of caches with a window."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from conformance.kinds.tokens.laws import TokenTrial, laws

_window = st.integers(2, 7)
_keep = st.integers(0, 3)


class RotatingTrial(TokenTrial):
    """A trial with a window that is larger than what is kept."""

    in_order = False
    max_size = 0
    keep = 0

    def arguments(self) -> dict[str, Any]:
        self.max_size = self.draw(_window)
        self.keep = min(self.draw(_keep), self.max_size - 1)
        return {"max_size": self.max_size, "keep": self.keep}

    def kept(self, tokens: list[int]) -> list[int]:
        surplus = max(len(tokens) - self.max_size, 0)
        return tokens[: self.keep] + tokens[self.keep + surplus :]

    def sinks(self) -> int:
        return 0 if self.carries("window-hides-what-is-kept") else self.keep

    def room(self) -> int:
        return self.max_size - 1


LAWS = laws(
    "rotating", RotatingTrial, {
        "appending": ("ROTATING-001", "ROTATING-003", "ROTATING-004", "ROTATING-005",
                      "ROTATING-006", "ROTATING-008"),
        "trimming": ("ROTATING-010",),
        "restoring": ("ROTATING-025",),
        "copying": ("ROTATING-029",),
        "looking": ("ROTATING-018",),
        "masking": ("ROTATING-013",),
    },
)  # fmt: skip
