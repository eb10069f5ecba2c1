"""Drawing from a seed until something is found, and making what was found small.

The one place that drives Hypothesis. The same seed and count draw the same in any process.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky

D = TypeVar("D")  # what is drawn
F = TypeVar("F")  # what is found in it

# A backend that crashes or hangs costs a start or a time limit for each attempt.
SHRINK_SECONDS = 30.0
SHRINK_ATTEMPTS = 500


@dataclass(frozen=True)
class Search(Generic[D, F]):
    """How something is looked for.

    `test` gives what is wrong with a drawn thing, or None. What is found must be of one `kind`
    while it is made small, which goes by `size`; what `is_final` stays as it is. `count` gets each
    drawn thing up to the first find.
    """

    drawing: st.SearchStrategy[D]
    test: Callable[[D], F | None]
    size: Callable[[F], int]
    kind: Callable[[F], object] = lambda found: None
    count: Callable[[D], object] = lambda drawn: None
    is_final: Callable[[F], bool] = lambda found: False

    def run(self, number: int, count: int) -> F | None:
        """Try `count` things drawn from the seed `number`; the smallest find, if there is one."""
        best: F | None = None
        until, attempts = 0.0, 0

        def tried(drawn: D) -> None:
            nonlocal best, until, attempts
            if best is not None:
                attempts += 1
                if time.monotonic() > until or attempts > SHRINK_ATTEMPTS:
                    raise _Enough
            try:
                found = self.test(drawn)
            finally:  # also of what Hypothesis gives up
                if best is None:
                    self.count(drawn)
            if found is None or (best is not None and self.kind(found) != self.kind(best)):
                return
            if best is None:
                until = time.monotonic() + SHRINK_SECONDS
            if best is None or self.size(found) <= self.size(best):
                best = found
            raise _Enough if self.is_final(found) else _Found

        self._drive(tried, number, count, (Phase.generate, Phase.shrink))
        return best

    def first(self, number: int, count: int) -> int | None:
        """Which of the drawn things, counted from 1, is the first in which something is found."""
        at = 0

        def tried(drawn: D) -> None:
            nonlocal at
            at += 1
            if self.test(drawn) is not None:
                raise _Enough

        return at if self._drive(tried, number, count, (Phase.generate,)) else None

    def _drive(
        self, tried: Callable[[D], None], number: int, count: int, phases: tuple[Phase, ...]
    ) -> bool:
        """Whether it ended early."""
        run = settings(
            max_examples=count, deadline=None, database=None, print_blob=False, phases=phases,
            report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
        )(seed(number)(given(self.drawing)(tried)))  # fmt: skip
        with contextlib.suppress(Flaky):
            try:
                run()
            except (_Found, _Enough):
                return True
        return False


class _Found(Exception):
    """Something was found in what was drawn."""


class _Enough(BaseException):
    """No more is wanted; not an Exception, so that it ends the engine at once."""
